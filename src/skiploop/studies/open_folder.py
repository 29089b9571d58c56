"""A study of any kind from its folder. No torch."""

from __future__ import annotations

from pathlib import Path

from skiploop.studies.folder import read_run
from skiploop.studies.full_record import FILE, FullStudy, load_full
from skiploop.studies.search import Study, load_study
from skiploop.studies.static.study import StaticStudy, load_static


def open_folder(path: str | Path) -> Study | StaticStudy | FullStudy:
    """The study in a folder, of the class of its kind.

    Raises:
        InvalidInput: there is none, it is of another schema, or one of static chains that isn't finished.
    """
    out = Path(path)
    if (out / FILE).is_file():
        return load_full(out)
    return load_static(out) if read_run(out)["kind"] == "static" else load_study(out)
