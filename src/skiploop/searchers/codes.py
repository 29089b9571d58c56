"""Distances between chains, as inner products of codes: how often each layer is run, and which slots follow which.

    d(a, b) = d_counts(a, b) + d_jumps(a, b) / 4

d_counts adds up, over layers, by how many runs the two chains differ, two at most for each layer; d_jumps is the
squared distance of their jumps (steps other than to the next layer, by where they begin and whether they lead back),
so that order counts, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Layers = tuple[int, ...]

_RUNS = 8  # a layer that is run this often or more is like one that is run 7 times
_JUMP_WEIGHT = 0.25


class Codes:
    """The codes of a model's chains.

    Args:
        num_layers: L.
    """

    def __init__(self, num_layers: int) -> None:
        self._total = num_layers
        self._known: dict[Layers, tuple[Floats, Floats]] = {}
        runs = np.arange(_RUNS)
        self._apart = np.minimum(np.abs(runs[:, None] - runs), 2).astype(np.float64)

    def left(self, chains: Iterable[Layers]) -> Floats:
        """[n, K]; `left(a) @ right(b).T` has the distances, 0 for equal chains."""
        return np.array([self._code(layers)[0] for layers in chains])

    def right(self, chains: Iterable[Layers]) -> Floats:
        """[n, K]."""
        return np.array([self._code(layers)[1] for layers in chains])

    def _code(self, layers: Layers) -> tuple[Floats, Floats]:
        code = self._known.get(layers)
        if code is None:
            counts = np.minimum(np.bincount(layers, minlength=self._total), _RUNS - 1)
            jumps = np.zeros(2 * self._total)
            for here, there in pairwise(layers):
                if there != here + 1:
                    jumps[2 * here + (there > here)] += 1
            square = _JUMP_WEIGHT * float(jumps @ jumps)
            one_hot = np.eye(_RUNS)[counts].ravel()
            first = np.concatenate([self._apart[counts].ravel(), -2 * _JUMP_WEIGHT * jumps, [square, 1.0]])
            code = self._known[layers] = (first, np.concatenate([one_hot, jumps, [1.0, square]]))
        return code
