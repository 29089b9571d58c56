"""A folder that is there whole or not at all: it is written beside its place, and renamed when it is finished."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skiploop.errors import InvalidInput

_MARK = ".unfinished-"


@contextmanager
def finished_folder(out: Path, *, replace: bool = False) -> Iterator[Path]:
    """A folder to write to, which becomes `out` when the context is left without an error, and is deleted otherwise.

    One that a killed process left behind is deleted by the next export to the same place.

    Args:
        out: the place.
        replace: may what is there be replaced?

    Raises:
        InvalidInput: there is something at `out`, or nothing can be written beside it.
    """
    if out.exists() and not replace and (out.is_file() or any(out.iterdir())):
        raise InvalidInput(f"{out} is there already; give another folder, or --force to replace it")
    unfinished = out.parent / f".{out.name}{_MARK}{os.getpid()}"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _clear(out)
        unfinished.mkdir()
    except OSError as error:
        raise InvalidInput(f"can't write to {out.parent}: {error.strerror or error}") from error
    try:
        yield unfinished
        if out.is_dir():
            shutil.rmtree(out)
        elif out.exists():
            out.unlink()
        unfinished.rename(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def require_space(folder: Path, needed: int) -> None:
    """Raises InvalidInput where fewer than `needed` bytes are free on the disk of `folder`."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InvalidInput(
            f"the export needs {needed / 2**30:.1f} GiB and {free / 2**30:.1f} GiB are free at {folder.parent}; "
            "give a folder on another disk, or the form `tied`, which has each layer once"
        )


def _clear(out: Path) -> None:
    """Deletes what killed exports to `out` left behind."""
    for left in out.parent.glob(f".{out.name}{_MARK}*"):
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
