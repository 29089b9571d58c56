"""Metropolis-Hastings: the distribution of its walk, and how soon it finds what is planted."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers import RandomSearcher, Searcher
from skiploop.searchers.samplers.metropolis import MetropolisSearcher, MetropolisSettings
from skiploop.searchers.samplers.moves import JUMP
from skiploop.spaces.named import make_space, per_layer
from skiploop.spaces.space import Space
from tests.searchers.rewards import scattered
from tests.searchers.samplers.changes import walk
from tests.searchers.samplers.test_moves import transitions


def exact(space: Space, reward: Callable[[Chain], float], beta: float) -> dict[Chain, float]:
    weights = {chain: math.exp(beta * reward(chain)) for chain in space.enumerate()}
    total = sum(weights.values())
    return {chain: weight / total for chain, weight in weights.items()}


def noise(target: dict[Chain, float], samples: int) -> float:
    """Total variation that so many independent samples of the target have on average (normal approximation)."""
    return sum(math.sqrt(2 * p * (1 - p) / math.pi / samples) for p in target.values()) / 2


def walked_noise(space: Space, beta: float, steps: int) -> float:
    """The same for a walk, whose steps depend on each other, from its exact transition matrix.

    Visits of chain i vary by p_i (2 Z_ii - 1 - p_i) / steps, with Z the fundamental matrix (Kemeny and Snell 1960).
    """
    matrix = transitions(space, scattered, beta, JUMP)
    shares = np.array(list(exact(space, scattered, beta).values()))
    fundamental = np.linalg.inv(np.eye(len(shares)) - matrix + shares[None, :])
    variance = shares * (2 * np.diag(fundamental) - 1 - shares) / steps
    return float(np.sqrt(2 * variance / math.pi).sum() / 2)


@pytest.mark.parametrize(("space_name", "layers", "beta"), [("cola", 3, 4.0), ("skip", 5, 4.0), ("permute", 4, 0.0)])
def test_a_long_walk_visits_chains_in_proportion_to_exp_beta_reward(space_name: str, layers: int, beta: float) -> None:
    space, steps = make_space(space_name, layers), 40_000
    table = {chain: scattered(chain) for chain in space.enumerate()}
    visits = Counter(walk(space, table.__getitem__, steps, beta, random.Random(0)))
    target = exact(space, scattered, beta)
    variation = sum(abs(visits[chain] / steps - share) for chain, share in target.items()) / 2
    assert variation < walked_noise(space, beta, steps) + 0.02


def planted_table(seed: int) -> Callable[[Chain], float]:
    """Each layer adds what is planted for the number of times it is run."""
    rng = random.Random(seed)
    table = [[rng.gauss(0, 0.1) for _ in range(3)] for _ in range(6)]
    return lambda chain: sum(row[chain.layers.count(layer)] for layer, row in enumerate(table))


def found(searcher: Searcher, reward: Callable[[Chain], float], top: set[Chain], batch: int) -> int:
    hits = 0
    for _ in range(200 // batch):
        for chain in searcher.ask(batch):
            searcher.tell(chain, reward(chain))
            hits += chain in top
    return hits


@pytest.mark.parametrize("batch", [1, 8])
def test_twice_as_many_of_the_top_50_chains_are_found_as_by_chance(batch: int) -> None:
    space, mine, chance = per_layer(6, (0, 1, 2)), 0, 0
    assert space.count() == 728
    for seed in range(10):
        reward = planted_table(seed)
        top = set(sorted(space.enumerate(), key=reward)[-50:])
        mine += found(MetropolisSearcher(space, seed=seed), reward, top, batch)
        chance += found(RandomSearcher(space, seed=seed), reward, top, batch)
    assert mine >= 2 * chance


def test_the_searcher_is_the_walk_when_asked_one_at_a_time() -> None:
    """One walker, each new chain told at once: the chains asked are those that a walk of free steps considers."""
    space = make_space("cola", 4)
    settings = MetropolisSettings(beta=6.0, walkers=1)
    searcher = MetropolisSearcher(space, seed=3, settings=settings)
    asked = []
    for _ in range(60):
        for chain in searcher.ask(1):
            searcher.tell(chain, scattered(chain))
            asked.append(chain)
    considered: dict[Chain, None] = {}

    def reward(chain: Chain) -> float:
        considered[chain] = None
        return scattered(chain)

    rng = random.Random(random.Random(3).getrandbits(64))
    list(walk(space, reward, 1000, 6.0, rng))
    assert list(considered)[:60] == asked


@pytest.mark.parametrize("batch", [pytest.param(1, marks=pytest.mark.slow), 16])
def test_prefetching_leaves_the_walk_as_likely(batch: int) -> None:
    """With batches one walker still samples the target: its steps are counted where they are decided."""
    space = make_space("skip", 4)
    target = exact(space, scattered, 3.0)
    visits: Counter[Chain] = Counter()
    for seed in range(200):
        searcher = MetropolisSearcher(space, seed=seed, settings=MetropolisSettings(beta=3.0, walkers=1))
        while chains := searcher.ask(batch):
            for chain in chains:
                searcher.tell(chain, scattered(chain))
        walker = searcher._walkers[0]
        for _ in range(4):  # all is known now: the walk goes on for free
            searcher._advance(walker)
            assert walker.layers is not None
            visits[Chain(walker.layers, 4)] += 1
    variation = sum(abs(visits[chain] / 800 - share) for chain, share in target.items()) / 2
    assert variation < noise(target, 600) + 0.02


def test_the_coldest_walker_ends_up_with_the_best_chains() -> None:
    space = per_layer(6, (0, 1, 2))
    cold = hot = 0.0
    for seed in range(8):
        reward = planted_table(seed)
        searcher = MetropolisSearcher(space, seed=seed, settings=MetropolisSettings(ladder=0.3))
        for _ in range(40):
            for chain in searcher.ask(4):
                searcher.tell(chain, reward(chain))
        first, *_, last = [Chain(walker.layers or (), 6) for walker in searcher._walkers]
        cold, hot = cold + reward(first), hot + reward(last)
    assert cold > hot + 8 * 0.1


def test_a_warm_up_starts_at_random_walks() -> None:
    searcher = MetropolisSearcher(make_space("cola", 6), settings=MetropolisSettings(warmup=50))
    assert searcher._beta(searcher._walkers[0]) == 0.0
    for _ in range(60):
        for chain in searcher.ask(1):
            searcher.tell(chain, scattered(chain))
    assert searcher._beta(searcher._walkers[0]) == 30.0


def test_a_walker_that_waits_for_ever_does_not_grow() -> None:
    searcher = MetropolisSearcher(make_space("cola", 12))
    assert len(set(searcher.ask(2000))) == 2000
    assert max(len(walker.steps) for walker in searcher._walkers) <= 64


@pytest.mark.parametrize(
    ("setting", "value"),
    [("beta", -1.0), ("beta", math.nan), ("beta", math.inf), ("beta", True), ("ladder", 1.5), ("ladder", "steep"),
     ("walkers", 0), ("walkers", 2.5), ("warmup", -1)],
)  # fmt: skip
def test_bad_settings_are_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(InvalidInput, match=f"{setting}={value!r}"):
        MetropolisSettings(**{setting: value})  # type: ignore[arg-type]
