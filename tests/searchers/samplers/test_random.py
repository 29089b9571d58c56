"""Random search draws without replacement, and each order is equally likely."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from skiploop.searchers import RandomSearcher
from skiploop.spaces.named import make_space


@pytest.mark.parametrize("place", [0, 3, 14])
def test_every_chain_is_equally_likely_at_every_place(place: int) -> None:
    space = make_space("cola", 2)
    assert space.count() == 15
    runs = 3000
    hits = Counter(RandomSearcher(space, seed=seed).ask(15)[place] for seed in range(runs))
    expected = runs / 15
    assert sum((hits[c] - expected) ** 2 / expected for c in space.enumerate()) < 14 + 4 * 28**0.5


def test_the_last_chains_of_a_space_cost_no_more_than_the_first() -> None:
    space = make_space("cola", 6)
    searcher = RandomSearcher(space)
    start = time.process_time()
    first = searcher.ask(1000)
    at_first = time.process_time() - start
    middle = searcher.ask(space.count() - 2000)
    start = time.process_time()
    last = searcher.ask(10**9)
    at_last = time.process_time() - start
    assert len(last) == 1000
    assert len({*first, *middle, *last}) == space.count()
    assert at_last < 20 * at_first + 0.2


def test_a_huge_space_is_drawn_from_its_whole_range() -> None:
    space = make_space("skip", 200)
    asked = RandomSearcher(space).ask(400)
    usage = Counter(layer for chain in asked for layer in chain)
    assert len(usage) == 200
    assert all(130 < usage[layer] < 270 for layer in range(200))  # 200 expected, deviation 10
