"""A searcher is led below the bound, and what is too deep is never run."""

from __future__ import annotations

import pytest

from skiploop.chains.chain import Chain
from skiploop.searchers import make_searcher
from skiploop.spaces.named import make_space
from skiploop.studies.static.within_depth import WithinDepth, shallow

LAYERS, MOST = 20, 14
KEPT = {0, 3, 4, 7, 11, 12, 19}  # the more of these a chain runs, the better


def reward(chain: Chain) -> float:
    return len(KEPT & set(chain.layers)) / len(KEPT)


@pytest.mark.parametrize("name", ["gp", "cola", "evolution", "metropolis", "puct", "beam"])
def test_searchers_come_below_the_bound_and_go_on_searching(name: str) -> None:
    space = make_space("cola", LAYERS)
    search = WithinDepth(make_searcher(name, space, seed=0), MOST)
    search.tell(space.identity, reward(space.identity))
    found: dict[Chain, float] = {}
    for _ in range(8):
        for chain in search.ask(4):
            assert len(chain) <= MOST and chain not in found
            found[chain] = reward(chain)
            search.tell(chain, found[chain])
    assert len(found) == 32
    uniform = make_searcher("random", shallow(space, MOST), seed=0).ask(32)
    assert max(found.values()) >= sorted(map(reward, uniform))[16], "no better than an ordinary random chain"


def test_random_chains_are_drawn_from_the_short_ones_alone() -> None:
    space = make_space("skip", 6)
    below = shallow(space, 3)
    wanted = {chain for chain in space.enumerate() if len(chain) <= 3}
    assert set(make_searcher("random", below, seed=0).ask(100)) == wanted and below.count() == len(wanted)
    assert shallow(space, 99).count() == space.count()


def test_where_nothing_is_short_enough_the_search_ends() -> None:
    space = make_space("loop", 6)  # skips nothing
    assert shallow(space, 5).count() == 0
    search = WithinDepth(make_searcher("cola", space, seed=0), 5)
    search.tell(space.identity, 1.0)
    assert search.ask(4) == []


def test_a_chain_that_is_too_deep_counts_less_than_every_other() -> None:
    told: dict[Chain, float] = {}

    class Asked:
        def ask(self, n: int) -> list[Chain]:
            return [Chain(range(depth), 10) for depth in (9, 8, 7, 5) if Chain(range(depth), 10) not in told]

        def tell(self, chain: Chain, reward: float) -> None:
            told[chain] = reward

    search = WithinDepth(Asked(), 7)
    assert [len(chain) for chain in search.ask(4)][:2] == [7, 5]
    search.tell(Chain(range(10), 10), 1.0)
    search.tell(Chain(range(7), 10), 0.0)
    values = [told[Chain(range(depth), 10)] for depth in (10, 9, 8, 7)]
    assert values == sorted(values) and values[2] < 0 == values[3] and len(set(values)) == 4
