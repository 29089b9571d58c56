"""What a finished study says about layers, levels and budgets. Each module is one analysis.

`depths`, `usage` and `hits` read the journal alone. Those that run the model again (`difficulty`, `edits`,
`similarity`, `lens`, `robustness`) are started by `skiploop analyze RUN`, share their evaluations, and write
`RUN/analysis/NAME.json`; the docstring of each has the schema of its file.
"""
