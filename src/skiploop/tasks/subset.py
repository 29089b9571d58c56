"""Some examples of a task."""

from __future__ import annotations

from dataclasses import dataclass

from skiploop.errors import InvalidInput
from skiploop.tasks.example import Example
from skiploop.tasks.task import Task


@dataclass(frozen=True, slots=True)
class Subset:
    """Some examples of a task, which are still examples of all of it: wrong answers come from the whole task.

    Attributes:
        whole: the task.
        examples: those of it that are wanted, in their order.

    Raises:
        InvalidInput: an example that isn't the task's.
    """

    whole: Task
    examples: tuple[Example, ...]

    def __post_init__(self) -> None:
        known = {example.id for example in self.whole.examples}
        for example in self.examples:
            if example.id not in known:
                raise InvalidInput(f"{example.id!r} is no example of the task {self.whole.name!r}")
