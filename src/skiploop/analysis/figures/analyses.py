"""All analyses of one study, as `RUN/analysis` has them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from skiploop.analysis.figures.difficulty import DifficultyFigures
from skiploop.analysis.figures.edits import EditFigures
from skiploop.analysis.figures.lens import LensFigures
from skiploop.analysis.figures.robustness import RobustnessFigures
from skiploop.analysis.figures.similarity import SimilarityFigures
from skiploop.storage.files import Line
from skiploop.storage.records import as_json, read_record

AnalysisFigures = DifficultyFigures | EditFigures | RobustnessFigures | SimilarityFigures | LensFigures
FIGURES: dict[str, type[AnalysisFigures]] = {
    "difficulty": DifficultyFigures,
    "edits": EditFigures,
    "robustness": RobustnessFigures,
    "similarity": SimilarityFigures,
    "lens": LensFigures,
}
_Figures = TypeVar("_Figures")


@dataclass(frozen=True, slots=True)
class Analyses:
    """The figures of the analyses that were run; None: it wasn't."""

    difficulty: DifficultyFigures | None = None
    edits: EditFigures | None = None
    robustness: RobustnessFigures | None = None
    similarity: SimilarityFigures | None = None
    lens: LensFigures | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of those that were run."""
        return tuple(each.name for each in fields(self) if getattr(self, each.name) is not None)

    def to_json(self) -> Line:
        """By name, those that were run, without what they say of single inputs."""
        return {name: without_inputs(getattr(self, name)) for name in self.names}


def without_inputs(figures: AnalysisFigures) -> dict[str, Any]:
    """Figures ready for JSON, without what they say of single inputs."""
    return {name: value for name, value in as_json(figures).items() if name != "inputs"}


def read_analyses(folder: Path) -> Analyses:
    """The analyses in a folder; InvalidInput names a file that is damaged."""

    def read(cls: type[_Figures], name: str) -> _Figures | None:
        place = folder / f"{name}.json"
        return read_record(cls, place) if place.is_file() else None

    return Analyses(
        difficulty=read(DifficultyFigures, "difficulty"),
        edits=read(EditFigures, "edits"),
        robustness=read(RobustnessFigures, "robustness"),
        similarity=read(SimilarityFigures, "similarity"),
        lens=read(LensFigures, "lens"),
    )
