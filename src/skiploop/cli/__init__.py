"""The command line: one file a command. `skiploop --help` answers without torch.

main       the entry point
commands   the commands by name, and what the list of them says
model      `skiploop check` and `skiploop generate`
draw       `skiploop draw`
search     `skiploop search`
study      `skiploop study`
evaluate   `skiploop evaluate`
export     `skiploop export`
show       `skiploop show`
analyze    `skiploop analyze`
compare    `skiploop compare`
ablate     `skiploop ablate`
report     `skiploop report`
route      `skiploop route train`, `eval` and `apply`
flags      commands from functions, and flags from the fields of settings
prompt     `--show-prompt`: what a run would send
call       what a command is called with beside its settings, and what it works with
app        the application, errors, JSON
values     values of flags: lists, numbers, files
progress   how far a study is, on stderr
"""
