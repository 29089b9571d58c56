"""The folder of one run, as sections read it: of chains per input, of static chains, or a full study with its parts.

In a full study the run is its search, and its controls, static chains and ablation stand beside it. A folder of
`skiploop ablate` is read as its search in the whole space, with the ablation beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from skiploop.analysis.ablation import Ablation
from skiploop.analysis.figures.analyses import read_analyses
from skiploop.errors import InvalidInput
from skiploop.folders.full import FullStudy, PartFigures, PartState
from skiploop.folders.open import open_folder
from skiploop.storage.files import Line
from skiploop.storage.journal import JsonlJournal
from skiploop.studies.evaluate.study import Evaluated
from skiploop.studies.folder import read_inputs, read_run
from skiploop.studies.search import Study, load_study
from skiploop.studies.static.figures import StaticFigures
from skiploop.studies.static.study import StaticStudy, load_static


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run.

    Attributes:
        path: its folder.
        run: its run.json.
        found: the study that is in it.
        whole: the folder of the full study, or of the ablation, that it is the search of; None for a run by itself.
        states: how far the parts of that full study are, by name.
        figures: of all parts that are complete.
    """

    path: Path
    run: dict[str, Any]
    found: Study | StaticStudy
    whole: Path | None = None
    states: Mapping[str, PartState] = field(default_factory=dict)
    figures: PartFigures = field(default_factory=PartFigures)

    @property
    def study(self) -> Study | None:
        """The study of chains per input; None where the run is of static chains."""
        return self.found if isinstance(self.found, Study) else None

    @property
    def static(self) -> StaticStudy | None:
        """The study of static chains; None where the run has chains per input."""
        return self.found if isinstance(self.found, StaticStudy) else None

    @property
    def name(self) -> str:
        """Of its folder, or of the whole that it belongs to."""
        return (self.whole or self.path).resolve().name

    @property
    def held_out(self) -> RunFolder | None:
        """The static chains: the run itself, or that part of its full study once it is complete; else None."""
        if self.static is not None:
            return self
        if self.whole is None or self.figures.static is None:
            return None
        place = self.whole / "static"
        return RunFolder(place, read_run(place), load_static(place))

    @property
    def static_figures(self) -> StaticFigures | None:
        """The figures of `held_out`."""
        if self.static is not None:
            return self.static.figures
        return self.figures.static

    def inputs(self) -> list[Line]:
        """The lines of inputs.jsonl."""
        return read_inputs(self.path)

    def lines(self) -> list[Line]:
        """The evaluations, in their order, as the journal has them."""
        return JsonlJournal(self.path / "journal.jsonl").lines()


def open_run(path: str | Path) -> RunFolder:
    """A run from its folder; InvalidInput where there is none, or where it has to be finished and isn't."""
    place = Path(path)
    match found := open_folder(place):
        case Evaluated():
            raise InvalidInput(f"{place} holds a plain evaluation, which has no report; use `skiploop show {place}`")
        case FullStudy():
            return _of_full(found)
        case Ablation():
            both = found.studies["cola"]
            figures = PartFigures(ablation=found.figures, analyses=read_analyses(both.out / "analysis"))
            return RunFolder(both.out, both.run, both, place, figures=figures)
        case _:
            return RunFolder(place, found.run, found, figures=PartFigures(analyses=read_analyses(place / "analysis")))


def _of_full(found: FullStudy) -> RunFolder:
    place = found.out / "search"
    if not (place / "run.json").is_file():
        raise InvalidInput(f"the search of {found.out} hasn't begun; give its `skiploop study` command again")
    search = load_study(place)
    analyses = read_analyses(place / "analysis")  # also those that were run by themselves
    return RunFolder(place, search.run, search, found.out, found.states, replace(found.parts, analyses=analyses))
