"""Tasks: inputs with gold answers, where they come from, and how an answer is judged. No torch.

example    `Example`, one input, and `Verdict`, what an answer to it is worth
task       `Task`: examples with their prompts, limits and scoring
options    `TaskOptions`, what can be chosen of one
make       `make_task`: a task from a specification such as `gsm8k` or `jsonl:FILE`
settle     scoring, template and prompts where nothing else is said
prompts    templates, and options listed by letter
shots      examples that are shown before a question
dialogue   system prompt, shots and question, as text or as a conversation
rotation   options in another order
subset     `Subset`: some examples of a task
sample     balanced and seeded orders of examples
sources/   where rows come from
answers/   how answers are read and compared
metrics    accuracies of options that the field quotes
scorers/   how answers are judged: one scorer a file
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skiploop.tasks.example import Example as Example
    from skiploop.tasks.example import Verdict as Verdict
    from skiploop.tasks.make import make_task as make_task
    from skiploop.tasks.metrics import METRICS as METRICS
    from skiploop.tasks.options import TaskOptions as TaskOptions
    from skiploop.tasks.scorers.named import SCORINGS as SCORINGS
    from skiploop.tasks.subset import Subset as Subset
    from skiploop.tasks.task import Task as Task

# On first use: the command line reads `options` at each start, and what makes tasks takes longer to import than itself.
_HOME = {
    "METRICS": "metrics", "SCORINGS": "scorers.named", "Example": "example", "Subset": "subset",
    "Task": "task", "TaskOptions": "options", "Verdict": "example", "make_task": "make",
}  # fmt: skip
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"skiploop.tasks.{_HOME[name]}"), name)
    raise AttributeError(f"module 'skiploop.tasks' has no attribute {name!r}")
