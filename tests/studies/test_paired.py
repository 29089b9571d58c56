"""Paired differences: the sign, both intervals, and turning them round."""

from __future__ import annotations

import pytest

from skiploop.stats.shares import mcnemar, newcombe_paired
from skiploop.studies.paired import bootstrapped, paired

FIRST = [True] * 12 + [False] * 8  # right on 12 inputs, on 8 of them alone
SECOND = [True] * 4 + [False] * 8 + [True] * 1 + [False] * 7


def test_the_difference_is_the_first_less_the_second() -> None:
    found = paired(FIRST, SECOND)
    assert found.difference.value == pytest.approx(7 / 20) and found.difference.count == 20
    assert found.difference.interval == newcombe_paired(4, 8, 1, 7)
    assert found.mcnemar_p == mcnemar(8, 1)


def test_turned_round_it_is_that_of_the_second_less_the_first() -> None:
    turned, other = paired(FIRST, SECOND).negated(), paired(SECOND, FIRST)
    assert turned.difference.value == other.difference.value and turned.mcnemar_p == other.mcnemar_p
    assert turned.difference.interval == pytest.approx(other.difference.interval)
    empty = paired([], []).negated()
    assert empty.difference.value is None and empty.difference.interval is None and empty.mcnemar_p == 1


def test_the_bootstrap_is_of_the_same_difference() -> None:
    found = bootstrapped(FIRST, SECOND, seed=0)
    assert found.bootstrap.value == found.difference.value == pytest.approx(7 / 20)
    low, high = found.bootstrap.interval or (1.0, -1.0)
    assert 0 < low < 7 / 20 < high and found.bootstrap.interval != found.difference.interval
    assert bootstrapped([True], [False], seed=0).bootstrap.interval is None, "one input has no spread"
