"""All chains in a fixed order, in little memory."""

from __future__ import annotations

import tracemalloc

import pytest

from skiploop.errors import InvalidInput
from skiploop.searchers import ExhaustiveSearcher, ExhaustiveSettings
from skiploop.spaces.named import make_space
from skiploop.testing.searcher_contract import run


def test_chains_come_by_their_number_of_edits_then_by_rank() -> None:
    space = make_space("cola", 5)
    asked = ExhaustiveSearcher(space).ask(space.count())
    once = list(space.children(space.identity))
    assert asked[0] == space.identity and asked[1 : 1 + len(once)] == once
    twice = {child for chain in once for child in space.children(chain)} - {space.identity, *once}
    start = 1 + len(once)
    assert set(asked[start : start + len(twice)]) == twice
    near = set(asked[: start + len(twice)])
    assert asked[start + len(twice) :] == [chain for chain in space.enumerate() if chain not in near]
    assert len(near) < space.count()


def test_without_a_near_part_the_identity_comes_first_and_all_others_by_rank() -> None:
    space = make_space("cola", 4)
    asked = ExhaustiveSearcher(space, settings=ExhaustiveSettings(near=0)).ask(10_000)
    assert asked == [space.identity, *(chain for chain in space.enumerate() if not chain.is_identity)]


def test_the_seed_and_the_rewards_change_nothing() -> None:
    space = make_space("cola", 12)
    plain = ExhaustiveSearcher(space).ask(200)
    assert run(ExhaustiveSearcher(space, seed=7), 200, batch=3) == plain


def test_the_walk_through_the_ranks_takes_no_memory() -> None:
    space = make_space("cola", 28)
    searcher = ExhaustiveSearcher(space, settings=ExhaustiveSettings(near=0))
    run(searcher, 300)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(2000):
        for chain in searcher.ask(1):
            searcher.tell(chain, 0.5)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 2000 * 8, "less than eight bytes an evaluation: they aren't kept"


@pytest.mark.parametrize("value", [-1, 0.5, True])
def test_bad_settings_are_refused_by_name(value: float) -> None:
    with pytest.raises(InvalidInput, match=f"near={value!r}"):
        ExhaustiveSettings(near=value)  # type: ignore[arg-type]
