"""What a learned model is told of a chain: numbers of a fixed width, for every space.

Of L layers, in this order:

    skipped i, once i, twice i, more i     one of these four is 1: how often layer i is run; "more" is 3 times or above
    runs i                                 how often exactly
    back i, ahead i                        how many layers are jumped over by the steps that leave layer i, backwards
                                           (0 layers away: run again, which counts 1) and ahead; i = start: the first
    depth, back, ahead                     slots over L, and the sums over all steps

So order counts: the jumps tell two permutations of the same layers apart. Features of the input are appended as they
are, the same for all chains of that input. No torch.

Shapes: N chains, F features.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from skiploop.errors import InvalidInput
from skiploop.validate import whole_number

Floats = NDArray[np.float64]
Layers = tuple[int, ...]

OPS = ("skipped", "once", "twice", "more")


class Features:
    """Turns the chains of a model into rows.

    Args:
        num_layers: L.
        of_input: what is known of the input, appended to each row.

    Attributes:
        names: of the columns, [F].
        ops: how many columns, the first ones, are one-hot: column 4 i + k says that layer i has OPS[k].
    """

    def __init__(self, num_layers: int, of_input: Iterable[float] = ()) -> None:
        self.num_layers = whole_number("num_layers", num_layers, 1)
        self._of_input = tuple([float(value) for value in of_input])
        if not all(map(math.isfinite, self._of_input)):
            raise InvalidInput("a feature of the input isn't finite; leave it out, or replace it by a number")
        self.ops = len(OPS) * self.num_layers
        layers, origins = range(self.num_layers), ("start", *range(self.num_layers))
        self.names = (
            *[f"{op} {layer}" for layer in layers for op in OPS],
            *[f"runs {layer}" for layer in layers],
            *[f"{way} {origin}" for way in ("back", "ahead") for origin in origins],
            "depth", "back", "ahead",
            *[f"input {number}" for number in range(len(self._of_input))],
        )  # fmt: skip

    def rows(self, chains: Sequence[Layers]) -> Floats:
        """[N, F]."""
        total = self.num_layers
        found = np.zeros((len(chains), len(self.names)))
        if not chains:
            return found
        runs = np.array([np.bincount(layers, minlength=total) for layers in chains])  # [N, L]
        found[:, : self.ops] = np.eye(len(OPS))[np.minimum(runs, len(OPS) - 1)].reshape(len(chains), -1)
        found[:, self.ops : self.ops + total] = runs
        jumps = found[:, self.ops + total : self.ops + total + 2 * (total + 1)]
        for row, layers in zip(jumps, chains, strict=True):
            for here, there in pairwise((-1, *layers)):
                if there <= here:
                    row[here + 1] += here - there + 1
                elif there > here + 1:
                    row[total + 1 + here + 1] += there - here - 1
        end = self.ops + total + 2 * (total + 1)
        found[:, end] = runs.sum(axis=1) / total
        found[:, end + 1] = jumps[:, : total + 1].sum(axis=1)
        found[:, end + 2] = jumps[:, total + 1 :].sum(axis=1)
        found[:, end + 3 :] = self._of_input
        return found
