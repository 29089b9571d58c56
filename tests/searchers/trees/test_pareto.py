"""Search for a front: what dominates, the archive, hypervolumes, and how much of the front is found."""

from __future__ import annotations

import random
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers import RandomSearcher
from skiploop.searchers.fronts import dominates, hypervolume, non_dominated
from skiploop.searchers.trees.pareto import Archive, ParetoSearcher, ParetoSettings
from skiploop.spaces.named import make_space, per_layer
from tests.searchers.rewards import scattered

grid = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)), max_size=8)


def test_incomparable_chains_do_not_dominate_each_other() -> None:
    """The published code of PepTune drops a chain as soon as one objective of another is better."""
    assert not dominates((1.0, 0.0), (0.0, 1.0)) and not dominates((0.0, 1.0), (1.0, 0.0))
    assert not dominates((1.0, 0.5), (1.0, 0.5))
    assert dominates((1.0, 0.5), (1.0, 0.4)) and not dominates((1.0, 0.4), (1.0, 0.5))
    archive = Archive()
    for number, vector in enumerate([(0.2, 0.8), (0.8, 0.2), (0.5, 0.5), (0.5, 0.5), (0.4, 0.4)]):
        assert archive.add(Chain([number], 5), vector) == (number < 4)
    assert [chain.layers[0] for chain, _ in archive.entries] == [0, 1, 2, 3]
    assert archive.add(Chain([4], 5), (0.6, 0.6))
    assert [chain.layers[0] for chain, _ in archive.entries] == [0, 1, 4]


def test_the_reward_is_the_share_of_the_archive_in_each_objective() -> None:
    archive = Archive()
    assert archive.shares((0.1, 0.1)) == (1.0, 1.0)
    for number, vector in enumerate([(0.1, 0.9), (0.5, 0.5), (0.8, 0.3), (0.9, 0.1)]):
        archive.add(Chain([number], 5), vector)
    assert archive.shares((0.5, 0.4)) == (0.5, 0.5)
    assert archive.shares((0.0, 1.0)) == (0.0, 1.0)


@given(grid)
def test_the_archive_is_the_front_of_what_was_told_in_any_order(vectors: list[tuple[int, int, int]]) -> None:
    archive = Archive()
    for number, vector in enumerate(vectors):
        archive.add(Chain([number], 8), vector)
    assert sorted(chain.layers[0] for chain, _ in archive.entries) == non_dominated(vectors)


@given(grid)
def test_the_hypervolume_counts_the_dominated_cells(vectors: list[tuple[int, int, int]]) -> None:
    grid_cells = product(range(4), repeat=3)
    cells = sum(any(all(c < x for c, x in zip(cell, v, strict=True)) for v in vectors) for cell in grid_cells)
    assert hypervolume(vectors) == cells
    flat = {vector[:2] for vector in vectors}
    assert hypervolume(flat) == sum(any(a < x and b < y for x, y in flat) for a, b in product(range(4), repeat=2))


def test_the_reference_bounds_the_volume_and_lengths_must_agree() -> None:
    assert hypervolume([(1.0, 1.0), (0.25, 2.0)], (0.5, 0.5)) == 0.25
    assert hypervolume([(3.0,), (2.0,)]) == 3.0
    assert hypervolume([]) == 0.0
    with pytest.raises(InvalidInput, match="no common volume"):
        hypervolume([(1.0, 1.0), (1.0,)])


def test_selection_takes_only_children_that_are_not_dominated() -> None:
    searcher = ParetoSearcher(make_space("cola", 8), settings=ParetoSettings(random_child=0.0))
    for _ in range(80):
        (chain,) = searcher.ask(1)
        searcher.tell(chain, scattered(chain))
    searcher.ask(0)
    root = searcher._root
    open_ones = [child for child in root.children.values() if not child.closed]
    means = [tuple(total / child.visits for total in child.totals) for child in open_ones]  # type: ignore[attr-defined]
    allowed = {str(open_ones[index].chain) for index in non_dominated(means)}
    picked = {str(child.chain) for _ in range(400) if (child := searcher._best(root))}
    assert picked == allowed and len(open_ones) > len(allowed)


def test_a_vector_is_told_as_it_is_and_a_number_stands_for_reward_and_shortness() -> None:
    space = make_space("skip", 4)
    searcher = ParetoSearcher(space)
    searcher.tell(space.identity, 0.5)
    assert searcher.front() == [(space.identity, (0.5, 0.5))]
    searcher.tell(Chain([0], 4), (0.25, 0.25))
    assert len(searcher.front()) == 1
    with pytest.raises(InvalidInput, match="3 objectives, others have 2"):
        searcher.tell(Chain([1], 4), (1.0, 1.0, 1.0))
    with pytest.raises(InvalidInput, match="finite"):
        searcher.tell(Chain([1], 4), (1.0, float("nan")))


def shares_of_the_front(searcher_type: type, seed: int, budget: int) -> float:
    """Hypervolume found, over that of the exhaustive front, for an additive table with noise over {0, 1, 2}^6."""
    space = per_layer(6)
    rng = random.Random(seed)
    gain = [[rng.gauss(0, 1) for _ in range(3)] for _ in range(6)]
    table = {c: sum(gain[k][c.layers.count(k)] for k in range(6)) + rng.gauss(0, 0.3) for c in space.enumerate()}
    low, high = min(table.values()), max(table.values())
    table = {chain: (value - low) / (high - low) for chain, value in table.items()}
    searcher, told = searcher_type(space, seed=seed), []
    for _ in range(budget):
        (chain,) = searcher.ask(1)
        searcher.tell(chain, table[chain])
        told.append((table[chain], 1 - len(chain) / space.max_length))
    if isinstance(searcher, ParetoSearcher):
        assert sorted(vector for _, vector in searcher.front()) == sorted(told[k] for k in non_dominated(told))
    everything = [(value, 1 - len(chain) / space.max_length) for chain, value in table.items()]
    return hypervolume(told) / hypervolume(everything)


def test_150_of_728_evaluations_find_most_of_the_front() -> None:
    found = [shares_of_the_front(ParetoSearcher, seed, 150) for seed in range(20)]
    chance = [shares_of_the_front(RandomSearcher, seed, 150) for seed in range(20)]
    assert sum(found) / 20 >= 0.95
    assert sum(found) > sum(chance)
