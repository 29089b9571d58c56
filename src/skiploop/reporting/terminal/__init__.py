"""Studies for people at a terminal: a table, at most six sentences, three examples, and where the study is.

console   how lines, tables and fields are printed
search    a search with chains for each input
evaluate  a plain evaluation
route     rules of routers and their opponents
compare   two runs, paired
inputs    single inputs: examples, and one in full
static    one chain for all inputs
study     a full study
ablation  skip-only, loop-only and both
"""
