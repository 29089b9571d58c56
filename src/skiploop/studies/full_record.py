"""A full study's folder, read: study.json, and the figures of the parts that are complete.

found = load_full("runs/nano")
found.parts["search"]["oracle_accuracy"]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skiploop.errors import InvalidInput
from skiploop.storage.files import Line, read_json
from skiploop.studies.record import SCHEMA

FILE = "study.json"


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
    parts: dict[str, Line]

    @property
    def complete(self) -> bool:
        """Whether every part is complete, doesn't apply, or is left out."""
        return bool(self.record["status"] == "complete")


def load_full(path: str | Path) -> FullStudy:
    """A full study from its folder, as complete as it is."""
    out = Path(path)
    if not is_full(out):
        raise InvalidInput(f"{out} holds no full study: it has no {FILE}; give a folder made by `skiploop study`")
    record = read_json(out / FILE)
    if record.get("schema") != SCHEMA:
        raise InvalidInput(f"{out} was written with schema {record.get('schema')!r}; this version reads {SCHEMA}")
    figures = {
        name: _READ.get(name, _figures)(out / line["place"])
        for name, line in record["parts"].items()
        if line.get("status") == "complete"
    }
    return FullStudy(out, record, figures)


def is_full(path: Path) -> bool:
    """Whether a folder holds a full study."""
    return (path / FILE).is_file()


def read_analyses(place: Path) -> dict[str, Any]:
    """What analyses found, by name, without their lines of single inputs."""
    found = {path.stem: read_json(path) for path in sorted(place.glob("*.json"))}
    return {name: {key: value for key, value in each.items() if key != "inputs"} for name, each in found.items()}


def _figures(place: Path) -> Line:
    """Of a part that is a folder of its own, or one file."""
    return read_json(place / "summary.json" if place.is_dir() else place)


# Parts whose figures lie elsewhere.
_READ: dict[str, Callable[[Path], Line]] = {
    "ablation": lambda place: read_json(place / "ablation.json"),
    "analyses": read_analyses,
    "report": lambda place: {},
}
