"""Plain accuracy of a model on a task, and of a chain beside it: `skiploop evaluate`.

settings   what can be chosen
items      each input evaluated, of a task of ours or of lm-evaluation-harness
figures    every metric with its interval, and the chain against the identity
work       an evaluation that can begin, in one process or several
html       an HTML table, for notebooks
study      `evaluate`, and the folder that it leaves
"""
