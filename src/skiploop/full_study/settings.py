"""The settings of a full study: those of its parts. No torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from skiploop.errors import InvalidInput
from skiploop.settings.flag import ANALYSES, STATIC, Flag
from skiploop.studies.controls.settings import SamplingSettings
from skiploop.studies.settings import StudySettings
from skiploop.studies.static.settings import StaticSettings, StaticStudySettings
from skiploop.validate import whole_number


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
    static_budget: Annotated[int, Flag("Distinct chains of the static search.", panel=STATIC)] = 64
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    seeds: Annotated[int, Flag("Searches of each input, for its difficulty.", panel=ANALYSES)] = 5
    neighbours: Annotated[int, Flag("Neighbours of each chain, for its robustness.", panel=ANALYSES)] = 16

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

    @property
    def of_static(self) -> StaticStudySettings:
        """Of the search for one chain for all inputs."""
        return StaticStudySettings.of(self.of_parts, self.static).changed(budget=self.static_budget)

    def to_json(self) -> dict[str, Any]:
        """The sections, as run.json has them."""
        line = self.study.to_json()
        line |= {name: asdict(getattr(self, name)) for name in ("static", "sampling")}
        line["sampling"]["temperatures"] = list(self.sampling.temperatures)
        line["analyses"] = {name: getattr(self, name) for name in ("seeds", "neighbours")}
        return line | {"static_budget": self.static_budget}
