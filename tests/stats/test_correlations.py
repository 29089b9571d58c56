"""Spearman's rho: as scipy has it, undefined without variation, and its test by trying all pairings."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from skiploop.errors import InvalidInput
from skiploop.stats.correlations import rank_correlations, spearman, spearman_interval, spearman_p


@given(st.lists(st.tuples(st.integers(-3, 3), st.floats(-1e6, 1e6)), min_size=3, max_size=30))
def test_rho_is_that_of_scipy_and_none_without_variation(pairs: list[tuple[int, float]]) -> None:
    first, second = zip(*pairs, strict=True)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert spearman(first, second) is None
        assert spearman_p(first, second, resamples=9) is None
    else:
        assert spearman(first, second) == pytest.approx(scipy.stats.spearmanr(first, second).statistic, abs=1e-9)


def test_many_samples_at_once_are_one_at_a_time() -> None:
    samples = np.random.default_rng(0).integers(0, 4, (5, 12, 3)).astype(float)
    samples[4, :, 2] = 1.0
    rho = rank_correlations(samples)
    assert rho.shape == (5, 3, 3)
    for number in range(4):
        assert rho[number, 0, 2] == pytest.approx(spearman(samples[number, :, 0], samples[number, :, 2]))
    assert np.isnan(rho[4, :, 2]).all()
    assert not np.isnan(rho[4, 0, 1])


@pytest.mark.parametrize("ties", [True, False])
def test_all_pairings_are_tried_where_there_are_few(ties: bool) -> None:
    random = np.random.default_rng(6)
    first, second = random.integers(0, 3, (2, 6)) if ties else random.normal(size=(2, 6))
    observed = abs(spearman(first, second) or 0)
    hits = [abs(spearman(first, order) or 0) >= observed - 1e-9 for order in permutations(second)]
    assert spearman_p(first, second) == pytest.approx(np.mean(hits))


def test_random_pairings_come_close_to_the_p_value_of_scipy_and_never_to_0() -> None:
    random = np.random.default_rng(9)
    first = random.normal(size=40)
    second = 0.25 * first + random.normal(size=40)
    p = spearman_p(first, second, seed=1)
    assert p == spearman_p(first, second, seed=1) != spearman_p(first, second, seed=2)
    assert p == pytest.approx(scipy.stats.spearmanr(first, second).pvalue, abs=0.03)
    assert spearman_p(first, first, resamples=99) == 0.01


def test_bonett_and_wrights_interval() -> None:
    assert spearman_interval(0.9, 3) == (-1.0, 1.0)
    low, high = spearman_interval(0.5, 20)  # tanh(atanh(.5) -+ 1.96 * sqrt(1.125 / 17))
    assert (low, high) == pytest.approx((0.0453, 0.7829), abs=1e-3)
    assert spearman_interval(1.0, 10)[1] <= 1.0
    random = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        first, noise = random.normal(size=(2, 30))
        rho = spearman(first, first + noise)
        assert rho is not None
        low, high = spearman_interval(rho, 30)
        held += low <= 6 / np.pi * np.arcsin(np.sqrt(0.5) / 2) <= high  # the rho of a normal pair
    assert 0.92 < held / 400 < 0.98


def test_bad_input_is_refused() -> None:
    for first, second, says in (([1], [1], "at least 2"), ([1, 2], [1], "aren't pairs"), ([1, np.nan], [1, 2], "NaN")):
        with pytest.raises(InvalidInput, match=says):
            spearman(first, second)
    with pytest.raises(InvalidInput, match="resamples=0"):
        spearman_p([1, 2], [1, 2], resamples=0)
