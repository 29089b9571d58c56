"""A study of any kind from its folder. No torch."""

from __future__ import annotations

from pathlib import Path

from skiploop.studies.evaluate.study import Evaluated, load_evaluated
from skiploop.studies.folder import read_run
from skiploop.studies.full_record import FILE, FullStudy, load_full
from skiploop.studies.search import Study, load_study
from skiploop.studies.static.study import StaticStudy, load_static


def open_folder(path: str | Path) -> Study | StaticStudy | FullStudy | Evaluated:
    """The study in a folder, of the class of its kind.

    Raises:
        InvalidInput: there is none, it is of another schema, or it isn't finished and is one of
            static chains or a plain evaluation.
    """
    out = Path(path)
    if (out / FILE).is_file():
        return load_full(out)
    kind = read_run(out)["kind"]
    if kind == "evaluate":
        return load_evaluated(out)
    return load_static(out) if kind == "static" else load_study(out)
