"""Warm starts: given chains first, then any searcher."""

from __future__ import annotations

import random

import pytest

from skiploop.chains.chain import Chain
from skiploop.searchers import BeamSearcher, ColaSearcher, RandomSearcher, WarmStart
from skiploop.spaces.named import make_space
from skiploop.spaces.space import Space
from skiploop.testing.searcher_contract import SearcherContract, run


@pytest.mark.parametrize("space_name", ["cola", "early-exit", "permute"])
class TestWarmContract(SearcherContract):
    """A warm start is a searcher like any other; the identity and a chain outside the space are in the list."""

    @pytest.fixture(autouse=True)
    def chosen(self, space_name: str) -> None:
        self.space_name = space_name

    def make(self, space: Space, seed: int = 0) -> WarmStart:
        rng = random.Random(max(seed, 0))
        chains = [space.identity, Chain([3, 1, 2, 1], space.num_layers), *(space.sample(rng) for _ in range(6))]
        return WarmStart(ColaSearcher(space, seed=seed), chains)


def test_its_chains_come_first_and_each_once() -> None:
    space = make_space("cola", 8)
    rng = random.Random(3)
    chains = [space.sample(rng) for _ in range(8)]
    searcher = WarmStart(RandomSearcher(space), [*chains, chains[0], Chain([3, 1, 2, 1], 8)])
    searcher.tell(chains[2], 1.0)
    asked = searcher.ask(5) + searcher.ask(100)
    assert asked[:7] == [chain for chain in chains if chain != chains[2]]
    assert len(set(asked)) == 105 and chains[2] not in asked


def test_the_searcher_behind_learns_from_their_rewards() -> None:
    """A good chain two edits from the identity is met later than its neighbours, unless the start names it."""
    space = make_space("cola", 12)
    good = Chain.parse("0-2 5-7 7-11", 12)

    def near(chains: list[Chain]) -> int:
        return sum(chain in set(space.children(good)) for chain in chains)

    found = []
    for first in ([good], []):
        searcher, asked = WarmStart(BeamSearcher(space), first), []
        for _ in range(60):
            for chain in searcher.ask(1):
                searcher.tell(chain, float(chain == good))
                asked.append(chain)
        found.append(near(asked))
    assert found[0] > found[1] + 5


def test_an_empty_list_changes_nothing() -> None:
    space = make_space("cola", 12)
    assert run(WarmStart(ColaSearcher(space, seed=4), []), 60) == run(ColaSearcher(space, seed=4), 60)
