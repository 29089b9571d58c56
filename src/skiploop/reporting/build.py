"""From folders to a report: everything that is computed, nothing that is drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skiploop.errors import InvalidInput
from skiploop.reporting.parts import Section
from skiploop.reporting.run_folder import RunFolder, open_run
from skiploop.reporting.sections.answer import Answer, answer
from skiploop.reporting.sections.comparison import compare
from skiploop.reporting.sections.order import sections
from skiploop.reporting.sentences.reading import Reading, read_run_out


@dataclass(frozen=True, slots=True)
class RunReport:
    """One run in a report.

    Attributes:
        name: of the run, different from that of every other one.
        folder: where it is from.
        reading: what it shows and what it doesn't, at length.
        answer: the same in short, with its pictures: what the page begins with.
        sections: those that it has something for.
    """

    name: str
    folder: RunFolder
    reading: Reading
    answer: Answer
    sections: tuple[Section, ...]

    def to_json(self) -> dict[str, Any]:
        """All numbers, by section."""
        return {
            "name": self.name,
            "kind": "study" if self.folder.study is not None else "static",
            "run": self.folder.run,
            "summary": self.folder.found.figures.to_json(),
            "reading": self.reading.to_json(),
            "sections": {section.name: section.to_json() for section in self.sections},
        }


@dataclass(frozen=True, slots=True)
class Report:
    """Runs, and their comparison where there are several."""

    runs: tuple[RunReport, ...]
    comparison: Section | None

    def to_json(self) -> dict[str, Any]:
        """What the report has as numbers."""
        return {
            "runs": [run.to_json() for run in self.runs],
            "comparison": None if self.comparison is None else self.comparison.to_json(),
        }


def build(paths: Sequence[str | Path]) -> Report:
    """Reads runs and computes what a report says of them.

    Args:
        paths: folders of studies, of either kind, finished or (chains per input only) not. The first one is what
            the others are compared with.

    Raises:
        InvalidInput: a folder holds no study, or is given twice.
    """
    if not paths:
        raise InvalidInput("no run was given; give the folder of a study, made by skiploop search")
    places = [Path(path).resolve() for path in paths]
    twice = [place for place, count in Counter(places).items() if count > 1]
    if twice:
        raise InvalidInput(f"{twice[0]} is given twice; give each run once")
    folders = [open_run(path) for path in paths]
    names = _names(folders)
    runs = [_run_report(folder, name) for folder, name in zip(folders, names, strict=True)]
    return Report(tuple(runs), compare(folders, names))


def _run_report(folder: RunFolder, name: str) -> RunReport:
    reading = read_run_out(folder)
    return RunReport(name, folder, reading, answer(folder, reading), sections(folder))


def _names(folders: Sequence[RunFolder]) -> list[str]:
    """Names of the folders; numbered where they are equal."""
    counts, seen = Counter(folder.name for folder in folders), Counter[str]()
    names = []
    for folder in folders:
        seen[folder.name] += 1
        names.append(folder.name if counts[folder.name] == 1 else f"{folder.name} ({seen[folder.name]})")
    return names
