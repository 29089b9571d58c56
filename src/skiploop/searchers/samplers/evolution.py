"""Regularised evolution (aging evolution; Real et al., arXiv 1802.01548, Algorithm 1), behind ask/tell.

A population of P chains. Each step draws a sample of S of them, takes the best of the sample as the parent, and adds
a small change of it (`skiploop.searchers.samplers.moves`) to the population; the *oldest* chain dies, however good it
is. So a chain stays only through its children, and one lucky reward doesn't hold the search for ever. What is
notable:

- The population starts with the identity and random chains near it, where the paper starts with uniform ones.
- Only distinct chains are evaluated: a change that gives a known chain is drawn again, from the same parent
  for a while, then from another. Where all that fails, a new random chain near the identity takes its place, so that
  a small space is searched to its end.
- Chains are born when their reward is told and aged in the order in which they were asked, so the order of tells
  within a round doesn't matter. A parent is drawn among those born by then, so batches are possible at any time.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from typing import ClassVar

from skiploop.chains.chain import Chain
from skiploop.searchers.protocol import checked
from skiploop.searchers.samplers.moves import Layers, propose
from skiploop.searchers.samplers.nearby import NearbySearcher
from skiploop.spaces.space import Space
from skiploop.validate import whole_number

_TRIES = 32  # changes of one parent, most of which lead out of the space, before another parent is drawn
_PARENTS = 4  # drawn for one child, before a random chain near the identity takes its place


@dataclass(frozen=True, slots=True)
class EvolutionSettings:
    """The two numbers of the algorithm.

    Attributes:
        population: P, how many chains are alive; so many random ones near the identity are the first.
        sample: S, how many of them compete to be the parent; more of them mean more greed (at most P count).
        changes: how many small changes make a child.
    """

    population: int = 16
    sample: int = 8
    changes: int = 1

    def __post_init__(self) -> None:
        for name in ("population", "sample", "changes"):
            whole_number(name, getattr(self, name), 1)


class EvolutionSearcher:
    """Asks for small changes of the best of a few chains that aren't old.

    Args:
        space: where the chains come from.
        seed: seeds this searcher's own generators.
        settings: the numbers of the algorithm.
    """

    settings_type: ClassVar[type[EvolutionSettings]] = EvolutionSettings

    def __init__(self, space: Space, *, seed: int = 0, settings: EvolutionSettings | None = None) -> None:
        self.space = space
        self.seed = whole_number("seed", seed, 0)
        self.settings = settings or EvolutionSettings()
        self._rng = random.Random(self.seed)
        self._near = NearbySearcher(space, seed=self.seed)
        self._alive: deque[Layers] = deque(maxlen=self.settings.population)  # the oldest first
        self._waiting: dict[Layers, None] = {}  # asked, and not told when last looked at; in the order asked
        self._unasked: list[Layers] = []  # told without being asked, not born yet
        self._rewards: dict[Layers, float] = {}
        self._seen: set[Layers] = set()  # asked or told
        self._first = self.settings.population  # chains near the identity that are still to be asked

    def ask(self, n: int) -> list[Chain]:
        """Up to n further chains; fewer when the space is exhausted."""
        wanted = whole_number("n", n, 0)
        self._age()
        asked: list[Chain] = []
        while len(asked) < wanted and (layers := self._next()) is not None:
            self._seen.add(layers)
            self._waiting[layers] = None
            asked.append(Chain.unchecked(layers, self.space.num_layers))
        return asked

    def tell(self, chain: Chain, reward: float) -> None:
        """Keeps the reward until the next ask."""
        number = checked(self.space, chain, reward)
        if chain.layers not in self._rewards and chain in self.space:
            self._rewards[chain.layers] = number
            self._seen.add(chain.layers)
            if chain.layers not in self._waiting:
                self._unasked.append(chain.layers)

    def _age(self) -> None:
        """Those whose reward has come are born; the oldest die."""
        born = [layers for layers in self._waiting if layers in self._rewards]
        for layers in born:
            del self._waiting[layers]
        self._first -= len(self._unasked)
        self._alive.extend(sorted(self._unasked) + born)
        self._unasked.clear()

    def _next(self) -> Layers | None:
        if self._first > 0:
            self._first -= 1
        elif self._alive:
            for _ in range(_PARENTS):
                if (child := self._child(self._parent())) is not None:
                    return child
        return self._fresh()

    def _parent(self) -> Layers:
        """The best of a sample of those alive; of equally good ones the shortest, then the youngest."""
        alive = range(len(self._alive))
        drawn = self._rng.sample(alive, min(self.settings.sample, len(alive)))
        best = max(drawn, key=lambda k: (self._rewards[self._alive[k]], -len(self._alive[k]), k))
        return self._alive[best]

    def _child(self, parent: Layers) -> Layers | None:
        """A chain a few small changes away that wasn't seen before."""
        for _ in range(_TRIES):
            layers = parent
            for _ in range(self.settings.changes):
                layers = propose(self.space, layers, self._rng)[0]
            if layers not in self._seen:
                return layers
        return None

    def _fresh(self) -> Layers | None:
        """A random chain near the identity that wasn't seen before; None when the space is exhausted."""
        while found := self._near.ask(1):
            if found[0].layers not in self._seen:
                return found[0].layers
        return None
