"""A folder that is there whole or not at all: it is written beside its place, and renamed when it is finished."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skiploop.errors import InvalidInput
from skiploop.models.chain_config import FILE

MARK = ".unfinished-"
"""In the names of folders that aren't finished."""
_ALL_ELSE = 2**26
"""Bytes of tokenizer, card and settings, at most."""


@contextmanager
def finished_folder(out: Path, *, replace: bool = False) -> Iterator[Path]:
    """A folder to write to, which becomes `out` when the context is left without an error, and is deleted otherwise.

    One that a killed process left behind is deleted by the next export to the same place.

    Args:
        out: the place.
        replace: may an export that is there be replaced?

    Raises:
        InvalidInput: there is something at `out`, or nothing can be written beside it.
    """
    require_free(out, replace=replace)
    out = out.absolute()
    unfinished = out.parent / f".{out.name}{MARK}{os.getpid()}"
    replaced = out.parent / f".{out.name}{MARK}replaced-{os.getpid()}"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _clear(out)
        unfinished.mkdir()
    except OSError as error:
        raise InvalidInput(f"can't write to {out.parent}: {error.strerror or error}") from error
    try:
        yield unfinished
        if out.is_dir():
            out.rename(replaced)  # whole, and deleted last: killed within a deletion it would look finished
        unfinished.rename(out)
    finally:
        for left in (unfinished, replaced):
            shutil.rmtree(left, ignore_errors=True)


def require_free(out: Path, *, replace: bool) -> None:
    """Raises InvalidInput where there is something at `out` that may not be replaced."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / FILE).is_file():
        raise InvalidInput(f"{out} holds something else than an export, which is never replaced; give another folder")
    if not replace:
        raise InvalidInput(f"{out} holds an export already; give another folder, or --force to replace it")


def require_space(folder: Path, weights: int) -> None:
    """Raises InvalidInput where the disk of `folder` has no room for so many bytes of weights, and all else."""
    needed = weights + _ALL_ELSE
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InvalidInput(
            f"the export needs {needed / 2**30:.2f} GiB and {free / 2**30:.2f} GiB are free at {folder.parent}; "
            "give a folder on another disk"
        )


def _clear(out: Path) -> None:
    """Deletes what killed exports to `out` left behind."""
    for left in out.parent.glob(f".{glob.escape(out.name)}{MARK}*"):
        process = left.name.rpartition("-")[2]
        if process.isdigit() and not _runs(int(process)):
            shutil.rmtree(left, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()
