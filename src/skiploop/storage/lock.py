"""One process in a folder at a time, by a lock that the system drops when its process ends, however it ends."""

from __future__ import annotations

from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from skiploop.errors import InvalidInput


def lock_folder(folder: Path, wait: float = 0.0) -> BaseFileLock:
    """Locks a folder.

    Args:
        folder: that is there.
        wait: seconds to wait for a process that holds it.

    Returns:
        The lock, held until its `release` is called, which is harmless to call twice. The file `.lock` stays.

    Raises:
        InvalidInput: another process, or another study of this one, holds it.
        OSError: the file `.lock` can't be written.
    """
    lock = FileLock(folder / ".lock", thread_local=False)  # whichever thread ends the study lets others in
    try:
        lock.acquire(timeout=wait)
    except Timeout as error:
        raise InvalidInput(
            f"another process is working on {folder}; wait for it to end, or choose another --out"
        ) from error
    return lock
