"""Training and test inputs of a task."""

from __future__ import annotations

from skiploop.errors import InvalidInput
from skiploop.tasks import Example, Task
from skiploop.tasks.sample import balanced_order

Splits = tuple[tuple[Example, ...], tuple[Example, ...]]
"""Training and test inputs."""


def split(task: Task, train: int, test: int) -> Splits:
    """Training and test inputs, balanced over levels and families; no question is in both.

    Raises:
        InvalidInput: the task has too few distinct questions.
    """
    distinct = task.deduplicated()
    if len(distinct) < train + test:
        raise InvalidInput(
            f"the task {task.name!r} has {len(distinct)} distinct questions, and {train} + {test} are wanted for "
            "training and test; use fewer (--train, --test)"
        )
    order = balanced_order(distinct.examples, 0)
    parts = order[:train], order[train : train + test]
    first, second = (tuple([distinct.examples[i] for i in part]) for part in parts)
    return first, second
