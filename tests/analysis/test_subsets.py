"""Undoing edits, and delta debugging."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skiploop.analysis.subsets import ddmin, lockstep, single_edit, with_edits
from skiploop.chains.chain import Chain

LAYERS = 6
any_chain = st.lists(st.integers(0, LAYERS - 1), min_size=1, max_size=14).map(lambda layers: Chain(layers, LAYERS))


@given(any_chain)
def test_all_edits_give_the_chain_and_none_gives_the_identity(chain: Chain) -> None:
    assert with_edits(chain, range(len(chain.edits()))) == chain
    assert with_edits(chain, ()).is_identity


@given(any_chain, st.data())
def test_any_part_of_the_edits_gives_a_chain(chain: Chain, data: st.DataObject) -> None:
    count = len(chain.edits())
    kept = data.draw(st.sets(st.integers(0, max(count - 1, 0)))) if count else set()
    found = with_edits(chain, kept)
    assert len(found) >= 1
    assert found.num_layers == LAYERS


@pytest.mark.parametrize(
    ("chain", "kept", "wanted"),
    [
        ("0 2 0 2 3-5", {0}, "0 2-5"),  # the loop is undone
        ("0 2 0 2 3-5", {1}, "0-2 0-2 3-5"),  # the skip is undone, inside of the loop
        ("0-1x3 3-5", {0}, "0-1x3 2-5"),
        ("0-3", set(), "0-5"),  # layers left over at the end
        ("0-3 1-5", set(), "0-5"),  # a jump back
        ("0 2 1 3-5", {0, 2}, "0 2-5"),  # without the jump its slots are left out
        ("0 2 1 3-5", {1, 2}, "0-2 1 3-5"),
        ("0 2 1 3-5", {0, 1}, "0 2 1-5"),
        ("0-1 1 1 3-5", {1}, "0-1 3-5"),
    ],
)
def test_an_undone_edit_leaves_the_others_as_they_were(chain: str, kept: set[int], wanted: str) -> None:
    assert str(with_edits(Chain.parse(chain, LAYERS), kept)) == str(Chain.parse(wanted, LAYERS))


def test_edits_of_one_layer() -> None:
    assert single_edit("skip", 2, 4).layers == (0, 1, 3)
    assert single_edit("loop", 2, 4).layers == (0, 1, 2, 2, 3)
    assert [str(edit) for edit in single_edit("loop", 2, 4).edits()] == ["loop 2 x2"]


# Delta debugging


@given(st.integers(1, 10), st.data())
def test_what_remains_is_enough_and_nothing_of_it_can_go(count: int, data: st.DataObject) -> None:
    families = st.lists(st.frozensets(st.integers(0, count - 1), min_size=1), min_size=1, max_size=4)
    sufficient, spoilers = data.draw(families), data.draw(families)  # spoilers: not monotone

    def enough(kept: tuple[int, ...]) -> bool:
        whole = len(kept) == count
        return whole or (any(s <= set(kept) for s in sufficient) and not any(s == set(kept) for s in spoilers))

    (found,) = lockstep([ddmin(range(count))], lambda asked: [enough(kept) for _, kept in asked])
    assert enough(found)
    if len(found) > 1:
        assert not any(enough(tuple(item for item in found if item != left)) for left in found)


def test_searches_in_lockstep_end_as_alone_and_share_their_rounds() -> None:
    needed = [{1}, {0, 7}, set(range(8)), {2, 3, 4}]
    rounds = []

    def enough(asked: list[tuple[int, tuple[int, ...]]]) -> list[bool]:
        rounds.append({number for number, _ in asked})
        return [needed[number] <= set(kept) for number, kept in asked]

    found = lockstep([ddmin(range(8)) for _ in needed], enough)
    assert [set(each) for each in found] == needed
    assert rounds[0] == {0, 1, 2, 3}
