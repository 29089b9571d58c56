"""Regularised evolution: who is the parent, who dies, and how soon it finds what is planted."""

from __future__ import annotations

import pytest

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers import EvolutionSearcher, EvolutionSettings, RandomSearcher, Searcher
from skiploop.spaces.named import make_space, per_layer
from skiploop.spaces.space import Space
from skiploop.testing.searcher_contract import run
from tests.searchers.rewards import planted, scattered
from tests.searchers.samplers.changes import instances


def searched(space: Space, budget: int, **settings: int) -> tuple[EvolutionSearcher, list[Chain]]:
    searcher = EvolutionSearcher(space, seed=1, settings=EvolutionSettings(**settings))
    return searcher, run(searcher, budget)


def test_it_starts_at_the_identity_and_near_it() -> None:
    space = make_space("cola", 28)
    _, asked = searched(space, 16)
    assert asked[0] == space.identity
    assert max(len(chain.edits()) for chain in asked) < 10 < len(space.chain_at(space.count() // 2).edits())


def test_the_oldest_dies_however_good_it_is() -> None:
    space = make_space("cola", 12)
    searcher = EvolutionSearcher(space, settings=EvolutionSettings(population=5, sample=5))
    asked = []
    for _ in range(30):
        (chain,) = searcher.ask(1)
        searcher.tell(chain, 1.0 if chain.is_identity else scattered(chain) / 2)
        asked.append(chain.layers)
        searcher.ask(0)
        assert list(searcher._alive) == asked[-5:]
    assert space.identity.layers not in searcher._alive


def test_the_parent_is_the_best_of_the_sample() -> None:
    space = make_space("cola", 12)
    searcher, asked = searched(space, 16, population=16, sample=16)
    searcher.ask(0)
    best = max(asked, key=lambda chain: (scattered(chain), -len(chain)))
    assert {searcher._parent() for _ in range(20)} == {best.layers}
    one_of_two = EvolutionSearcher(space, settings=EvolutionSettings(population=16, sample=1))
    run(one_of_two, 16)
    one_of_two.ask(0)
    assert len({one_of_two._parent() for _ in range(200)}) == 16, "a sample of one is no choice"


def test_a_child_is_one_small_change_from_its_parent() -> None:
    space = make_space("cola", 8)
    searcher, _ = searched(space, 16)
    searcher.ask(0)
    near = jumps = 0
    for _ in range(60):
        parent = searcher._parent()
        child = searcher._child(parent)
        assert child is not None and child not in searcher._seen
        near += child in {instance.result for instance in instances(space, parent)}
        jumps += 1
    assert near > 0.8 * jumps, "the rest are jumps, which keep every space connected"


def best_of(searcher: Searcher, budget: int) -> float:
    best = 0.0
    for _ in range(budget):
        for chain in searcher.ask(1):
            searcher.tell(chain, planted(chain))
            best = max(best, planted(chain))
    return best


def test_it_climbs_where_chance_does_not() -> None:
    space = per_layer(8, (0, 1, 2))
    mine = [best_of(EvolutionSearcher(space, seed=seed), 100) for seed in range(10)]
    chance = [best_of(RandomSearcher(space, seed=seed), 100) for seed in range(10)]
    assert sum(mine) / 10 > 0.95 > sum(chance) / 10 + 0.05


def test_more_changes_go_farther() -> None:
    space = make_space("cola", 12)
    lengths = []
    for changes in (1, 6):
        searcher, _ = searched(space, 16, changes=changes)
        searcher.ask(0)
        parent = space.identity.layers
        children = [searcher._child(parent) for _ in range(200)]
        lengths.append(sum(len(Chain(child or parent, 12).edits()) for child in children))
    assert lengths[1] > 1.5 * lengths[0]


@pytest.mark.parametrize("setting", ["population", "sample", "changes"])
@pytest.mark.parametrize("value", [0, 1.5, True])
def test_bad_settings_are_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(InvalidInput, match=f"{setting}={value!r}"):
        EvolutionSettings(**{setting: value})  # type: ignore[arg-type]
