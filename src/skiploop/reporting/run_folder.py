"""The folder of one run, as sections read it: of chains per input, of static chains, or a full study with its parts.

Controls and analyses leave what they found as JSON objects, `RUN/controls/NAME.json` and `RUN/analysis/NAME.json`;
`part` reads them. In a full study (`study.json`) the run is its search, and its controls, static chains and ablation
stand beside it. A folder of `skiploop ablate` is read as its search in all spaces, with the ablation beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from skiploop.errors import InvalidInput
from skiploop.storage.files import Line, read_json
from skiploop.storage.journal import JsonlJournal
from skiploop.studies.evaluate.study import Evaluated
from skiploop.studies.folder import read_inputs, read_run
from skiploop.studies.full_record import FullStudy, PartFigures, read_analyses
from skiploop.studies.open_folder import open_folder
from skiploop.studies.search import Study, load_study
from skiploop.studies.static.figures import StaticFigures
from skiploop.studies.static.study import StaticStudy, load_static

ABLATION = "ablation.json"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run.

    Attributes:
        path: its folder.
        run: its run.json.
        found: the study that is in it.
        whole: the folder of the full study, or of the ablation, that it is the search of; None for a run by itself.
        parts: of that full study, by name: title, status, and why it doesn't apply.
        figures: of all parts that are complete.
    """

    path: Path
    run: dict[str, Any]
    found: Study | StaticStudy
    whole: Path | None = None
    parts: dict[str, Line] = field(default_factory=dict)
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
        if not self._has("static") or self.whole is None:
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

    def part(self, kind: Literal["controls", "analysis"], name: str) -> Line | None:
        """What a control or an analysis has found; None where it wasn't run."""
        root = self.whole if kind == "controls" and self.whole is not None else self.path
        return _read(root / kind / f"{name}.json")

    def _has(self, part: str) -> bool:
        return self.parts.get(part, {}).get("status") == "complete"


def open_run(path: str | Path) -> RunFolder:
    """A run from its folder; InvalidInput where there is none, or where static chains aren't finished."""
    place = Path(path)
    if (place / ABLATION).is_file():
        both = place / "cola"
        figures = PartFigures(ablation=read_json(place / ABLATION), analyses=read_analyses(both / "analysis"))
        return RunFolder(both, read_run(both), load_study(both), place, figures=figures)
    found = open_folder(place)
    if isinstance(found, Evaluated):
        raise InvalidInput(f"{place} holds a plain evaluation, which has no report; use `skiploop show {place}`")
    if not isinstance(found, FullStudy):
        figures = PartFigures(analyses=read_analyses(place / "analysis"))
        return RunFolder(place, found.run, found, figures=figures)
    search = place / "search"
    if not (search / "run.json").is_file():
        raise InvalidInput(f"the search of {place} hasn't begun; give its `skiploop study` command again")
    return RunFolder(search, read_run(search), load_study(search), place, found.record["parts"], found.parts)


def _read(place: Path) -> Line | None:
    return read_json(place) if place.is_file() else None
