"""A study of any kind from its folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from skiploop.analysis.ablation import Ablation, load_ablation
from skiploop.errors import InvalidInput
from skiploop.folders.full import FullStudy, load_full
from skiploop.studies.evaluate.study import Evaluated, load_evaluated
from skiploop.studies.folder import read_run
from skiploop.studies.search import Study, load_study
from skiploop.studies.static.study import StaticStudy, load_static

AnyStudy = Study | StaticStudy | Evaluated | Ablation | FullStudy
_LOADERS: dict[str, Callable[[Path], AnyStudy]] = {
    "search": load_study,
    "static": load_static,
    "evaluate": load_evaluated,
    "ablation": load_ablation,
    "full": load_full,
}


def open_folder(path: str | Path) -> AnyStudy:
    """The study in a folder, of the class of its kind.

    Raises:
        InvalidInput: there is none, it is of another schema or of an unknown kind, or it isn't finished and is of a
            kind that can't be read before (static chains, an evaluation, an ablation).
    """
    out = Path(path)
    kind = read_run(out)["kind"]
    if kind not in _LOADERS:
        raise InvalidInput(f"{out} holds a study of the unknown kind {kind!r}; there are {', '.join(_LOADERS)}")
    return _LOADERS[kind](out)
