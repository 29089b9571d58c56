"""Distances between chains, as inner products of codes: how often each layer is run, and which slots follow which.

    d(a, b) = d_counts(a, b) + d_jumps(a, b) / 4

d_counts adds up, over layers, by how many runs the two chains differ, two at most for each layer; d_jumps is the
squared distance of their jumps (steps other than to the next layer, by where they begin and whether they lead back),
so that order counts, too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.float32]  # whole numbers and quarters, so nothing is lost
Layers = tuple[int, ...]

_RUNS = 8  # a layer that is run this often or more is like one that is run 7 times
_JUMP_WEIGHT = 0.25
_APART = np.minimum(np.abs(np.arange(_RUNS)[:, None] - np.arange(_RUNS)), 2).astype(np.float32)


def coded(chains: Sequence[Layers], num_layers: int) -> tuple[Codes, Codes]:
    """Two codes of each chain, [n, K]; `coded(a)[0] @ coded(b)[1].T` are the distances, [len(a), len(b)].

    Args:
        chains: by their layers.
        num_layers: L of the model; K = 10 L + 2.
    """
    total = len(chains)
    lengths = np.array([len(layers) for layers in chains], dtype=np.intp)
    flat = np.array([layer for layers in chains for layer in layers], dtype=np.intp)
    owner = np.repeat(np.arange(total), lengths)
    runs = np.bincount(owner * num_layers + flat, minlength=total * num_layers).reshape(total, num_layers)
    jumping = (owner[1:] == owner[:-1]) & (flat[1:] != flat[:-1] + 1)
    here, onwards = flat[:-1][jumping], (flat[1:] > flat[:-1])[jumping]
    places = owner[:-1][jumping] * 2 * num_layers + 2 * here + onwards
    jumps = np.bincount(places, minlength=total * 2 * num_layers).reshape(total, 2 * num_layers).astype(np.float32)
    square, one = _JUMP_WEIGHT * (jumps**2).sum(axis=1, keepdims=True), np.ones((total, 1), np.float32)
    runs = np.minimum(runs, _RUNS - 1)
    apart = _APART[runs].reshape(total, _RUNS * num_layers)
    one_hot = np.eye(_RUNS, dtype=np.float32)[runs].reshape(total, _RUNS * num_layers)
    first = np.concatenate([apart, -2 * _JUMP_WEIGHT * jumps, square, one], axis=1)
    return first, np.concatenate([one_hot, jumps, one, square], axis=1)


def distances(first: Codes, second: Codes) -> Floats:
    """[n, m]; 0 for equal chains."""
    found: Floats = (first @ second.T).astype(np.float64)
    return found
