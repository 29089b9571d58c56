"""`skiploop study`: a search and everything that has to stand beside it, in one folder.

run           `run_study`: part by part, resumable
parts         the parts
later_parts   those that look at what the search has found
settings      those of the parts, in one
context       what a part works with
"""
