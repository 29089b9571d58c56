"""What figures say. Each statement stands here once, as a function from typed figures to sentences, and is what the
terminal prints and the page shows. A sentence says what an interval shows, or that nothing is shown.

search     oracle accuracy, baselines, re-runs, format, and what qualifies them
controls   the control and its excess, sampling, options moved
static     one chain for all inputs
ablation   skip-only, loop-only and both
analyses   edits, difficulty, neighbours, similarity, logit lens
reading    which of these a run and a full study are summed up in
"""
