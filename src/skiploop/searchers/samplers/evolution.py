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

from collections import deque
from dataclasses import dataclass

from skiploop.chains.chain import Chain
from skiploop.searchers.base import Layers, LearningSearcher
from skiploop.searchers.samplers.moves import propose
from skiploop.searchers.samplers.nearby import NearbySearcher
from skiploop.spaces.space import Space
from skiploop.validate import numbers

_TRIES = 32  # changes of one parent, most of which lead out of the space, before another parent is drawn
_PARENTS = 4  # drawn for one child, before a random chain near the identity takes its place


@dataclass(frozen=True, slots=True)
class EvolutionSettings:
    """The two numbers of the algorithm.

    Attributes:
        population: P, how many chains are alive; the first ones are random chains near the identity.
        sample: S, how many of them compete to be the parent; more of them mean more greed (at most P count).
        changes: how many small changes make a child.
    """

    population: int = 16
    sample: int = 8
    changes: int = 1

    def __post_init__(self) -> None:
        numbers(self, whole={"population": 1, "sample": 1, "changes": 1})


class EvolutionSearcher(LearningSearcher[EvolutionSettings]):
    """Asks for small changes of good chains among those asked last.

    Args:
        space: where the chains come from.
        seed: seeds this searcher's own generators.
        settings: the numbers of the algorithm.
    """

    settings_type = EvolutionSettings

    def __init__(self, space: Space, *, seed: int = 0, settings: EvolutionSettings | None = None) -> None:
        super().__init__(space, seed=seed, settings=settings)
        self._near = NearbySearcher(space, seed=self.seed)
        self._alive: deque[Layers] = deque(maxlen=self.settings.population)  # the oldest first
        self._waiting: dict[Layers, None] = {}  # asked, and not told when last looked at; in the order asked
        self._unasked: list[Layers] = []  # told without being asked, not born yet
        self._first = self.settings.population  # chains near the identity that are still to be asked

    def _prepare(self, wanted: int) -> None:
        self._age()

    def _mark(self, layers: Layers) -> None:
        super()._mark(layers)
        self._waiting[layers] = None

    def _take(self, chain: Chain, reward: float) -> None:
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
        return self._unseen(self._near)  # a random chain near the identity

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
