"""What a finished study says about layers, levels and budgets. Each module is one analysis.

`depths`, `usage` and `hits` read the journal alone. Those that run the model again are started by
`skiploop analyze RUN`, share their evaluations, and write `RUN/analysis/NAME.json`; the docstring of each has the
schema of its file.

    depths       depth by difficulty
    usage        which layers chains use, and how evenly
    hits         right chains by arm
    ablation     skip-only, loop-only and both, paired
    difficulty   evaluations until the first success
    edits        which edits do the work
    minimise     a smallest set of edits that still does it
    subsets      sets of edits
    robustness   rewards of a chain's neighbours
    similarity   how alike the states of layers are
    phases       layers as contiguous phases
    lens         the logit lens under chains
    states       hidden states, recorded
    subject      what an analysis works with
    runs         which analyses there are, run and read
"""
