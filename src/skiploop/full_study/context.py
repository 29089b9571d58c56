"""What the parts of a full study have in common: their settings, what they work with, and what a part is. No torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from skiploop.engine.open import open_runner
from skiploop.engine.request import Runner
from skiploop.errors import InvalidInput
from skiploop.storage.files import Line
from skiploop.studies.controls.sampling import SamplingSettings
from skiploop.studies.opening import StudyModel
from skiploop.studies.progress import Progress
from skiploop.studies.settings import StudySettings
from skiploop.studies.static.study import StaticSettings
from skiploop.tasks import Example, Task
from skiploop.validate import whole_number

MakeProgress = Callable[[str], Progress]
"""Progress for a part, given the name of the share that it shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FullSettings:
    """What the parts do.

    Attributes:
        study: of the search: on the first `limit` inputs of the test split. Its space, engine, controls and seed are
            those of all parts.
        static: the split, and the search for one chain for all inputs.
        static_budget: distinct chains of that search.
        sampling: how the identity is sampled.
        seeds: searches of each input that its difficulty is measured by, the study's own included.
        neighbours: chains one edit away that are tried for robustness, at most.
    """

    study: StudySettings = field(default_factory=lambda: StudySettings().changed(limit=50))
    static: StaticSettings = field(default_factory=StaticSettings)
    static_budget: int = 64
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    seeds: int = 5
    neighbours: int = 16

    def __post_init__(self) -> None:
        limit = self.study.search.limit
        if limit is not None and limit > self.static.test:
            raise InvalidInput(
                f"limit={limit} inputs of the search are to be among the test inputs, of which there are "
                f"{self.static.test}; use fewer, or a larger --test"
            )
        whole_number("static_budget", self.static_budget, 1)
        whole_number("seeds", self.seeds, 2)
        whole_number("neighbours", self.neighbours, 1)

    @property
    def of_parts(self) -> StudySettings:
        """Of a part that is given its inputs."""
        return self.study.changed(limit=None)

    def to_json(self) -> dict[str, Any]:
        """The sections, as run.json has them."""
        line = self.study.to_json()
        line |= {name: asdict(getattr(self, name)) for name in ("static", "sampling")}
        line["sampling"]["temperatures"] = list(self.sampling.temperatures)
        line["analyses"] = {name: getattr(self, name) for name in ("seeds", "neighbours")}
        return line | {"static_budget": self.static_budget}


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
        run: does it, or what is left of it, and returns its figures.
        why_not: why a study can't have it; None if it can.
        optional: a study can be without it, as no other part needs it.
    """

    name: str
    place: str
    title: str
    run: Callable[[Context], Line]
    why_not: Callable[[Context], str | None] = lambda context: None
    optional: bool = False
