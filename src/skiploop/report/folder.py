"""The folder of one run, as sections read it: a study of chains per input, or one of static chains.

Controls and analyses that are run later leave what they found as JSON objects in the same folder,
`RUN/controls/NAME.json` and `RUN/analysis/NAME.json`; `part` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from skiploop.journal import JsonlJournal, Line
from skiploop.static import StaticStudy, is_static, load_static
from skiploop.store import read_inputs, read_json, read_run
from skiploop.study import Study, load_study


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run.

    Attributes:
        path: its folder.
        run: its run.json.
        found: the study that is in it.
    """

    path: Path
    run: dict[str, Any]
    found: Study | StaticStudy

    @property
    def study(self) -> Study | None:
        """The study of chains per input; None where the run is of static chains."""
        return self.found if isinstance(self.found, Study) else None

    @property
    def static(self) -> StaticStudy | None:
        """The study of static chains; None where the run has chains per input."""
        return self.found if isinstance(self.found, StaticStudy) else None

    @property
    def summary(self) -> dict[str, Any]:
        """Its figures, without those that depend on where and how fast it was run."""
        return {key: value for key, value in self.found.summary.items() if key not in ("seconds", "out")}

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.path.resolve().name

    def inputs(self) -> list[Line]:
        """The lines of inputs.jsonl."""
        return read_inputs(self.path)

    def lines(self) -> list[Line]:
        """The evaluations, in their order, as the journal has them."""
        return [line for batch in JsonlJournal(self.path / "journal.jsonl").read() for line in batch]

    def part(self, kind: Literal["controls", "analysis"], name: str) -> dict[str, Any] | None:
        """What a control or an analysis has found; None where it wasn't run."""
        place = self.path / kind / f"{name}.json"
        return read_json(place) if place.is_file() else None


def open_run(path: str | Path) -> RunFolder:
    """A run from its folder; InvalidInput where there is none, or where static chains aren't finished."""
    place = Path(path)
    run = read_run(place)
    return RunFolder(place, run, load_static(place) if is_static(run) else load_study(place))
