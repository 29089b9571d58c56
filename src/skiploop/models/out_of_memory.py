"""Telling that memory ran out: a GPU has an exception for it, a CPU allocator has sentences."""

from __future__ import annotations

import torch

_SAID = (
    "can't allocate memory",
    "not enough memory",
    "bad_alloc",
    "bad alloc",
    "std::bad_alloc",
    "Cannot allocate memory",
)


def ran_out(error: BaseException) -> bool:
    """Whether an error says that there was no memory."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError | OSError) and any(said in str(error) for said in _SAID)
