"""Tasks: inputs with gold answers, where they come from, and how an answer is judged. No torch.

example    `Example`, one input, and `Verdict`, what an answer to it is worth
task       `Task`: examples with their prompts, limits and scoring
make       `make_task`: a task from a specification such as `gsm8k` or `jsonl:FILE`
prompts    templates, and options shown in another order
sample     balanced and seeded orders of examples
sources/   where rows come from
answers/   how answers are judged
"""

from skiploop.tasks.example import Example, Verdict
from skiploop.tasks.make import TaskOptions, make_task
from skiploop.tasks.task import LENGTH_NORMS, SCORINGS, Task

__all__ = ["LENGTH_NORMS", "SCORINGS", "Example", "Task", "TaskOptions", "Verdict", "make_task"]
