"""`skiploop study`: the search with everything that has to stand beside it, in one command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from skiploop.cli.app import print_json
from skiploop.cli.call import Model, Out, ShowPrompt, SpreadCall, TaskName
from skiploop.cli.flags import command
from skiploop.cli.prompt import show_prompt as print_prompt
from skiploop.cli.values import words
from skiploop.full_study.settings import FullSettings
from skiploop.tasks.options import TaskOptions

if TYPE_CHECKING:
    from skiploop.folders.full import FullStudy


@command
def study(
    *,
    model: Model = "nano",
    task: TaskName = "nano",
    settings: FullSettings,
    options: TaskOptions,
    without: Annotated[
        str | None, typer.Option(help="Parts to leave out, of sampling,options,ablation,analyses,report.")
    ] = None,
    show_prompt: ShowPrompt = False,
    out: Out = None,
    call: SpreadCall,
) -> None:
    """Search with all controls and analyses, and write a report. Given again, the same command resumes."""
    from skiploop.full_study.run import run_study

    left_out = () if without is None else words("--without", without)
    whole = call.tools.make_task(task, options)
    opened = call.prepare(model, settings.study.engine.trust_remote_code)
    if show_prompt:
        print_prompt(opened, whole, settings.study.engine, json=call.json)
        return
    with call.cluster(settings.study):
        found = run_study(
            opened,
            whole,
            out=out,
            settings=settings,
            execution=call.execution,
            without=left_out,
        )
    show_full(found, call.json)


def show_full(found: FullStudy, json: bool) -> None:
    """A full study, as JSON or for people."""
    from skiploop.reporting.terminal.console import make_console
    from skiploop.reporting.terminal.study import print_full

    if json:
        print_json(found.to_json())
    else:
        print_full(found, make_console())
