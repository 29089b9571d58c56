"""Intervals, tests and correlations: against scipy and statsmodels, by trying everything, and by simulation."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import permutations
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as other_mcnemar
from statsmodels.stats.proportion import proportion_confint

from skiploop.errors import InvalidInput
from skiploop.stats.bootstrap import bootstrap, bootstrap_difference, sign_flip_test
from skiploop.stats.correlations import correlation_test, kendall, pearson, pearson_interval, ranks, spearman
from skiploop.stats.shares import (
    Interval,
    PairedCounts,
    Z,
    mcnemar,
    mean_pass_at_k,
    newcombe_paired,
    normal_quantile,
    paired_counts,
    pass_at_k,
    wilson,
)

small = st.integers(0, 40)


def median(samples: Any) -> Any:
    return np.median(samples, axis=-1)


def pairs(least: int, most: int = 30) -> st.SearchStrategy[tuple[list[float], list[float]]]:
    """Two sides of the same length, mostly with ties."""
    value = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e6, 1e6, allow_subnormal=False))
    lists = st.lists(st.tuples(value, value), min_size=least, max_size=most)
    return lists.map(lambda each: ([a for a, _ in each], [b for _, b in each]))


# Shares


@given(small, st.integers(1, 40))
def test_wilson_is_that_of_statsmodels(right: int, more: int) -> None:
    theirs = proportion_confint(right, right + more, method="wilson")
    assert wilson(right, right + more) == pytest.approx(theirs, abs=1e-12)


def test_the_normal_quantile() -> None:
    assert normal_quantile(0.95) == pytest.approx(Z, abs=1e-14)
    assert normal_quantile(0.9) == pytest.approx(1.6448536269514722, abs=1e-12)
    for level in (0, 1, -0.5, 95, math.nan):
        with pytest.raises(InvalidInput, match="level="):
            normal_quantile(level)


def test_an_interval_unpacks_and_says_what_it_excludes() -> None:
    low, high = Interval(0.0, 2.0)
    assert (low, high) == (0.0, 2.0)
    assert Interval(0.1, 2).excludes() and Interval(-2, -0.1).excludes() and Interval(0, 1).excludes(1.5)
    assert not Interval(0, 1).excludes() and not Interval(-1, 0).excludes()


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


# Bootstrap


@pytest.mark.parametrize("method", ["bca", "percentile"])
@pytest.mark.parametrize(
    ("statistic", "ties"),
    [(np.mean, True), (np.mean, False), (np.median, False), (np.var, True)],  # scipy: NaN for a median of ties
)
def test_the_bootstrap_is_that_of_scipy_on_the_same_resamples(
    method: Any, statistic: Callable[..., Any], ties: bool
) -> None:
    values = np.random.default_rng(1).gamma(1.5, size=24)
    values = np.round(values, 1) if ties else values
    ours = bootstrap(values, lambda samples: statistic(samples, axis=-1), method=method, resamples=999, seed=7)
    theirs = scipy.stats.bootstrap(
        (values,), statistic, n_resamples=999, method=method, rng=np.random.default_rng(7)
    ).confidence_interval
    assert ours.value == pytest.approx(statistic(values))
    assert tuple(ours.interval) == pytest.approx((theirs.low, theirs.high), rel=1e-9)


def test_the_mean_takes_no_detour() -> None:
    values = np.random.default_rng(2).random(40)
    general = bootstrap(values, lambda samples: samples.mean(axis=1), seed=3)
    fast = bootstrap(values, seed=3)
    assert tuple(fast.interval) == pytest.approx(tuple(general.interval)) and fast.value == values.mean()


def test_memory_is_bounded_and_chunks_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(2).random(40)
    whole = bootstrap(values, median, resamples=500), sign_flip_test(values - 0.4), correlation_test(values, values**2)
    sizes: list[int] = []

    def watched(samples: Any) -> Any:
        sizes.append(samples.size)
        return median(samples)

    monkeypatch.setattr("skiploop.stats.bootstrap.CHUNK", 170)
    pieces = (
        bootstrap(values, watched, resamples=500),
        sign_flip_test(values - 0.4),
        correlation_test(values, values**2),
    )
    assert pieces == whole and max(sizes) <= 170


def test_a_paired_difference_keeps_pairs_together() -> None:
    random = np.random.default_rng(5)
    first = random.normal(size=60)
    second = first - 0.5 + random.normal(scale=0.05, size=60)  # alike within pairs, wide between them
    paired = bootstrap_difference(first, second, level=0.9)
    assert paired.value == pytest.approx(0.5, abs=0.02) and paired.interval.level == 0.9
    assert paired.interval.high - paired.interval.low < 0.04 and paired.interval.excludes()
    medians = bootstrap_difference(first, second, median, resamples=500)
    assert medians.value == pytest.approx(np.median(first) - np.median(second))
    assert medians.interval.low <= medians.value <= medians.interval.high
    general = bootstrap_difference(first, second, lambda samples: samples.mean(axis=1), seed=1)
    assert tuple(bootstrap_difference(first, second, seed=1).interval) == pytest.approx(tuple(general.interval))


def test_rows_are_resampled_together() -> None:
    rows = np.random.default_rng(4).normal(size=(50, 2))
    rows[:, 1] += 2 * rows[:, 0]

    def correlation(samples: Any) -> Any:
        first, second = np.moveaxis(samples - samples.mean(axis=1, keepdims=True), -1, 0)
        return (first * second).sum(1) / np.sqrt((first**2).sum(1) * (second**2).sum(1))

    found = bootstrap(rows, correlation, resamples=2000)
    theirs = scipy.stats.pearsonr(*rows.T)
    assert found.value == pytest.approx(theirs.statistic)
    fisher = pearson_interval(theirs.statistic, 50)
    assert tuple(found.interval) == pytest.approx(tuple(fisher), abs=0.08)


def test_where_nothing_varies_the_interval_has_no_width() -> None:
    for method in ("bca", "percentile"):
        assert tuple(bootstrap([0.5, 0.5, 0.5], method=method).interval) == (0.5, 0.5)  # type: ignore[arg-type]
    extreme = bootstrap([1.0, 2.0, 3.0], lambda samples: samples.max(axis=1))
    assert 1 <= extreme.interval.low <= extreme.interval.high <= 3


@given(pairs(2, 12), st.integers(0, 3))
def test_ends_are_in_order_and_within_the_data(sides: tuple[list[float], list[float]], seed: int) -> None:
    values = sides[0]
    low, high = bootstrap(values, resamples=50, seed=seed).interval
    slack = 1e-9 * max(map(abs, values))
    assert min(values) - slack <= low <= high <= max(values) + slack


@pytest.mark.parametrize(("method", "least"), [("bca", 0.9), ("percentile", 0.88)])
def test_bootstrap_intervals_hold_the_truth_about_as_often_as_they_say(method: Any, least: float) -> None:
    random = np.random.default_rng(11)
    skewed = [bootstrap(random.exponential(size=40), method=method, resamples=600, seed=i) for i in range(400)]
    held = sum(not each.interval.excludes(1.0) for each in skewed) / len(skewed)
    assert least < held < 0.98
    outcomes = random.random((400, 50, 2)) < (0.6, 0.4)
    counted = [bootstrap_difference(*each.T, method=method, resamples=600) for each in outcomes]
    held = sum(not each.interval.excludes(0.2) for each in counted) / len(counted)
    assert 0.91 < held < 0.98


def test_score_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    random = np.random.default_rng(12)
    first = random.random((1000, 40)) < 0.3
    second = np.where(random.random((1000, 40)) < 0.6, first, random.random((1000, 40)) < 0.1)  # 0.3 * 0.6 + 0.04
    held = [newcombe_paired(*paired_counts(a, b)) for a, b in zip(first.tolist(), second.tolist(), strict=True)]
    assert 0.93 < np.mean([low <= 0.3 - 0.22 <= high for low, high in filter(None, held)]) < 0.99


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: bootstrap([]), "0 inputs"),
        (lambda: bootstrap([1.0]), "at least 2"),
        (lambda: bootstrap([1.0, math.nan]), "NaN"),
        (lambda: bootstrap(["a", "b"]), "numbers"),
        (lambda: bootstrap([[1, 2], [3]]), "numbers"),
        (lambda: bootstrap(1.0), "0 dimensions"),
        (lambda: bootstrap([1, 2], level=1), "level=1"),
        (lambda: bootstrap([1, 2], resamples=0), "resamples=0"),
        (lambda: bootstrap([1, 2], method="basic"), "'basic'"),  # type: ignore[arg-type]
        (lambda: bootstrap_difference([1, 2], [1, 2, 3]), "2 first and 3 second"),
        (lambda: bootstrap_difference([[1, 2]], [[1, 2]]), "2 dimensions"),
        (lambda: sign_flip_test([]), "0 inputs"),
        (lambda: sign_flip_test([1], resamples=0), "resamples=0"),
        (lambda: spearman([1], [1]), "at least 2"),
        (lambda: kendall([1, 2], [1]), "aren't pairs"),
        (lambda: correlation_test([1, 2], [1, 2], "tau"), "'tau'"),  # type: ignore[arg-type]
        (lambda: pearson_interval(1.5, 10), "1.5"),
        (lambda: pearson_interval(0.5, 10, 0), "level=0"),
    ],
)
def test_bad_input_is_refused(call: Callable[[], object], says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        call()
    assert says in str(caught.value)


# Sign flips


@given(st.lists(st.integers(-4, 4), min_size=2, max_size=9))
def test_sign_flips_are_those_of_scipy(differences: list[int]) -> None:
    theirs = scipy.stats.permutation_test(
        (np.array(differences, dtype=float),), np.sum, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert sign_flip_test(differences) == pytest.approx(min(theirs, 1.0))


def test_random_sign_flips_come_close_to_all_of_them() -> None:
    differences = np.random.default_rng(3).normal(0.4, size=12)
    every = sign_flip_test(differences)
    assert sign_flip_test(differences, resamples=4000) == pytest.approx(every, abs=0.02)
    assert sign_flip_test([0.0, 0.0]) == 1.0 and sign_flip_test(np.ones(40)) == 1 / 10_000
    assert sign_flip_test(differences * 1e-200) == every


# Correlations


@given(pairs(2))
def test_correlations_are_those_of_scipy(sides: tuple[list[float], list[float]]) -> None:
    first, second = sides
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert spearman(first, second) is None and kendall(first, second) is None and pearson(first, second) is None
        return
    assert ranks(first).tolist() == scipy.stats.rankdata(first).tolist()
    assert spearman(first, second) == pytest.approx(scipy.stats.spearmanr(first, second).statistic, abs=1e-9)
    assert kendall(first, second) == pytest.approx(scipy.stats.kendalltau(first, second).statistic, abs=1e-9)


@pytest.mark.parametrize("size", [2, 3, 50, 3000])
def test_correlations_of_random_numbers_with_and_without_ties(size: int) -> None:
    random = np.random.default_rng(size)
    first = random.normal(size=size)
    for second in (first + random.normal(size=size), np.arange(size) % 7 + 0.5, -first):
        for ours, theirs in (
            (pearson, scipy.stats.pearsonr), (spearman, scipy.stats.spearmanr), (kendall, scipy.stats.kendalltau)
        ):  # fmt: skip
            if size > 2:  # scipy warns about two inputs
                assert ours(first, second) == pytest.approx(theirs(first, second).statistic, abs=1e-12)
            else:
                assert abs(ours(first, second) or 0) == pytest.approx(1)


def test_pearson_at_the_limits_of_floats() -> None:
    values = np.array([1.0, 2.0, 4.0])
    for scale in (1e-300, 1e300):
        assert pearson(values * scale, values) == pytest.approx(1.0)
    assert pearson([1, 2, 3], [3, 2, 1]) == pytest.approx(-1) and pearson([1, 1], [1, 2]) is None


def test_fishers_interval_is_that_of_scipy() -> None:
    first, second = np.random.default_rng(8).normal(size=(2, 20))
    for level in (0.5, 0.95):
        theirs = scipy.stats.pearsonr(first, second).confidence_interval(level)
        assert tuple(pearson_interval(pearson(first, second) or 0, 20, level)) == pytest.approx(tuple(theirs))
    assert tuple(pearson_interval(0.3, 3)) == (-1, 1) and tuple(pearson_interval(1.0, 9)) == (1, 1)


@pytest.mark.parametrize("kind", ["spearman", "kendall", "pearson"])
@pytest.mark.parametrize("ties", [True, False])
def test_all_orders_are_tried_where_there_are_few(kind: Any, ties: bool) -> None:
    random = np.random.default_rng(6)
    first, second = random.integers(0, 3, (2, 6)) if ties else random.normal(size=(2, 6))
    measure = {"spearman": spearman, "kendall": kendall, "pearson": pearson}[kind]
    observed = abs(measure(first, second) or 0)
    hits = [abs(measure(first, order) or 0) >= observed - 1e-9 for order in permutations(second)]
    found = correlation_test(first, second, kind)
    assert found is not None and found.p_value == pytest.approx(np.mean(hits)) and found.inputs == 6


@pytest.mark.parametrize("kind", ["spearman", "kendall", "pearson"])
def test_random_orders_give_the_p_value_of_scipy(kind: Any) -> None:
    random = np.random.default_rng(9)
    first = random.normal(size=40)
    second = 0.25 * first + random.normal(size=40)
    theirs = {"spearman": scipy.stats.spearmanr, "kendall": scipy.stats.kendalltau, "pearson": scipy.stats.pearsonr}
    found = correlation_test(first, second, kind, seed=1)
    assert found is not None and found == correlation_test(first, second, kind, seed=1)
    assert found.p_value == pytest.approx(theirs[kind](first, second).pvalue, abs=0.02)
    assert correlation_test(first, np.ones(40), kind) is None
    perfect = correlation_test(first, first, kind, resamples=99)
    assert perfect is not None and perfect.p_value == 0.01 and perfect.value == pytest.approx(1)
