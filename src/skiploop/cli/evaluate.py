"""`skiploop evaluate`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from skiploop.cli.app import print_json
from skiploop.cli.call import Model, Out, ShowPrompt, SpreadCall, TaskName
from skiploop.cli.flags import Without, command
from skiploop.cli.prompt import show_prompt as print_prompt
from skiploop.studies.evaluate.settings import EvaluateSettings
from skiploop.tasks.options import TaskOptions

if TYPE_CHECKING:
    from skiploop.studies.evaluate.study import Evaluated


@command
def evaluate(
    *,
    model: Model = "nano",
    task: TaskName = "nano",
    settings: EvaluateSettings,
    options: Annotated[TaskOptions, Without("limit", "metric")],
    show_prompt: ShowPrompt = False,
    out: Out = None,
    call: SpreadCall,
) -> None:
    """Plain accuracy with intervals by every metric, of the model and of a chain; lm:TASK for lm-evaluation-harness."""
    from skiploop.studies.evaluate.study import evaluate as run_evaluation
    from skiploop.studies.evaluate.work import HARNESS

    harness = task.startswith(HARNESS)
    if harness:
        call.refuse((*_OF_OWN_TASKS, "show_prompt", "ray"), f"--task {task}")
        settings = replace(settings, shots=options.shots)
    whole = task if harness else call.tools.make_task(task, options)
    opened = call.prepare(model, settings.engine.trust_remote_code)
    if show_prompt and not isinstance(whole, str):
        print_prompt(opened, whole, settings.engine, limit=settings.limit, json=call.json)
        return
    show_evaluated(run_evaluation(opened, whole, out=out, settings=settings, execution=call.execution), call.json)


_OF_OWN_TASKS = tuple(name for name in TaskOptions.__dataclass_fields__ if name not in ("limit", "shots"))


def show_evaluated(found: Evaluated, json: bool) -> None:
    """An evaluation, as JSON or for people."""
    from skiploop.reporting.terminal.console import make_console
    from skiploop.reporting.terminal.evaluate import print_evaluated

    if json:
        print_json(found.to_json())
    else:
        print_evaluated(found, make_console())
