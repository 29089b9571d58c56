"""Tasks: inputs with gold answers, where they come from, and how an answer is judged. No torch in here."""

from skiploop.tasks.example import Example, Verdict
from skiploop.tasks.load import TaskOptions, make_task
from skiploop.tasks.task import LENGTH_NORMS, SCORINGS, Task

__all__ = ["LENGTH_NORMS", "SCORINGS", "Example", "Task", "TaskOptions", "Verdict", "make_task"]
