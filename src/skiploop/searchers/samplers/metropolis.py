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
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers.protocol import checked
from skiploop.searchers.samplers.moves import Layers, propose
from skiploop.searchers.samplers.random import RandomSearcher
from skiploop.spaces.space import Space
from skiploop.validate import whole_number

_PATIENCE = 100  # draws without a new chain, most of which lead out of the space, before one is drawn uniformly
_AHEAD = 64  # most steps that a walker is ahead of its rewards


def walk(
    space: Space, reward_of: Callable[[Chain], float], steps: int, beta: float, rng: random.Random
) -> Iterator[Chain]:
    """The chains at which one walker stands after each of so many steps from the identity, one temperature.

    For spaces whose rewards cost nothing; each chain's reward is asked for whenever the walker considers it.
    """
    chain, reward = space.identity, reward_of(space.identity)
    for _ in range(steps):
        layers, log_ratio = propose(space, chain.layers, rng)
        log_u = _log_uniform(rng)
        if layers != chain.layers:
            proposed = Chain.unchecked(layers, space.num_layers)
            found = reward_of(proposed)
            if log_u < beta * (found - reward) + log_ratio:
                chain, reward = proposed, found
        yield chain


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
        whole_number("walkers", self.walkers, 1)
        whole_number("warmup", self.warmup, 0)
        for name, highest in (("beta", math.inf), ("ladder", 1.0)):
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not math.isfinite(value) or not 0 <= value <= highest:
                allowed = "in [0, 1]" if highest == 1 else "of at least 0"
                raise InvalidInput(f"{name}={value!r} doesn't work; use a finite number {allowed}")


@dataclass(slots=True)
class _Walker:
    """One walk: where it stands, and the steps from there that aren't decided yet, the oldest first."""

    rng: random.Random
    start: Layers
    share: float  # of the coldest walker's beta
    layers: Layers | None = None
    steps: list[tuple[Layers, float, float]] = field(default_factory=list)  # proposed, log ratio, log uniform


class MetropolisSearcher:
    """Asks for the chains that walkers at several temperatures come to; good ones are approached step by step.

    Args:
        space: where the chains come from.
        seed: seeds this searcher's own generators.
        settings: the temperatures.
    """

    settings_type: ClassVar[type[MetropolisSettings]] = MetropolisSettings

    def __init__(self, space: Space, *, seed: int = 0, settings: MetropolisSettings | None = None) -> None:
        self.space = space
        self.seed = whole_number("seed", seed, 0)
        self.settings = settings or MetropolisSettings()
        self._rng = random.Random(self.seed)
        self._walkers = [self._walker(number) for number in range(self.settings.walkers)]
        self._turn = 0
        self._rewards: dict[Layers, float] = {}
        self._seen: set[Layers] = set()  # asked or told
        self._rest = RandomSearcher(space, seed=self.seed)

    def ask(self, n: int) -> list[Chain]:
        """Up to n further chains; fewer when the space is exhausted."""
        wanted = whole_number("n", n, 0)
        for walker in self._walkers:
            self._settle(walker)
        self._exchange()
        asked: list[Chain] = []
        while len(asked) < wanted and (layers := self._next()) is not None:
            self._seen.add(layers)
            asked.append(Chain.unchecked(layers, self.space.num_layers))
        return asked

    def tell(self, chain: Chain, reward: float) -> None:
        """Keeps the reward until the next ask, so that the order of tells doesn't matter."""
        number = checked(self.space, chain, reward)
        if chain.layers not in self._rewards and chain in self.space:
            self._rewards[chain.layers] = number
            self._seen.add(chain.layers)

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
        while layers is None and (found := self._rest.ask(1)):
            layers = found[0].layers if found[0].layers not in self._seen else None
        return layers

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
