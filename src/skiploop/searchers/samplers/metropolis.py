"""Metropolis-Hastings over exp(beta * reward), at several temperatures at once, behind ask/tell. Pure Python.

A walker stands on a chain x, draws a small change y (`skiploop.searchers.samplers.moves`) and goes there with
probability min(1, exp(beta * (r(y) - r(x))) * q(x | y) / q(y | x)) (Hastings, Biometrika 57, 1970), so that in the
long run it visits chains in proportion to exp(beta * reward). What is notable:

- *Known chains are free*: only a chain met for the first time is an evaluation; walking on among those known isn't.
- *Parallel tempering* (Geyer 1991; Earl and Deem, arXiv physics/0508111): walker i has beta * ladder^i,
  and neighbours in temperature exchange their chains with probability min(1, exp((b_i - b_j) (r_j - r_i))). The hot
  ones cross valleys, the cold ones climb.
- *Prefetching* (Brockwell, JCGS 15, 2006): a walker that waits for a reward draws further changes as if the waiting
  one were rejected, which is what happens most often, so that any batch can be filled. When it is accepted after all,
  what was drawn later is dropped; its rewards stay known. Which draws are dropped doesn't depend on what they
  are, so the walk is an exact one.
- A walker that meets nothing new for a while has a uniformly drawn chain asked in its place: no space is so
  small, or so steep, that a batch stays short.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from skiploop.searchers.base import Layers, LearningSearcher
from skiploop.searchers.samplers.moves import propose
from skiploop.searchers.samplers.random import RandomSearcher
from skiploop.spaces.space import Space
from skiploop.validate import SHARE, numbers

_PATIENCE = 100  # draws without a new chain, most of which lead out of the space, before one is drawn uniformly
_AHEAD = 64  # most steps that a walker is ahead of its rewards


@dataclass(frozen=True, slots=True)
class MetropolisSettings:
    """The temperatures.

    Attributes:
        beta: of the coldest walker; a reward lower by 1 / beta is visited e times as rarely.
        walkers: how many walk at once, each at its own temperature.
        ladder: beta of a walker divided by that of the next colder one; 1 gives all the same temperature.
        warmup: evaluations over which all betas grow from 0 to their value (annealing); 0 for none.
    """

    beta: float = 30.0
    walkers: int = 4
    ladder: float = 0.7
    warmup: int = 0

    def __post_init__(self) -> None:
        numbers(self, whole={"walkers": 1, "warmup": 0}, within={"ladder": SHARE})


@dataclass(slots=True)
class _Walker:
    """One walk: where it stands, and the steps from there that aren't decided yet, the oldest first."""

    rng: random.Random
    start: Layers
    share: float  # of the coldest walker's beta
    layers: Layers | None = None
    steps: list[tuple[Layers, float, float]] = field(default_factory=list)  # proposed, log ratio, log uniform


class MetropolisSearcher(LearningSearcher[MetropolisSettings]):
    """Asks for the chains that walkers at several temperatures come to; good ones are approached step by step.

    Args:
        space: where the chains come from.
        seed: seeds this searcher's own generators.
        settings: the temperatures.
    """

    settings_type = MetropolisSettings

    def __init__(self, space: Space, *, seed: int = 0, settings: MetropolisSettings | None = None) -> None:
        super().__init__(space, seed=seed, settings=settings)
        self._walkers = [self._walker(number) for number in range(self.settings.walkers)]
        self._turn = 0
        self._rest = RandomSearcher(space, seed=self.seed)

    def _prepare(self, wanted: int) -> None:
        for walker in self._walkers:
            self._settle(walker)
        self._exchange()

    def _walker(self, number: int) -> _Walker:
        """The coldest one starts at the identity, the others anywhere."""
        rng = random.Random(self._rng.getrandbits(64))
        start = self.space.sample(rng) if number else self.space.identity
        return _Walker(rng, start.layers, self.settings.ladder**number)

    def _beta(self, walker: _Walker) -> float:
        grown = min(1.0, len(self._rewards) / self.settings.warmup) if self.settings.warmup else 1.0
        return self.settings.beta * walker.share * grown

    def _settle(self, walker: _Walker) -> None:
        """Decides the steps whose rewards are known, in their order."""
        while walker.steps:
            here = self._rewards.get(walker.layers or ())
            layers, log_ratio, log_u = walker.steps[0]
            there = self._rewards.get(layers)
            if here is None or there is None:
                return
            if log_u < self._beta(walker) * (there - here) + log_ratio:
                walker.layers = layers
                walker.steps.clear()  # they were drawn as if this one were rejected
            else:
                del walker.steps[0]

    def _exchange(self) -> None:
        """Neighbours in temperature that wait for nothing exchange their chains, the coldest pair first."""
        for cold, hot in zip(self._walkers, self._walkers[1:], strict=False):
            mine, other = self._rewards.get(cold.layers or ()), self._rewards.get(hot.layers or ())
            if mine is None or other is None or cold.steps or hot.steps:
                continue
            if _log_uniform(self._rng) < (self._beta(cold) - self._beta(hot)) * (other - mine):
                cold.layers, hot.layers = hot.layers, cold.layers

    def _next(self) -> Layers | None:
        """A chain not seen before: the next walker's, or else a uniform one; None when none is left."""
        walker = self._walkers[self._turn]
        self._turn = (self._turn + 1) % len(self._walkers)
        layers = self._advance(walker)
        return self._unseen(self._rest) if layers is None else layers

    def _advance(self, walker: _Walker) -> Layers | None:
        """Walks until a new chain is met; None where that takes too long."""
        if walker.layers is None:
            walker.layers = walker.start
            if walker.start not in self._seen:
                return walker.start
        for _ in range(_PATIENCE):
            if len(walker.steps) >= _AHEAD:
                return None
            layers, log_ratio = propose(self.space, walker.layers, walker.rng)
            log_u = _log_uniform(walker.rng)
            if layers != walker.layers:
                walker.steps.append((layers, log_ratio, log_u))
                if layers not in self._seen:
                    return layers
                self._settle(walker)
        return None


def _log_uniform(rng: random.Random) -> float:
    return math.log(1.0 - rng.random())
