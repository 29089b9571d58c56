"""The best chain, the cheapest one that loses little, and the best for each number of layer calls."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from skiploop.chains.chain import Chain
from skiploop.studies.static.race import Candidate
from skiploop.studies.static.selection import cheapest, front


def candidate(depth: int, right: int, of: int = 10) -> Candidate:
    return Candidate(Chain(range(depth), 30), (1.0,) * right + (0.0,) * (of - right))


def test_the_cheapest_loses_no_more_than_it_may() -> None:
    own = [candidate(30, 8), candidate(20, 6), candidate(24, 7), candidate(28, 9)]
    assert cheapest(own, 0.8) is own[3]
    assert cheapest(own, 0.8 - 0.1) is own[2], "0.8 - 0.1 is a little more than 0.7"
    assert cheapest(own, 0.5) is own[1]
    assert cheapest(own, 0.95) is None


def test_among_equally_cheap_ones_the_best_is_chosen() -> None:
    own = [candidate(20, 6), candidate(20, 7), candidate(20, 7)]
    assert cheapest(own, 0.5) is own[1]


def test_a_chain_of_the_front_is_better_than_all_shorter_ones() -> None:
    found = front({"search": [candidate(30, 8), candidate(24, 7)], "random": [candidate(26, 7), candidate(20, 3)]}, 8)
    assert [(by, len(each.chain)) for by, each in found] == [("random", 20), ("search", 24), ("search", 30)]
    assert front({"search": [candidate(30, 8)]}, 0) == []


def test_of_equal_chains_the_first_proposer_counts() -> None:
    ((by, _),) = front({"search": [candidate(24, 7)], "random": [candidate(24, 7)]}, 8)
    assert by == "search"


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 40)), min_size=1), st.integers(1, 9))
def test_front(pairs: list[tuple[int, int]], most: int) -> None:
    own = {"search": [candidate(depth, right, 40) for depth, right in pairs]}
    whole, some = front(own, 99), front(own, most)
    points = [(len(each.chain), each.mean) for _, each in whole]
    assert points == sorted(set(points)) and len({mean for _, mean in points}) == len(points)
    for depth, right in pairs:  # nothing tried is better than the front
        assert any(d <= depth and mean >= right / 40 for d, mean in points)
    assert len(some) == min(most, len(whole)) and set(some) <= set(whole)
    assert some[0] == whole[0] and (most == 1 or some[-1] == whole[-1])
