"""What the parts of a full study have in common: what they work with, and what a part is. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from skiploop.engine.request import Runner
from skiploop.full_study.settings import FullSettings
from skiploop.studies.execution import Execution
from skiploop.studies.opening import StudyModel
from skiploop.tasks import Example, Subset, Task


@dataclass(frozen=True)  # without slots: the runner is opened on first use and kept
class Context:
    """What a part works with.

    Attributes:
        out: the study's folder.
        pool: the task.
        train: inputs on which things are chosen.
        test: inputs on which they are reported; no question is in both.
        model: opened.
        settings: of all parts.
        execution: what evaluates in a part that opens its own runner, and what shows its progress.
        run: what run.json says of the study.
    """

    out: Path
    pool: Task
    train: tuple[Example, ...]
    test: tuple[Example, ...]
    model: StudyModel
    settings: FullSettings
    execution: Execution
    run: Mapping[str, Any]

    @cached_property
    def runner(self) -> Runner:
        """What evaluates where a part doesn't open its own."""
        return self.execution.open_runner(self.model, self.settings.study.engine)[0]

    @property
    def searched(self) -> Subset:
        """The inputs of the search."""
        return Subset(self.pool, self.test[: self.settings.study.search.limit])


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a full study.

    Attributes:
        name: in parts.json.
        place: its folder or file, relative to the study's folder.
        title: for people.
        run: does it, or what is left of it; its figures are in `place` then.
        why_not: why a study can't have it; None if it can.
        optional: a study can be without it, as no other part needs it.
    """

    name: str
    place: str
    title: str
    run: Callable[[Context], None]
    why_not: Callable[[Context], str | None] = lambda context: None
    optional: bool = False
