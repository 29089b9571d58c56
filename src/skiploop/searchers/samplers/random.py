"""Uniform random search without replacement: the peer that every other searcher is compared with.

A lazy Fisher-Yates shuffle of the space's ranks: each chain is drawn once, in exactly uniform order, in
constant memory a draw. Nothing is drawn in vain, so a small space is exhausted to its last chain at full
speed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import ClassVar

from skiploop.chains.chain import Chain
from skiploop.searchers.protocol import checked
from skiploop.spaces.space import Space
from skiploop.validate import whole_number


@dataclass(frozen=True, slots=True)
class RandomSettings:
    """Random search has nothing to set."""


class RandomSearcher:
    """Asks for chains drawn uniformly from the space, each at most once; rewards don't matter to it.

    Args:
        space: where the chains come from.
        seed: seeds this searcher's own generator.
        settings: none yet.
    """

    settings_type: ClassVar[type[RandomSettings]] = RandomSettings

    def __init__(self, space: Space, *, seed: int = 0, settings: RandomSettings | None = None) -> None:
        self.space = space
        self.settings = settings or RandomSettings()
        self.seed = whole_number("seed", seed, 0)
        self._rng = random.Random(self.seed)
        self._left = space.count()  # ranks not drawn yet
        self._moved: dict[int, int] = {}  # place in the shuffle -> rank, where the two differ
        self._seen: set[tuple[int, ...]] = set()  # told or asked

    def ask(self, n: int) -> list[Chain]:
        """Up to n further chains; fewer when the space is exhausted."""
        wanted = whole_number("n", n, 0)
        asked: list[Chain] = []
        while len(asked) < wanted and self._left:
            chain = self.space.chain_at(self._draw())
            if chain.layers not in self._seen:
                self._seen.add(chain.layers)
                asked.append(chain)
        return asked

    def tell(self, chain: Chain, reward: float) -> None:
        """Takes note of an evaluation: a chain that is told won't be asked."""
        checked(self.space, chain, reward)
        self._seen.add(chain.layers)

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
