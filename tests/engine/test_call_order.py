"""The order of layer calls: contains every chain, never below its bound, shortest where that can be checked."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from skiploop.chains.chain import Chain
from skiploop.engine.call_order import call_order, fewest_calls
from skiploop.spaces.named import make_space

chains_of_layers = st.lists(st.lists(st.integers(0, 5), max_size=9).map(tuple), max_size=8)


def contains(order: list[int], chain: tuple[int, ...]) -> bool:
    rest = iter(order)
    return all(layer in rest for layer in chain)


def shortest(first: tuple[int, ...], second: tuple[int, ...]) -> int:
    """Of two chains, by dynamic programming."""
    rows = [list(range(len(second) + 1))]
    for i, layer in enumerate(first, start=1):
        row = [i]
        for j, other in enumerate(second, start=1):
            row.append(rows[-1][j - 1] + 1 if layer == other else 1 + min(rows[-1][j], row[j - 1]))
        rows.append(row)
    return rows[-1][-1]


@given(chains_of_layers)
def test_the_order_contains_every_chain_and_wastes_no_call(chains: list[tuple[int, ...]]) -> None:
    order = call_order(chains)
    assert all(contains(order, chain) for chain in chains)
    assert fewest_calls(chains) <= len(order) <= sum(map(len, set(chains)))
    assert order == call_order(chains)  # the same every time


def test_two_chains_are_merged_as_shortly_as_can_be() -> None:
    space, rng = make_space("cola", 12), random.Random(0)
    longer = 0
    for _ in range(60):
        first, second = space.sample(rng).layers, space.sample(rng).layers
        found = len(call_order([first, second]))
        assert found >= shortest(first, second)
        longer += found - shortest(first, second)
    assert longer <= 3  # a beam isn't a proof, but on two chains it hardly ever misses


def test_loops_of_some_rows_cost_no_more_than_the_longest() -> None:
    identity = Chain.identity(6).layers
    looped = (0, 1, 2, 1, 2, 3, 4, 5)
    assert call_order([identity, looped, identity]) == list(looped)
    assert fewest_calls([identity, looped]) == len(looped)


def test_chains_as_a_search_draws_them_end_near_the_bound() -> None:
    space, rng = make_space("cola", 24), random.Random(1)
    for _ in range(5):
        chains = [space.sample(rng).layers for _ in range(16)]
        assert len(call_order(chains)) <= 1.35 * fewest_calls(chains)


def test_no_chains_need_no_calls() -> None:
    assert call_order([]) == [] == call_order([()])
    assert fewest_calls([]) == 0
