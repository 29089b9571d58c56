"""A full study's folder, read: run.json, how far each part is, and the figures of those that are complete.

study = load_full("runs/nano")
study.parts.search.oracle_accuracy
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from skiploop.analysis.ablation import FILE as ABLATION
from skiploop.analysis.figures.ablation import AblationFigures
from skiploop.analysis.figures.analyses import Analyses, read_analyses
from skiploop.storage.files import Line, read_json, unsealed
from skiploop.storage.records import Record, as_json, from_json, read_record
from skiploop.studies.controls.rotation_figures import RotationFigures
from skiploop.studies.controls.sampling_figures import SamplingFigures
from skiploop.studies.figures import SearchFigures
from skiploop.studies.folder import read_run, read_summary
from skiploop.studies.html import safe, search_html
from skiploop.studies.static.figures import StaticFigures
from skiploop.studies.static.html import static_html

KIND = "full"
STATES = "parts.json"
Status = Literal["pending", "running", "complete", "not applicable", "left out"]
_SETTLED = ("complete", "not applicable", "left out")


@dataclass(frozen=True, slots=True)
class PartState:
    """How far a part is.

    Attributes:
        title: for people.
        place: its folder or file in that of the study.
        status: `running` also where it was stopped.
        reason: why it doesn't apply; None where it does.
        seconds: that it took, over all attempts.
    """

    title: str
    place: str
    status: Status = "pending"
    reason: str | None = None
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.title}: {self.status}{'' if self.reason is None else f': {self.reason}'}"


@dataclass(frozen=True, slots=True)
class PartFigures:
    """The figures of the parts; None: not complete, not applicable, or left out.

    Attributes:
        search: chains for each input.
        static: one chain for all inputs.
        sampling: samples and votes at equal layer calls.
        options: options moved.
        ablation: skip-only and loop-only beside both.
        analyses: of the search.
    """

    search: SearchFigures | None = None
    static: StaticFigures | None = None
    sampling: SamplingFigures | None = None
    options: RotationFigures | None = None
    ablation: AblationFigures | None = None
    analyses: Analyses = field(default_factory=Analyses)

    def to_json(self) -> Line:
        """By name, those that there are; the analyses without what they say of single inputs."""
        names = ("search", "static", "sampling", "options", "ablation")
        line = {name: as_json(figures) for name in names if (figures := getattr(self, name)) is not None}
        return line | ({"analyses": self.analyses.to_json()} if self.analyses.names else {})


@dataclass(frozen=True, slots=True)
class FullStudy:
    """A full study, loaded from its folder.

    Attributes:
        out: the folder.
        run: what was asked for, and of what: run.json.
        states: how far each part is, by name; empty before the first one has begun.
        parts: the figures of each part that is complete.
    """

    out: Path
    run: dict[str, Any]
    states: Mapping[str, PartState]
    parts: PartFigures

    @property
    def complete(self) -> bool:
        """Whether every part is complete, doesn't apply, or is left out."""
        return bool(self.states) and all(state.status in _SETTLED for state in self.states.values())

    @property
    def status(self) -> str:
        """`complete` or `incomplete`."""
        return "complete" if self.complete else "incomplete"

    def _repr_html_(self) -> str:
        head = f"A full study, {self.status}, in {self.out}"
        parts = [] if self.parts.search is None else [search_html(self.parts.search, self.out / "search")]
        parts += [] if self.parts.static is None else [static_html(self.parts.static, self.out / "static")]
        return "\n".join([f"<p>{safe(head)}</p>", *parts])

    def to_json(self) -> Line:
        """What `skiploop study --json` prints: run.json, how far the parts are, their figures, and where it is."""
        return {
            **self.run,
            "status": self.status,
            "parts": as_json(self.states),
            "out": str(self.out),
            "figures": self.parts.to_json(),
        }


def load_full(path: str | Path) -> FullStudy:
    """A full study from its folder, with the figures of the parts that are complete so far."""
    out = Path(path)
    run, states = read_run(out, KIND), read_states(out)
    return FullStudy(out, run, states, _figures(out, states))


def read_states(out: Path) -> dict[str, PartState]:
    """How far each part of a full study is, by name; empty before the first one has begun."""
    place = out / STATES
    if not place.is_file():
        return {}
    return {name: from_json(PartState, line) for name, line in unsealed(place, read_json(place)).items()}


def _figures(out: Path, states: Mapping[str, PartState]) -> PartFigures:
    places = {name: out / state.place for name, state in states.items() if state.status == "complete"}

    def record(name: str, cls: type[Record], file: str = "") -> Record | None:
        return read_record(cls, places[name] / file) if name in places else None

    def summary(name: str, cls: type[Record]) -> Record | None:
        return read_summary(cls, places[name]) if name in places else None

    return PartFigures(
        search=summary("search", SearchFigures),
        static=summary("static", StaticFigures),
        sampling=record("sampling", SamplingFigures),
        options=record("options", RotationFigures),
        ablation=record("ablation", AblationFigures, ABLATION),
        analyses=read_analyses(places["analyses"]) if "analyses" in places else Analyses(),
    )
