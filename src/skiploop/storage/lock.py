"""A lock on a file that the system drops when its process ends, however it ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from skiploop.errors import InvalidInput

if sys.platform == "win32":
    import msvcrt

    def _acquire(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _acquire(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Lock:
    """Held from construction to `release`.

    Args:
        path: the lock file; it is made where it is missing, and it stays.

    Raises:
        InvalidInput: another process, or another study of this one, holds it.
    """

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _acquire(descriptor)
        except OSError as error:
            os.close(descriptor)
            raise InvalidInput(
                f"another process is working on {path.parent}; wait for it to end, or choose another --out"
            ) from error
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Lets others in; releasing twice is harmless."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
