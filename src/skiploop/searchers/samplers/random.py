"""Uniform random search without replacement: the baseline of every other searcher.

A lazy Fisher-Yates shuffle of the space's ranks: each chain is drawn once, in exactly uniform order, in
constant memory a draw. No draw is wasted, so a small space is exhausted to its last chain at full
speed.
"""

from __future__ import annotations

from dataclasses import dataclass

from skiploop.searchers.base import DrawingSearcher, Layers
from skiploop.spaces.space import Space


@dataclass(frozen=True, slots=True)
class RandomSettings:
    """Random search has nothing to set."""


class RandomSearcher(DrawingSearcher[RandomSettings]):
    """Asks for chains drawn uniformly from the space, each at most once; rewards don't matter to it.

    Args:
        space: where the chains come from.
        seed: seeds this searcher's own generator.
        settings: none yet.
    """

    settings_type = RandomSettings

    def __init__(self, space: Space, *, seed: int = 0, settings: RandomSettings | None = None) -> None:
        super().__init__(space, seed=seed, settings=settings)
        self._left = space.count()  # ranks not drawn yet
        self._moved: dict[int, int] = {}  # place in the shuffle -> rank, where the two differ

    def _next(self) -> Layers | None:
        while self._left:
            layers = self.space.chain_at(self._draw()).layers
            if layers not in self._seen:
                return layers
        return None

    def _draw(self) -> int:
        """The next rank: swaps a random place among those left with the last of them."""
        self._left -= 1
        last = self._moved.pop(self._left, self._left)
        place = self._rng.randrange(self._left + 1)
        if place == self._left:
            return last
        rank = self._moved.get(place, place)
        self._moved[place] = last
        return rank
