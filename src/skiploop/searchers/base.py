"""What searchers have in common: how they begin, how an `ask` is filled, which rewards count.

A searcher may be built on these classes; it needn't: `Searcher` in `skiploop.searchers.protocol` is all that is asked.
"""

from __future__ import annotations

import random
from typing import Any, ClassVar, Generic, TypeVar

from skiploop.chains.chain import Chain
from skiploop.searchers.protocol import checked
from skiploop.spaces.space import Space
from skiploop.validate import whole_number

Layers = tuple[int, ...]
Settings = TypeVar("Settings")


class SearcherBase(Generic[Settings]):
    """A space, a seed with a generator of its own, and settings.

    Args:
        space: the chains and edits to search.
        seed: seeds this searcher's own generators.
        settings: the constants of the search; the defaults of `settings_type` unless given.
    """

    settings_type: ClassVar[type[Any]]

    def __init__(self, space: Space, *, seed: int = 0, settings: Settings | None = None) -> None:
        self.space = space
        self.seed = whole_number("seed", seed, 0)
        self.settings: Settings = self.settings_type() if settings is None else settings
        self._rng = random.Random(self.seed)


class DrawingSearcher(SearcherBase[Settings]):
    """Draws one chain after another, each at most once. As it is, it ignores rewards."""

    def __init__(self, space: Space, *, seed: int = 0, settings: Settings | None = None) -> None:
        super().__init__(space, seed=seed, settings=settings)
        self._seen: set[Layers] = set()  # asked or told

    def ask(self, n: int) -> list[Chain]:
        """Up to n further chains; fewer when the space is exhausted."""
        wanted = whole_number("n", n, 0)
        self._prepare(wanted)
        chains: list[Chain] = []
        while len(chains) < wanted and (layers := self._next()) is not None:
            self._mark(layers)
            chains.append(Chain.unchecked(layers, self.space.num_layers))
        return chains

    def tell(self, chain: Chain, reward: float) -> None:
        """Takes note of an evaluation: a chain that is told won't be asked."""
        checked(self.space, chain, reward)
        self._seen.add(chain.layers)

    def _prepare(self, wanted: int) -> None:
        """What is done once in each `ask`, before the first chain."""

    def _next(self) -> Layers | None:
        """A chain not seen before; None when the space is exhausted."""
        raise NotImplementedError

    def _mark(self, layers: Layers) -> None:
        """Takes note of a chain that is asked."""
        self._seen.add(layers)

    def _unseen(self, source: DrawingSearcher[Any]) -> Layers | None:
        """The next chain of another searcher that this one hasn't seen; None when there are no more."""
        while chains := source.ask(1):
            if chains[0].layers not in self._seen:
                return chains[0].layers
        return None


class LearningSearcher(DrawingSearcher[Settings]):
    """Keeps the first reward of each chain of the space, by its layers."""

    def __init__(self, space: Space, *, seed: int = 0, settings: Settings | None = None) -> None:
        super().__init__(space, seed=seed, settings=settings)
        self._rewards: dict[Layers, float] = {}

    def tell(self, chain: Chain, reward: float) -> None:
        """Keeps the first reward of a chain; chains outside the space have no place among these."""
        number = checked(self.space, chain, reward)
        if chain.layers not in self._rewards and self.space.accepts(chain.layers):
            self._rewards[chain.layers] = number
            self._seen.add(chain.layers)
            self._take(chain, number)

    def _take(self, chain: Chain, reward: float) -> None:
        """What else a first reward changes at once; the order of rewards within a round must not matter."""
