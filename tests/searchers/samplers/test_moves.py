"""The proposals of Metropolis-Hastings, against exact transition matrices."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from skiploop.chains.chain import Chain
from skiploop.searchers.samplers.moves import JUMP, KINDS, NAMES, Layers, propose
from skiploop.spaces.named import make_space, per_layer
from skiploop.spaces.space import Space
from tests.searchers.rewards import scattered
from tests.searchers.samplers.changes import instances

SMALL = {
    "cola": lambda: make_space("cola", 3),
    "skip": lambda: make_space("skip", 5),
    "loop": lambda: make_space("loop", 4),
    "per-layer": lambda: make_space("per-layer", 3),
    "segments": lambda: make_space("segments", 4),
    "block": lambda: make_space("block", 5),
    "permute": lambda: make_space("permute", 4),
    "early-exit": lambda: make_space("early-exit", 6),
    "counts": lambda: per_layer(4, (0, 1, 2)),
}


def transitions(space: Space, reward: Callable[[Chain], float], beta: float, jump: float) -> np.ndarray:
    """[N, N]: the probability to go from one chain to another, staying on the diagonal."""
    chains = list(space.enumerate())
    place = {chain.layers: number for number, chain in enumerate(chains)}
    rewards = np.array([reward(chain) for chain in chains])
    gain = beta * (rewards[None, :] - rewards[:, None])
    matrix = jump / len(chains) * np.exp(np.minimum(gain, 0.0))
    for row, chain in enumerate(chains):
        for each in instances(space, chain.layers):
            column = place[each.result]
            accepted = min(1.0, math.exp(gain[row, column] + each.log_back - each.log_probability))
            matrix[row, column] += (1 - jump) * math.exp(each.log_probability) * accepted
    np.fill_diagonal(matrix, 0.0)
    assert (matrix.sum(1) <= 1 + 1e-12).all()
    np.fill_diagonal(matrix, 1 - matrix.sum(1))
    return matrix


@pytest.mark.parametrize("beta", [0.0, 1.0, 8.0])
@pytest.mark.parametrize("name", SMALL)
def test_detailed_balance_holds_exactly(name: str, beta: float) -> None:
    space = SMALL[name]()
    matrix = transitions(space, scattered, beta, JUMP)
    weights = np.exp(beta * np.array([scattered(chain) for chain in space.enumerate()]))
    target = weights / weights.sum()
    flow = target[:, None] * matrix
    assert abs(flow - flow.T).max() < 1e-12
    assert abs(target @ matrix - target).max() < 1e-12


@pytest.mark.parametrize("name", SMALL)
def test_every_chain_is_reached_by_small_changes_alone(name: str) -> None:
    space = SMALL[name]()
    seen: set[Layers] = {space.identity.layers}
    stack = [space.identity.layers]
    while stack:
        found = {each.result for each in instances(space, stack.pop())} - seen
        seen |= found
        stack += found
    assert len(seen) == space.count()


@pytest.mark.parametrize("name", SMALL)
def test_each_change_is_undone_by_its_inverse_with_the_probability_given(name: str) -> None:
    space = SMALL[name]()
    for chain in space.enumerate():
        for each in instances(space, chain.layers):
            kind = KINDS[each.kind]
            back = kind.back(chain.layers, each.parameters)
            assert KINDS[kind.inverse].apply(each.result, back) == chain.layers
            ranges = KINDS[kind.inverse].ranges(space, len(each.result))
            assert all(0 <= value < size for value, size in zip(back, ranges, strict=True))
            assert each.log_back == -math.log(len(NAMES) * math.prod(ranges))


def test_inverse_kinds_come_in_pairs() -> None:
    assert all(KINDS[kind.inverse].inverse == name for name, kind in KINDS.items())


def test_proposals_are_drawn_as_listed() -> None:
    space, rng, draws = make_space("cola", 3), random.Random(0), 40_000
    here = Chain.parse("0 1x2", 3).layers
    want: Counter[Layers] = Counter()
    for each in instances(space, here):
        want[each.result] += (1 - JUMP) * math.exp(each.log_probability)  # type: ignore[assignment]
    for chain in space.enumerate():
        want[chain.layers] += JUMP / space.count()  # type: ignore[assignment]
    want[here] += 1 - want.total()
    got = Counter(propose(space, here, rng)[0] for _ in range(draws))
    statistic = sum((got[layers] - draws * share) ** 2 / (draws * share) for layers, share in want.items())
    freedom = len(want) - 1
    assert set(got) <= set(want) and statistic < freedom + 4 * (2 * freedom) ** 0.5


def test_ratios_of_proposals_are_those_of_the_instances() -> None:
    space, rng = make_space("cola", 4), random.Random(1)
    layers = space.identity.layers
    for _ in range(300):
        known = {(each.result, round(each.log_back - each.log_probability, 9)) for each in instances(space, layers)}
        result, ratio = propose(space, layers, rng)
        assert (result, round(ratio, 9)) in known or ratio == 0.0  # stayed, or jumped
        layers = result


@pytest.mark.parametrize("name", ["cola", "skip", "permute", "block"])
def test_large_spaces_are_proposed_in(name: str) -> None:
    space, rng = make_space(name, 28), random.Random(0)
    layers, moved = space.identity.layers, 0
    for _ in range(2000):
        result, ratio = propose(space, layers, rng)
        assert space.accepts(result) and math.isfinite(ratio)
        moved += result != layers
        layers = result
    assert moved > 20


def test_the_generator_alone_decides() -> None:
    space = make_space("cola", 8)
    walks = []
    for _ in range(2):
        rng, layers, path = random.Random(5), space.identity.layers, []
        for _ in range(100):
            layers, ratio = propose(space, layers, rng)
            path.append((layers, ratio))
        walks.append(path)
    assert walks[0] == walks[1]
