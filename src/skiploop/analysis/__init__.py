"""What a finished study says about layers. Each module is one analysis; its docstring has the schema of its file.

Those that run the model again (`difficulty`, `edits`, `similarity`, `lens`, `robustness`) are started by
`skiploop analyze RUN`, share their evaluations, and write `RUN/analysis/NAME.json`.
"""
