"""Sections of the report, one subject a file.

order        which sections there are, and in which order
headline     what comes first
search       a search's figures
peers        what the baselines find
static       one chain for all inputs
controls     sampling, voting, options moved
ablation     skip-only, loop-only, both
analyses     difficulty, edits, robustness
layers       which layers are skipped and looped
states       similarity of layers and logit lens
comparison   several runs side by side
"""
