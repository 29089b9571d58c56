"""Sections of the report, one subject a file.

answer       what comes first: conclusion, four sentences, two pictures
order        which sections there are, in which order and group
arms         what the arms are called, and what holds in them
headline     the figures of every arm
search       a search's figures
peers        the search less the baselines and the control; format
static       one chain for all inputs
controls     sampling, voting, options moved
ablation     skip-only, loop-only, both
analyses     difficulty, edits, robustness
layers       which layers are skipped and looped
states       similarity of layers and logit lens
comparison   several runs side by side
"""
