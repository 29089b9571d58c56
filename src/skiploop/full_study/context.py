"""What the parts of a full study have in common: what they work with, and what a part is. No torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from skiploop.engine.open import open_runner
from skiploop.engine.request import Runner
from skiploop.full_study.settings import FullSettings
from skiploop.studies.opening import StudyModel
from skiploop.studies.progress import Progress
from skiploop.tasks import Example, Task

MakeProgress = Callable[[str], Progress]
"""Progress for a part, given the name of the share that it shows."""


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
        progress: makes one for each part.
        given: a runner in place of the model's own, for tests.
    """

    out: Path
    pool: Task
    train: tuple[Example, ...]
    test: tuple[Example, ...]
    model: StudyModel
    settings: FullSettings
    progress: MakeProgress
    given: Runner | None = None

    @cached_property
    def runner(self) -> Runner:
        """What evaluates where a part doesn't open its own."""
        if self.given is not None:
            return self.given
        engine = self.settings.study.engine
        return open_runner(self.model, engine=engine.engine, batch_tokens=engine.batch_tokens)[0]

    @property
    def searched(self) -> tuple[Example, ...]:
        """The inputs of the search."""
        return self.test[: self.settings.study.search.limit]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a full study.

    Attributes:
        name: in study.json.
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
