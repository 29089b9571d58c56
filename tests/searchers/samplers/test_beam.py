"""Beam search: whose children are asked, in what order, and what happens when they run out."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers import BeamSearcher, BeamSettings, RandomSearcher
from skiploop.spaces.named import make_space
from skiploop.spaces.space import Space
from skiploop.testing.searcher_contract import run
from tests.searchers.rewards import planted, scattered


def level(searcher: BeamSearcher, size: int) -> list[Chain]:
    chains = searcher.ask(size)
    for chain in chains:
        searcher.tell(chain, scattered(chain))
    return chains


def children(space: Space, parents: Sequence[Chain]) -> set[Chain]:
    return {child for parent in parents for child in space.children(parent)}


def test_each_level_is_made_of_children_of_the_best_of_the_level_before() -> None:
    space = make_space("cola", 12)
    searcher = BeamSearcher(space, settings=BeamSettings(width=3, branch=5))
    assert level(searcher, 1) == [space.identity]
    beam = [space.identity]
    for _ in range(4):
        found = level(searcher, 15)
        assert set(found) <= children(space, beam)
        order = {chain: number for number, chain in enumerate(found)}
        beam = sorted(found, key=lambda chain: (-scattered(chain), len(chain), order[chain]))[:3]
    searcher.ask(1)
    assert set(searcher._beam) == {chain.layers for chain in beam}


def test_ties_go_to_the_shorter_then_to_the_one_asked_first() -> None:
    space = make_space("cola", 12)
    searcher = BeamSearcher(space, settings=BeamSettings(width=2, branch=4))
    asked = searcher.ask(9)
    for chain in reversed(asked):
        searcher.tell(chain, 0.5)
    searcher.ask(1)
    expected = sorted(asked[1:], key=len)[:2]
    assert set(searcher._beam) == {chain.layers for chain in expected}


def test_the_parents_take_turns() -> None:
    space = make_space("cola", 12)
    searcher = BeamSearcher(space, settings=BeamSettings(width=2, branch=6))
    level(searcher, 13)
    found = level(searcher, 12)
    first, second = (set(space.children(Chain(layers, 12))) for layers in searcher._beam)
    assert all(chain in (first if number % 2 == 0 else second) for number, chain in enumerate(found))


def test_small_edits_come_first_more_often_than_not_and_a_prior_decides() -> None:
    space = make_space("cola", 12)
    asked = run(BeamSearcher(space, settings=BeamSettings(branch=20)), 41)[1:]
    every = list(space.children(space.identity))

    def change(chains: Sequence[Chain]) -> float:
        return sum(abs(len(chain) - 12) for chain in chains) / len(chains)

    assert change(asked) < change(every) - 0.5

    def prior(chain: Chain, candidates: Sequence[Chain]) -> list[float]:
        return [float(sum(child)) for child in candidates]

    sums = [sum(chain) for chain in BeamSearcher(space, prior=prior).ask(30)[1:]]
    assert sums == sorted(map(sum, every), reverse=True)[:29]


def test_a_level_waits_for_its_rewards_and_fills_batches_meanwhile() -> None:
    space = make_space("cola", 12)
    searcher = BeamSearcher(space, settings=BeamSettings(width=2, branch=3))
    asked = searcher.ask(40)
    assert set(asked[1:]) <= children(space, [space.identity])
    for chain in asked[:6]:  # the identity and five of six
        searcher.tell(chain, scattered(chain))
    assert set(searcher.ask(3)) <= children(space, [space.identity])
    searcher.tell(asked[6], 1.0)
    assert set(searcher.ask(3)) <= children(space, asked[1:7])


def test_when_a_level_is_dry_the_best_known_chains_go_on() -> None:
    """Skips only: a beam at the end of the world, [k], has no children, but others have."""
    space = make_space("skip", 5)
    searcher = BeamSearcher(space, settings=BeamSettings(width=1, branch=4))
    asked: list[Chain] = []
    while len(asked) < space.count():
        (chain,) = searcher.ask(1)
        searcher.tell(chain, 1 / len(chain))
        asked.append(chain)
    assert set(asked) == set(space.enumerate())
    for number, chain in enumerate(asked[1:], 1):
        assert chain in children(space, asked[:number]), "none was drawn from anywhere"


def test_a_good_chain_that_was_told_is_expanded() -> None:
    space = make_space("cola", 12)
    good = Chain.parse("0-2 5-7 7-11", 12)
    searcher = BeamSearcher(space, settings=BeamSettings(width=2, branch=3))
    searcher.tell(good, 1.0)
    for chain in searcher.ask(7):
        searcher.tell(chain, 0.0)
    assert set(searcher.ask(8)) & children(space, [good])


def test_it_climbs_where_chance_does_not() -> None:
    space = make_space("cola", 8, max_repeats=1)
    mine = [max(map(planted, run_planted(BeamSearcher(space, seed=seed)))) for seed in range(8)]
    chance = [max(map(planted, run_planted(RandomSearcher(space, seed=seed)))) for seed in range(8)]
    assert sum(mine) > sum(chance) + 0.5


def run_planted(searcher: BeamSearcher | RandomSearcher) -> list[Chain]:
    asked = []
    for _ in range(100):
        asked += searcher.ask(1)
        searcher.tell(asked[-1], planted(asked[-1]))
    return asked


@pytest.mark.parametrize("setting", ["width", "branch"])
def test_bad_settings_are_refused_by_name(setting: str) -> None:
    with pytest.raises(InvalidInput, match=f"{setting}=0"):
        BeamSettings(**{setting: 0})
