"""Many chains on many inputs at once, with the results of one chain at a time. `request` and `open` import no torch.

request         what is asked for, and what comes back
plain           one chain after another: the yardstick
engine          `Engine`: prefixes shared, layers batched across chains and inputs
common_tokens   which prompts of a batch begin with the same tokens
preamble        keys and values of these tokens, once for all of the prompts
sharing         which sequences are run after such a preamble
prefix          states of common prefixes of chains, and which layer is called next
rope            rotary embeddings that change with the longest sequence of a batch
packing         many sequences in one tensor
score_batch     the sequences that are scored together
cost            layer calls and tokens that were run
sequences       requests as token sequences
scoring         log-likelihoods and verdicts for requests that follow different chains
targets         logits against targets
unconditional   options scored where nothing stands before them
decoding        generation for rows that follow different chains
decode_batch    the rows that are decoded together
decode_steps    damped loops and scaled slots in a decoding step
decode_calls    the layer calls of one token, and their keys and values
call_order      the fewest layer calls for a set of chains
captured_step   a decoding step that a CUDA graph can replay
sampling        drawing one token from logits
open            which engine runs the requests
under_policy    a cache policy for every generation of a runner
selftest        is a batched path exact on this model?
allocator       freed memory that the C library keeps between batches
"""
