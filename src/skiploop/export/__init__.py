"""A chain as a folder that other tools load.

export    writes a chain in one of four forms, loads it back and compares
config    the configuration of a model whose stack is a chain; what can't be said in one is refused
tensors   copies a checkpoint's tensors, layer by layer in the chain's order, shard by shard
tied      the code of a model whose repeated slots share their weights
gguf      a GGUF file with its blocks in the chain's order
verify    the exported model against the chain on its base
card      the model card
place     a folder that is there whole or not at all
"""
