"""A chain as a folder that other tools load.

run         `export_chain`: plans, writes, loads back, compares
settings    the forms of an export
plan        what is known before anything is written
flat        a stock checkpoint whose layers are the chain
tied        one copy of each layer, and the file that runs the chain:
modeling_layer_chain  which goes into the folder
gguf_file   a file that llama.cpp and transformers read
code_only   a folder without weights, for the stock `generate` of the base
config      the configuration of a model whose layers are a chain; what can't be said in one is refused
tensors     copies a checkpoint's tensors, layer by layer in the chain's order, shard by shard
checkpoint  the files of the base
verify      the exported model against the chain on its base
figures     the chain of a study, and what was measured of it
card        the model card
hub         the folder as a repository of the hub
place       a folder that is there whole or not at all
"""
