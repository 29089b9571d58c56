"""Let the C library keep the memory of freed tensors instead of returning it to the system each time.

A layer call allocates and frees a dozen tensors of the same few sizes. Above a threshold (100 KiB to 32 MiB) glibc asks
the system for each of them and returns it, so every write meets pages that have to be mapped and zeroed first: a
quarter of the time of a scoring pass on a CPU (docs/performance.md).

`Engine` turns this on for the whole process when its model is on a CPU. To opt out, set one of glibc's own settings
before Python starts, for instance `MALLOC_TRIM_THRESHOLD_=131072` (its default); then nothing is changed.
"""

from __future__ import annotations

import ctypes
import os
import platform
from functools import cache

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_LARGEST = 2**30  # bytes; larger blocks are still mapped one by one
_KEPT = 512 * 2**20  # bytes of free memory at the end of the heap, at most
_OPT_OUT = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "GLIBC_TUNABLES")


@cache  # identifying the C library means reading the interpreter's file
def keep_freed_memory() -> bool:
    """Keep freed memory for the rest of this process; True if possible: with glibc, and unless the user opted out.

    At most 512 MiB of free memory stay with the process, besides gaps between blocks in use.
    """
    if platform.libc_ver()[0] != "glibc" or any(name in os.environ for name in _OPT_OUT):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST) and mallopt(_M_TRIM_THRESHOLD, _KEPT))
