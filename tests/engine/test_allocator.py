"""Memory that tensors give back stays with the process."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys

import pytest

# What glibc itself counts, not page faults: some kernels and sandboxes don't count those.
_BLOCKS = """
import ctypes, sys
from skiploop.engine.allocator import keep_freed_memory
import torch

class Counts(ctypes.Structure):  # struct mallinfo2 of malloc.h
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")]

counts = ctypes.CDLL(None).mallinfo2
counts.restype = Counts

kept = keep_freed_memory() if sys.argv[1] == "keep" else False
before = counts()
tensor = torch.ones(1024 * 1536)  # as large as those of a layer call on 1024 tokens
mapped = counts().hblks - before.hblks
del tensor
print(kept, mapped, counts().fordblks - before.fordblks)
"""
_BYTES = 4 * 1024 * 1536


def blocks(mode: str, **extra: str) -> tuple[bool, int, int]:
    """Whether memory is kept, the mappings made for one large tensor, and the bytes that are free once it is gone."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", _BLOCKS, mode]
    done = subprocess.run(command, env=clean | extra, capture_output=True, text=True, check=True)
    kept, mapped, free = done.stdout.split()
    return kept == "True", int(mapped), int(free)


glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="no glibc of 2.33 or later"
)


@glibc
def test_freed_memory_is_used_again_without_asking_the_system() -> None:
    kept, mapped, free = blocks("keep")
    assert kept
    assert mapped == 0
    assert free > 0.9 * _BYTES  # the block isn't handed back; some of it may have been free before


@glibc
def test_left_alone_each_large_tensor_is_mapped_and_handed_back() -> None:
    kept, mapped, free = blocks("leave")
    assert not kept
    assert mapped == 1
    assert free < 0.1 * _BYTES


@glibc
def test_settings_of_the_user_stand() -> None:
    kept, mapped, _ = blocks("keep", MALLOC_TRIM_THRESHOLD_="100000", MALLOC_MMAP_THRESHOLD_="131072")
    assert not kept
    assert mapped == 1
