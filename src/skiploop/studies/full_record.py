"""A full study's folder, read: study.json, and the figures of the parts that are complete.

study = load_full("runs/nano")
study.parts.search.oracle_accuracy
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skiploop.errors import InvalidInput
from skiploop.storage.files import Line, read_json, unsealed
from skiploop.storage.records import Record, as_json, read_record
from skiploop.studies.controls.rotation_figures import RotationFigures
from skiploop.studies.controls.sampling_figures import SamplingFigures
from skiploop.studies.figures import SearchFigures
from skiploop.studies.folder import read_summary
from skiploop.studies.html import safe, search_html
from skiploop.studies.record import SCHEMA
from skiploop.studies.static.figures import StaticFigures
from skiploop.studies.static.html import static_html

FILE = "study.json"


@dataclass(frozen=True, slots=True)
class PartFigures:
    """The figures of the parts; None: not complete, not applicable, or left out.

    Attributes:
        search: chains for each input.
        static: one chain for all inputs.
        sampling: samples and votes at equal layer calls.
        options: options moved.
        ablation: skip-only and loop-only beside both; what `skiploop.analysis.ablation` has written.
        analyses: of the search, by name, without their lines of single inputs; what `skiploop.analysis` has written.
    """

    search: SearchFigures | None = None
    static: StaticFigures | None = None
    sampling: SamplingFigures | None = None
    options: RotationFigures | None = None
    ablation: Line | None = None
    analyses: Mapping[str, Line] | None = None

    def to_json(self) -> Line:
        """By name, those that there are."""
        line: Line = as_json(self)
        return {name: figures for name, figures in line.items() if figures is not None}


@dataclass(frozen=True, slots=True)
class FullStudy:
    """A full study as its folder has it.

    Attributes:
        out: the folder.
        record: study.json.
        parts: the figures of each part that is complete.
    """

    out: Path
    record: dict[str, Any]
    parts: PartFigures

    @property
    def complete(self) -> bool:
        """Whether every part is complete, doesn't apply, or is left out."""
        return bool(self.record["status"] == "complete")

    def _repr_html_(self) -> str:
        head = f"A full study, {self.record['status']}, in {self.out}"
        parts = [] if self.parts.search is None else [search_html(self.parts.search, self.out / "search")]
        parts += [] if self.parts.static is None else [static_html(self.parts.static, self.out / "static")]
        return "\n".join([f"<p>{safe(head)}</p>", *parts])

    def to_json(self) -> Line:
        """What `skiploop study --json` prints: study.json, the figures of its parts, and where it is."""
        return {**self.record, "out": str(self.out), "figures": self.parts.to_json()}


def load_full(path: str | Path) -> FullStudy:
    """A full study from its folder, with the figures of the parts that are complete so far."""
    out = Path(path)
    if not is_full(out):
        raise InvalidInput(f"{out} holds no full study: it has no {FILE}; give a folder made by `skiploop study`")
    record = read_json(out / FILE)
    if record.get("schema") != SCHEMA:
        raise InvalidInput(
            f"{out} was written with schema {record.get('schema')!r}; "
            f"this version of skiploop reads {SCHEMA}; use the version named in its {FILE}"
        )
    record = unsealed(out / FILE, record)
    return FullStudy(out, record, _parts(out, record["parts"]))


def _parts(out: Path, states: Mapping[str, Line]) -> PartFigures:
    places = {name: out / line["place"] for name, line in states.items() if line.get("status") == "complete"}

    def figures(name: str, cls: type[Record]) -> Record | None:
        return read_record(cls, places[name]) if name in places else None

    return PartFigures(
        search=read_summary(SearchFigures, places["search"]) if "search" in places else None,
        static=read_summary(StaticFigures, places["static"]) if "static" in places else None,
        sampling=figures("sampling", SamplingFigures),
        options=figures("options", RotationFigures),
        ablation=read_json(places["ablation"] / "ablation.json") if "ablation" in places else None,
        analyses=read_analyses(places["analyses"]) if "analyses" in places else None,
    )


def is_full(path: Path) -> bool:
    """Whether a folder holds a full study."""
    return (path / FILE).is_file()


def read_analyses(place: Path) -> dict[str, Line]:
    """What analyses found, by name, without their lines of single inputs."""
    results = {path.stem: read_json(path) for path in sorted(place.glob("*.json"))}
    return {name: {key: value for key, value in result.items() if key != "inputs"} for name, result in results.items()}
