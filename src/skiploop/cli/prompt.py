"""`--show-prompt`: what a run would send."""

from __future__ import annotations

from typing import Any

from skiploop.cli.app import print_json, tell
from skiploop.studies.settings import EngineSettings
from skiploop.tasks import Task


def show_prompt(model: Any, task: Task, engine: EngineSettings, *, limit: int | None = None, json: bool) -> None:
    """Prints the prompt of the first input and how it is judged.

    Args:
        model: its name, or opened.
        task: whole.
        engine: how a model is opened.
        limit: size of the sample whose first input is meant; None: all inputs.
        json: for machines.
    """
    from skiploop.models.layered import LayeredModel
    from skiploop.studies.prompt_example import prompt_example, shown_lines

    opened = LayeredModel.from_pretrained(model, **engine.opening) if isinstance(model, str) else model
    asked = task.for_model(opened.chat)
    shown = prompt_example(asked if limit is None else asked.limit(limit), opened)
    if json:
        print_json(shown)
        return
    for line in shown_lines(shown):
        tell(line)
