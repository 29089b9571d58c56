"""The command line: one file a command. `skiploop --help` answers without torch.

main       the entry point; `check`, `generate`, `draw`
search     `skiploop search`
study      `skiploop study`
show       `skiploop show`
analyze    `skiploop analyze` and `skiploop ablate`
report     `skiploop report`
flags      what commands share: flags, errors, JSON
values     values of flags: lists, numbers, files
progress   how far a study is, on stderr
"""
