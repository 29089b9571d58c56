"""One chain for all inputs, chosen on a training split and reported on a test split.

study         `search_static`, `StaticStudy`, `load_static`
work          searches, chooses on training inputs, reports on test inputs
settings      the split, the bounds, and what stands beside the search
split         training and test inputs
calibration   other inputs to choose on, as a control
cached_chain  a chain with the cache policy under which it is run
race          many chains on few inputs, few chains on all
within_depth  a search among chains of few layer calls
selection     the best chain, the cheapest one, the best for each number of layer calls
references    other ways to choose a chain: blocks, Block Influence, gates
margin        is a chain as accurate as the identity, within a margin?
figures       what was chosen, and how accurate it is
tables        rows for pandas and Parquet
html          an HTML table, for notebooks
wall_clock    seconds beside layer calls
"""
