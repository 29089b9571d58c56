"""Shares, their intervals and tests: against statsmodels, exactly, on published tables, and by simulation."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as other_mcnemar
from statsmodels.stats.proportion import proportion_confint

from skiploop.errors import InvalidInput
from skiploop.stats.shares import (
    PairedCounts,
    holm,
    mcnemar,
    mean_pass_at_k,
    newcombe_paired,
    paired_counts,
    pass_at_k,
    wilson,
)

small = st.integers(0, 40)


# Shares


@given(small, st.integers(1, 40))
def test_wilson_is_that_of_statsmodels(right: int, more: int) -> None:
    theirs = proportion_confint(right, right + more, method="wilson")
    assert wilson(right, right + more) == pytest.approx(theirs, abs=1e-12)


def test_paired_counts_fit_newcombe() -> None:
    counts = paired_counts([1, 1, 0, True, 0.0], [1, 0, 1, np.True_, 0])
    assert counts == PairedCounts(2, 1, 1, 1) and newcombe_paired(*counts) is not None
    assert paired_counts([], []) == PairedCounts(0, 0, 0, 0)
    with pytest.raises(InvalidInput, match="1 first and 2 second"):
        paired_counts([1], [1, 0])
    with pytest.raises(InvalidInput, match=r"0\.5 is neither"):
        paired_counts([1], [0.5])


@given(small, small)
def test_mcnemar_is_that_of_statsmodels(first: int, second: int) -> None:
    assume(first + second)
    table = [[3, first], [second, 5]]
    assert mcnemar(first, second) == pytest.approx(other_mcnemar(table, exact=True).pvalue, abs=1e-12)
    if first != second:  # there statsmodels corrects a difference of 0 to -1
        theirs = other_mcnemar(table, exact=False, correction=True).pvalue
        assert mcnemar(first, second, "chi2") == pytest.approx(theirs, abs=1e-12)


@given(small, small)
def test_mid_p_gives_half_weight_to_tables_as_likely_as_the_observed(first: int, second: int) -> None:
    count = first + second
    mass = [Fraction(math.comb(count, k), 2**count) for k in range(count + 1)]
    rarer = sum(each for each in mass if each < mass[first])
    alike = sum(each for each in mass if each == mass[first])
    expected = float(rarer + alike / 2) if count else 1.0
    assert mcnemar(first, second, "mid-p") == pytest.approx(expected, abs=1e-12)


def test_mcnemar_on_a_published_table() -> None:  # Fagerland et al. 2013, table 1
    assert [round(mcnemar(1, 7, method), 4) for method in ("exact", "mid-p", "chi2")] == [0.0703, 0.0391, 0.0771]
    assert mcnemar(0, 0) == mcnemar(0, 0, "mid-p") == mcnemar(0, 0, "chi2") == mcnemar(4, 4) == 1.0
    assert mcnemar(500_000, 501_000) == pytest.approx(mcnemar(500_000, 501_000, "chi2"), rel=1e-3)
    assert mcnemar(0, 5000) == 0.0
    with pytest.raises(InvalidInput, match="first=-1"):
        mcnemar(-1, 3)
    with pytest.raises(InvalidInput, match="'exakt'"):
        mcnemar(1, 3, "exakt")  # type: ignore[arg-type]


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_is_the_share_of_subsets_with_a_right_one(case: tuple[int, int, int]) -> None:
    n, c, k = case
    expected = 1 - Fraction(math.comb(n - c, k), math.comb(n, k))
    assert pass_at_k(n, c, k) == pytest.approx(float(expected), abs=1e-12)


def test_pass_at_k_at_its_limits() -> None:
    assert pass_at_k(5, 0, 5) == 0.0 and pass_at_k(5, 1, 5) == pass_at_k(1, 1, 1) == 1.0
    assert pass_at_k(10**6, 10, 10**5) == pytest.approx(1 - 0.9**10, rel=1e-4)
    assert mean_pass_at_k([(4, 1), (4, 3)], 1) == pytest.approx(0.5) and mean_pass_at_k([], 1) is None
    for arguments, says in (((3, 4, 1), "right=4"), ((3, 1, 4), "k=4"), ((0, 0, 1), "samples=0"), ((3, 1, 0), "k=0")):
        with pytest.raises(InvalidInput, match=says):
            pass_at_k(*arguments)


def test_holm_is_the_textbook_correction() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_score_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    random = np.random.default_rng(12)
    first = random.random((1000, 40)) < 0.3
    second = np.where(random.random((1000, 40)) < 0.6, first, random.random((1000, 40)) < 0.1)  # 0.3 * 0.6 + 0.04
    held = [newcombe_paired(*paired_counts(a, b)) for a, b in zip(first.tolist(), second.tolist(), strict=True)]
    assert 0.93 < np.mean([low <= 0.3 - 0.22 <= high for low, high in filter(None, held)]) < 0.99
