"""What can be chosen when a task is made."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated

from skiploop.settings.flag import TASK, Flag


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """What can be chosen when a task is made; None means the format's default or all.

    Attributes:
        split: split of a hub dataset or of nano, `test` by default.
        levels: levels to keep.
        families: families to keep.
        limit: size of a sample that is balanced over levels and families.
        seed: seed of that sample.
        prompt: prompt template, or `@FILE`.
        scoring: see task.py.
        max_new_tokens: limit of a generation.
        length_norm: what the log-likelihood of a choice is divided by: tokens, bytes, none.
        rotate: by how many places the options are moved up cyclically.
        difficulty: for `dart`: a file that gives each question's fail rate, see dart.py.
        difficulty_cuts: for `dart`: the four fail rates at which levels 2 to 5 begin; None: fifths.
    """

    split: Annotated[str | None, Flag("Of the data set (default: by task).", panel=TASK)] = None
    levels: Annotated[Collection[int] | None, Flag("Such as 1,2.", panel=TASK)] = None
    families: Annotated[Collection[str] | None, Flag("Such as sort,dates.", panel=TASK)] = None
    limit: int | None = None
    seed: int = 0
    prompt: Annotated[str | None, Flag("A template with {question}, or @FILE.", panel=TASK)] = None
    scoring: Annotated[str | None, Flag("verbatim, exact, numeric, math, choice or letter.", panel=TASK)] = None
    max_new_tokens: Annotated[int | None, Flag("Limit of an answer, its end included.", panel=TASK)] = None
    length_norm: str = "tokens"
    rotate: int = 0
    difficulty: Annotated[str | None, Flag("A file of fail rates, for dart and dart-1 to dart-5.", panel=TASK)] = None
    difficulty_cuts: Annotated[
        Sequence[float] | None, Flag("Where levels 2 to 5 begin, such as .2,.4,.6,.8.", panel=TASK)
    ] = None
