"""The inputs of a study, cut into what is given to a worker at a time. No Ray.

The cut is kept beside the shards, so that a study that is resumed with other workers finds the shards it had.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from skiploop.errors import InvalidInput
from skiploop.storage.files import read_json, unsealed, write_sealed
from skiploop.studies.shards import SHARDS, shard_folder

PER_WORKER = 4
"""Chunks for each worker, so that all of them end at about the same time."""
LARGEST = 64
"""Inputs of a chunk, which fill the batches of a GPU."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """The inputs from `first` up to `last`, which isn't among them."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first

    def place(self, out: Path) -> Path:
        """The folder of its shard."""
        return shard_folder(out, self.first, self.last)


def cut(inputs: int, size: int) -> list[Chunk]:
    """Chunks of `size` inputs, the last one of what is left."""
    return [Chunk(first, min(first + size, inputs)) for first in range(0, inputs, size)]


def suitable_size(inputs: int, workers: int) -> int:
    """Inputs of a chunk where nothing was asked for."""
    return max(1, min(LARGEST, math.ceil(inputs / (PER_WORKER * workers))))


def kept_size(out: Path, size: int) -> int:
    """The size of chunks that a study was begun with; `size` for one that begins."""
    place = out / SHARDS / "chunks.json"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        write_sealed(place, {"inputs": size})
        return size
    found = unsealed(place, read_json(place)).get("inputs")
    if type(found) is not int or found < 1:
        raise InvalidInput(f"{place} says {found!r} inputs of a chunk; it was edited. Choose another --out")
    return found
