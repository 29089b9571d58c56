"""What a finished study says about layers, levels and budgets. Each module is one analysis.

`depths`, `usage` and `hits` read the journal alone. Those that run the model again are started by
`skiploop analyze RUN`, share their evaluations, and write `RUN/analysis/NAME.json`.

    depths       depth by difficulty
    usage        which layers chains use, and how evenly
    hits         right chains by arm
    ablation     skip-only, loop-only and both, paired
    difficulty   evaluations until the first success
    edits        which edits do the work
    subsets      chains with some of their edits undone, and a minimal set of edits that is enough
    robustness   rewards of a chain's neighbours
    similarity   how alike the states of layers are
    phases       layers as contiguous phases
    lens         the logit lens under chains
    figures/     what analyses find: a dataclass for each file
    settings     settings of analyses
    subject      what an analysis works with
    runs         which analyses there are, run and read
"""
