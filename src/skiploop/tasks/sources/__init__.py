"""Where the rows of a task come from, and how they are read.

named           what a specification names, as examples
rows            rows of a file, as they are
hub             rows of a data set on the hub
formats         the benchmarks that are known by name
readers         from a row to an example, one function a benchmark
option_columns  options of a row that stand elsewhere than in a list
dart            levels of difficulty from fail rates (DART-Math)
reasoning_gym   generated problems with their own judge
"""
