"""`skiploop ablate`."""

from __future__ import annotations

from typing import Annotated

import typer

from skiploop.cli.app import print_json
from skiploop.cli.call import Call, Model, Out, ShowPrompt, TaskName
from skiploop.cli.flags import Without, command
from skiploop.cli.prompt import show_prompt as print_prompt
from skiploop.studies.settings import StudySettings
from skiploop.tasks.options import TaskOptions


@command
def ablate(
    *,
    model: Model = "nano",
    task: TaskName = "nano",
    study: Annotated[StudySettings, Without("name")],
    options: TaskOptions,
    show_prompt: ShowPrompt = False,
    out: Out = None,
    call: Call,
) -> None:
    """Search skip-only, loop-only and with both, and compare. Given again, the same command resumes."""
    from skiploop.analysis.ablation import ablate as run_ablation
    from skiploop.analysis.ablation import reading

    whole = call.tools.make_task(task, options)
    opened = call.prepare(model, study.engine.trust_remote_code)
    if show_prompt:
        print_prompt(opened, whole, study.engine, limit=study.search.limit, json=call.json)
        return
    found = run_ablation(
        opened,
        whole,
        out=out,
        settings=study,
        execution=call.execution,
    )
    if call.json:
        print_json(found.table | {"out": str(found.out)})
        return
    for line in reading(found.table):
        typer.echo(line)
    typer.echo(f"The studies are in {found.out}; oracle figures need the gold answer")
