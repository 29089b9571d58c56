"""Pretrained models whose layers can be run in any order, exactly. Needs torch; knows nothing of tasks or searches.

layered          `LayeredModel`: a model with its tokenizer, logits and generation under a chain
loading          from a name or a folder to a model
files            what is refused of a checkpoint's files
adapters         adapters of PEFT, merged into their base
ends             where a text ends, and how it is continued
stops            texts at which a generated text ends
chat             a tokenizer's chat template
chain_config     `chain_config.json`: a chain and its base in a few hundred bytes
custom_generate  `decoding`: a chain for the stock `generate` of a plain model
check            may chains be run on this model at all?
replay           `run_chain`: the model's own forward, its layers called in the order of a chain
recorded_calls   what a forward passes to its layers, kept for later calls
exits            tokens read off earlier slots
states           hidden states after each slot, recorded
slots            keys and values of each slot
damping          what damped loops and scaled slots do to hidden states
unroll           a copy of the model whose layers are those of a chain: the yardstick of exactness
save_unrolled    that copy as a checkpoint
out_of_memory    telling that memory ran out
influence        how much each layer changes its input (ShortGPT)
gates            gates of layers, trained by gradient
"""
