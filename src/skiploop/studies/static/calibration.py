"""Other inputs to choose a chain on, which are neither training nor test inputs: a control. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from skiploop.errors import InvalidInput
from skiploop.tasks import Example, Task, make_task
from skiploop.tasks.sample import balanced_order, question_key

HALF = "half"
"""More inputs of the same task."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Inputs that the search is made on once more.

    Attributes:
        source: `half`, or the specification of another task.
        task: whose they are; answers are judged as it says.
        examples: the inputs.
    """

    source: str
    task: Task
    examples: tuple[Example, ...]


def calibration_task(source: str | None, pool: Task) -> Task | None:
    """The task of the other inputs: the same one, another one, or None where they aren't wanted."""
    if source is None:
        return None
    return pool if source == HALF else make_task(source)


def calibration(source: str, task: Task, taken: Sequence[Example], count: int) -> Calibration:
    """As many inputs, balanced over levels and families; none of their questions is taken.

    Raises:
        InvalidInput: there aren't as many.
    """
    known = {question_key(example) for example in taken}
    left = [example for example in task.deduplicated().examples if question_key(example) not in known]
    if len(left) < count:
        raise InvalidInput(
            f"swap={source!r} takes {count} more inputs of {task.name!r}, which has {len(left)} left beside the "
            "training and test inputs; use fewer (--train, --test), or another task"
        )
    return Calibration(source, task, tuple([left[place] for place in balanced_order(left, 0)[:count]]))
