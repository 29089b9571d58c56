"""`skiploop ablate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from skiploop.cli.app import print_json
from skiploop.cli.call import Call, Model, Out, ShowPrompt, TaskName
from skiploop.cli.flags import Without, command
from skiploop.cli.prompt import show_prompt as print_prompt
from skiploop.studies.settings import StudySettings
from skiploop.tasks.options import TaskOptions

if TYPE_CHECKING:
    from skiploop.analysis.ablation import Ablation


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

    whole = call.tools.make_task(task, options)
    opened = call.prepare(model, study.engine.trust_remote_code)
    if show_prompt:
        print_prompt(opened, whole, study.engine, limit=study.search.limit, json=call.json)
        return
    show_ablation(run_ablation(opened, whole, out=out, settings=study, execution=call.execution), call.json)


def show_ablation(found: Ablation, json: bool) -> None:
    """An ablation, as JSON or for people."""
    from skiploop.reporting.terminal.ablation import print_ablation
    from skiploop.reporting.terminal.console import make_console

    if json:
        print_json(found.to_json())
    else:
        print_ablation(found, make_console())
