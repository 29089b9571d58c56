"""Let the C library keep the memory that tensors give back, instead of handing it to the system each time.

A layer call allocates and frees a dozen tensors of the same few sizes. From some 100 KiB to 32 MiB on, glibc asks the
system for each of them and hands it back, so that every write meets pages that have to be mapped and zeroed first:
a quarter of the time of a scoring pass on a CPU (docs/performance.md).
"""

from __future__ import annotations

import ctypes
import os
import platform
from functools import cache

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_LARGEST = 2**30  # bytes; larger blocks are still mapped one by one
_KEPT = 512 * 2**20  # bytes of free memory at the end of the heap, at most
_OWN = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "GLIBC_TUNABLES")


@cache  # to find out about the C library means reading the interpreter's file
def keep_freed_memory() -> bool:
    """For the rest of this process; True where that was possible: glibc, and no setting of the user's own.

    At most 512 MiB of free memory stay with the process, beside gaps between blocks that are in use.
    """
    if platform.libc_ver()[0] != "glibc" or any(name in os.environ for name in _OWN):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST) and mallopt(_M_TRIM_THRESHOLD, _KEPT))
