"""Studies: a searcher for each input, the controls beside it, and everything kept on disk. No torch at import.

search            `search`, `Study`, `load_study`: chains for each input
prepared          a search before its first evaluation: resolved, checked, on record
search_steps      a search from an open folder on, step by step
search_job        a search as it is sent to several processes
spread            work on single inputs, alone or in several processes: jobs, and how one process does one
merge             what several processes have written, put together as one process writes it
shards            where the parts of a study lie that several processes work on
settings          what a study does, apart from model and task
opening           a model and a task by name, as a study needs them
execution         what a study is run with: an engine, and what shows its progress
prompt_example    what is sent for an input, and what of its answer is judged
record            run.json: what a study is about, and whether two are about the same
folder            a study's folder
lines             lines of its journals, read and checked
arms              who searches for what, on which input, with which seed
evaluation        what the engine is asked for, and what its answer is worth
guide             how near a wrong answer came, for searchers alone
cache_policy      where a cache policy can't matter, it is refused
evaluations       pairs of input and chain, each evaluated once and journalled
recall            chains tried first because of earlier inputs
total_budget      which inputs are asked where they share a budget
equal_counts      two arms cut to the same evaluations, where inputs share a budget
rounds            all arms of all inputs in lock-step
worklist          work in units of several requests, journalled and resumed
results           what was found for each input
figures           the figures of a study
outcomes          what came of each input of a run
tables            studies as pandas and Parquet tables
html              studies as HTML tables, for notebooks
paired            two arms compared input by input
format_failures   answers that can't be read, before and after
warm_start        chains that are tried first
progress          how far a study is
clock             how long it takes, over all attempts
evaluate/         plain accuracy of the identity and of a chain
static/           one chain for all inputs
controls/         sampling and voting at equal layer calls, options moved
"""
