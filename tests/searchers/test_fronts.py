"""The Pareto set of (reward, depth)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from skiploop.chains.chain import Chain
from skiploop.searchers import pareto

points = st.tuples(st.integers(1, 8), st.integers(0, 4)).map(lambda p: (Chain([0] * p[0], 3), p[1] / 4))


def chain(depth: int, last: int = 0) -> Chain:
    return Chain([0] * (depth - 1) + [last], 3)


def test_incomparable_chains_are_kept_and_beaten_ones_dropped() -> None:
    short, middle, long, worse = (chain(2), 0.2), (chain(4), 0.5), (chain(6), 0.9), (chain(5), 0.5)
    assert pareto([long, worse, short, middle]) == [short, middle, long]


def test_ties_are_kept_in_order_and_repeats_are_not() -> None:
    first, second = (chain(3, 2), 1.0), (chain(3, 1), 1.0)
    assert pareto([first, second, first]) == [first, second]


def test_nothing_gives_nothing() -> None:
    assert pareto([]) == []


@given(st.lists(points, max_size=30))
def test_against_the_definition(evaluations: list[tuple[Chain, float]]) -> None:
    def beats(a: tuple[Chain, float], b: tuple[Chain, float]) -> bool:
        return a[1] >= b[1] and len(a[0]) <= len(b[0]) and (a[1] > b[1] or len(a[0]) < len(b[0]))

    want = {b for b in evaluations if not any(beats(a, b) for a in evaluations)}
    front = pareto(evaluations)
    assert set(front) == want and len(front) == len(want)
    assert [len(c) for c, _ in front] == sorted(len(c) for c, _ in front)
