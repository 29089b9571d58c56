"""One chain for all inputs, chosen on a training split and reported on a test split.

study        `search_static`, `StaticStudy`, `load_static`
settings     the split, and what stands beside the search
split        training and test inputs
race         many chains on few inputs, few chains on all
references   other ways to choose a chain: blocks, Block Influence, gates
figures      what was chosen, and how accurate it is
"""
