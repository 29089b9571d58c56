"""Contiguous phases of a matrix of dissimilarities between layers (block-recurrent hypothesis, arXiv 2512.19941).

Of all ways to cut the layers into k contiguous phases the best has the least scatter

    W(k) = sum over phases of (sum of d(a, b) over pairs of layers a < b of the phase) / (layers of the phase)

found exactly by dynamic programming. With d = 1 - cos this is half the k-means objective of unit vectors. It is the
max-cut of the recursive method with each phase's weight divided by its size: an undivided max-cut grows with every
further cut.

Any smooth drift from layer to layer can be cut, too. So a number of phases is chosen against the same matrix without
phases, in which each entry is the mean of its diagonal (layers so far apart, on average):

    gain(k) = (1 - W(k) / W(1)) of the matrix - the same of the matrix without phases

and k is where the gain is greatest, 1 where it is nowhere positive. A gain is no proof of phases: the best of L is
taken, and any drift that isn't even has one. `drift_gain` is what an uneven drift reaches by itself, a random walk of
L layers with orthogonal steps whose squared lengths are drawn independently from an exponential distribution.

Shapes: L layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from skiploop.stats.bootstrap import Floats


@dataclass(frozen=True)
class Partition:
    """The best partitions of layers into 1..L phases.

    Attributes:
        dissimilarity: symmetric, zero on its diagonal, [L, L].
    """

    dissimilarity: Floats

    @property
    def layers(self) -> int:
        """L."""
        return len(self.dissimilarity)

    def starts(self, phases: int) -> tuple[int, ...]:
        """The first layer of each phase of the best partition into this many."""
        found, end = [], self.layers
        for count in range(phases, 0, -1):
            end = int(self._tables[1][count, end])
            found.append(end)
        return tuple(found[::-1])

    @cached_property
    def scatter(self) -> Floats:
        """W(k) at k - 1, [L]."""
        return np.asarray(self._tables[0][1:, self.layers])

    @property
    def explained(self) -> Floats:
        """1 - W(k) / W(1) at k - 1; zeros where all layers are alike, [L]."""
        whole = self.scatter[0]
        return np.asarray(1 - self.scatter / whole if whole > 1e-12 else np.zeros(self.layers))

    @cached_property
    def _tables(self) -> tuple[Floats, Floats]:
        """Least scatter of the first `end` layers in `count` phases, and where the last one starts; [L + 1, L + 1]."""
        cost, size = self._costs, self.layers
        least = np.full((size + 1, size + 1), np.inf)
        start = np.zeros((size + 1, size + 1))
        least[0, 0] = 0.0
        for count in range(1, size + 1):
            for end in range(count, size + 1):
                sums = least[count - 1, :end] + cost[:end, end]
                start[count, end] = place = int(np.argmin(sums))
                least[count, end] = sums[place]
        return least, start

    @property
    def _costs(self) -> Floats:
        """Scatter of the phase of layers first..end-1, [L, L + 1]."""
        size = self.layers
        sums = np.zeros((size + 1, size + 1))
        sums[1:, 1:] = self.dissimilarity.cumsum(axis=0).cumsum(axis=1)
        cost = np.zeros((size, size + 1))
        for first in range(size):
            for end in range(first + 1, size + 1):
                block = sums[end, end] - sums[first, end] - sums[end, first] + sums[first, first]
                cost[first, end] = block / 2 / (end - first)
        return cost


def without_phases(dissimilarity: Floats) -> Floats:
    """The matrix in which each entry is the mean of its diagonal, [L, L]."""
    size = len(dissimilarity)
    means = np.array([np.diagonal(dissimilarity, offset).mean() for offset in range(size)])
    return np.asarray(means[np.abs(np.subtract.outer(np.arange(size), np.arange(size)))])


def gains(dissimilarity: Floats) -> Floats:
    """gain(k) at k - 1, [L]."""
    return np.asarray(Partition(dissimilarity).explained - Partition(without_phases(dissimilarity)).explained)


def drift_gain(layers: int, *, quantile: float = 0.95, draws: int = 400, seed: int = 0) -> float:
    """The greatest gain that an uneven drift without phases reaches, at this quantile."""
    random = np.random.default_rng(seed)
    greatest = []
    for _ in range(draws):
        places = np.cumsum(random.exponential(size=layers))
        greatest.append(gains(np.abs(np.subtract.outer(places, places))).max())
    return float(np.quantile(greatest, quantile))


def choose_phases(dissimilarity: Floats) -> tuple[int, ...]:
    """The first layers of the phases, as many as gain most; (0,) where there are none."""
    found = gains(dissimilarity)
    best = int(np.argmax(found))
    return Partition(dissimilarity).starts(best + 1) if found[best] > 1e-9 else (0,)
