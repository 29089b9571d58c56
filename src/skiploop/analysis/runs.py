"""Runs analyses of a finished study and keeps their results; what `skiploop analyze` calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from skiploop.analysis.figures.analyses import FIGURES, AnalysisFigures
from skiploop.analysis.settings import (
    DifficultySettings,
    EditSettings,
    LensSettings,
    RobustnessSettings,
    SimilaritySettings,
)
from skiploop.analysis.subject import open_subject
from skiploop.errors import InvalidInput
from skiploop.storage.files import read_json, write_json
from skiploop.storage.records import as_json, from_json
from skiploop.studies.execution import Execution
from skiploop.studies.opening import StudyModel

# In the order in which they are run: first those that only evaluate.
SETTINGS: dict[str, type[Any]] = {
    "difficulty": DifficultySettings,
    "edits": EditSettings,
    "robustness": RobustnessSettings,
    "similarity": SimilaritySettings,
    "lens": LensSettings,
}
ANALYSES = tuple(SETTINGS)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which analyses are wanted.

    Attributes:
        only: names out of `ANALYSES`; None: all.
        settings: for each name the fields of its settings that differ from the defaults.
        again: also those whose file is there with the same settings.

    Raises:
        InvalidInput: an unknown name.
    """

    only: Sequence[str] | None = None
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    again: bool = False

    def __post_init__(self) -> None:
        unknown = [name for name in self.only or () if name not in ANALYSES]
        if unknown:
            raise InvalidInput(f"unknown analysis {unknown[0]!r}; there are {', '.join(ANALYSES)}")

    @property
    def names(self) -> list[str]:
        """Of the analyses, in the order in which they are run."""
        return [name for name in ANALYSES if self.only is None or name in self.only]


@dataclass(frozen=True, slots=True)
class Analysed:
    """The results of analyses of a study.

    Attributes:
        folder: where the files are, one NAME.json each.
        results: by name.
        read: names of those that were there already, with the same settings.
    """

    folder: Path
    results: dict[str, AnalysisFigures]
    read: tuple[str, ...]


def analyze(
    path: str | Path,
    selection: Selection | None = None,
    *,
    model: StudyModel | None = None,
    execution: Execution | None = None,
    **changes: Any,
) -> Analysed:
    """Analyses a finished study. Evaluations are kept: a call that was stopped resumes when it is made again.

    Args:
        path: the study's folder.
        selection: which analyses; by default all of them.
        model: the study's model, where it is loaded already.
        execution: what evaluates, by default what the study's settings say, and what shows the progress.
        **changes: settings of opening the model, such as `device`.

    Raises:
        InvalidInput: an unknown setting, or a study that can't be analysed.
    """
    selection = selection or Selection()
    names = selection.names
    made = {name: _make_settings(name, selection.settings.get(name, {})) for name in names}
    folder = Path(path) / "analysis"
    results: dict[str, AnalysisFigures] = {}
    for name in () if selection.again else names:
        kept = _kept(folder, name, made[name])
        if kept is not None:
            results[name] = kept
    read = tuple(results)
    missing = [name for name in names if name not in results]
    if missing:
        with open_subject(path, model=model, execution=execution, **changes) as subject:
            for name in missing:
                subject.progress.note(f"{name} ...")
                results[name] = import_module(f"skiploop.analysis.{name}").analyse(subject, made[name])
                write_json(folder / f"{name}.json", as_json(results[name]))
    return Analysed(folder, {name: results[name] for name in names}, read)


def _make_settings(name: str, values: Mapping[str, Any]) -> Any:
    try:
        return SETTINGS[name](**values)
    except TypeError as error:
        raise InvalidInput(f"the analysis {name!r} has no such setting: {error}") from None


def _kept(folder: Path, name: str, settings: Any) -> AnalysisFigures | None:
    """A result that is there already, made with the same settings by this version of the analysis."""
    place = folder / f"{name}.json"
    if not place.exists():
        return None
    figures = read_json(place)
    version = import_module(f"skiploop.analysis.{name}").VERSION
    same = (figures.get("version"), figures.get("settings")) == (version, as_json(settings))
    return from_json(FIGURES[name], figures) if same else None
