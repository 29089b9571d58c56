"""Bootstrap intervals and sign flips: known values, degenerate samples, coverage, and the same result for a seed."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skiploop.errors import InvalidInput
from skiploop.stats.bootstrap import bootstrap_interval, sign_flip_test

METHODS = ("bca", "percentile")


def median(samples: Any) -> Any:
    return np.median(samples, axis=-1)


@pytest.mark.parametrize("method", METHODS)
def test_a_seed_gives_the_same_interval_whatever_fits_into_memory(method: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(2).random(40)
    sizes: list[int] = []

    def watched(samples: Any) -> Any:
        sizes.append(samples.size)
        return median(samples)

    whole = bootstrap_interval(values, median, method=method, resamples=500, seed=1)
    assert whole != bootstrap_interval(values, median, method=method, resamples=500, seed=2)
    monkeypatch.setattr("skiploop.stats.bootstrap._BATCH", 170)
    assert bootstrap_interval(values, watched, method=method, resamples=500, seed=1) == whole
    assert max(sizes) <= 170


def test_the_interval_of_a_mean_of_many_is_the_normal_one() -> None:
    values = np.random.default_rng(0).normal(3, 2, size=400)
    low, high = bootstrap_interval(values, level=0.9) or (0, 0)
    half = 1.645 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)


def test_rows_are_resampled_together() -> None:
    first = np.random.default_rng(5).normal(size=60)
    rows = np.stack([first, first - 0.5], axis=1)  # wide by themselves, equal in their difference
    rows[0, 1] += 0.01

    def difference(samples: Any) -> Any:
        return np.median(samples[..., 0], axis=-1) - np.median(samples[..., 1], axis=-1)

    low, high = bootstrap_interval(rows, difference, method="percentile") or (0, 0)
    assert 0.48 < low <= high < 0.51


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("values", [[], [1.0], [0.0, 1.0, 0.0, 1.0], [0.5] * 8, [[1.0, 2.0]] * 8])
def test_few_inputs_and_equal_ones_have_no_interval(values: Any, method: Any) -> None:
    assert bootstrap_interval(values, method=method) is None


def test_an_undefined_statistic_has_no_interval() -> None:
    rare = np.array([0.0] * 9 + [1.0])

    def undefined_without_the_last(samples: Any) -> Any:
        return np.where(samples.sum(axis=1) == 0, np.nan, samples.mean(axis=1))

    assert bootstrap_interval(rare, undefined_without_the_last, method="percentile") is None
    assert bootstrap_interval(1 - rare, undefined_without_the_last, method="percentile") is not None
    equal = bootstrap_interval(rare, lambda samples: np.ones(len(samples)))
    assert equal is None, "BCa isn't defined where resamples never differ, and nothing is warned of"


@given(st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=5, max_size=12), st.integers(0, 3))
def test_ends_are_in_order_and_within_the_data(values: list[float], seed: int) -> None:
    interval = bootstrap_interval(values, resamples=50, seed=seed)
    if interval is not None:
        slack = 1e-9 * max(map(abs, values))
        assert min(values) - slack <= interval[0] <= interval[1] <= max(values) + slack


@pytest.mark.parametrize(("method", "least"), [("bca", 0.9), ("percentile", 0.88)])
def test_intervals_hold_the_truth_about_as_often_as_they_say(method: Any, least: float) -> None:
    random = np.random.default_rng(11)
    intervals = [
        bootstrap_interval(random.exponential(size=40), method=method, resamples=600, seed=seed) for seed in range(400)
    ]
    held = np.mean([low <= 1 <= high for low, high in filter(None, intervals)])
    assert len(intervals) == 400
    assert least < held < 0.98


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=8))
def test_the_sign_flip_test_tries_all_signs(differences: list[int]) -> None:
    signs = np.array(list(product((-1, 1), repeat=len(differences))))
    hits = np.abs(signs @ np.array(differences)) >= abs(sum(differences))
    assert sign_flip_test(differences) == pytest.approx(hits.mean())


def test_random_sign_flips_come_close_to_all_of_them() -> None:
    differences = np.random.default_rng(3).normal(0.4, size=12)
    every = sign_flip_test(differences, resamples=2**12)
    assert sign_flip_test(differences, resamples=4000) == pytest.approx(every, abs=0.02)
    assert sign_flip_test([0.0, 0.0]) == 1.0
    assert sign_flip_test(np.ones(40), resamples=9999) == 1 / 10_000, "the observed signs count as one draw"
    assert sign_flip_test(differences * 1e-200, resamples=2**12) == every


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: bootstrap_interval([1.0, math.nan]), "NaN"),
        (lambda: bootstrap_interval(["a", "b"]), "numbers"),
        (lambda: bootstrap_interval([[1, 2], [3]]), "numbers"),
        (lambda: bootstrap_interval(1.0), "0 dimensions"),
        (lambda: bootstrap_interval([1, 2], level=1), "level=1"),
        (lambda: bootstrap_interval([1, 2], level=math.nan), "level=nan"),
        (lambda: bootstrap_interval([1, 2], resamples=0), "resamples=0"),
        (lambda: bootstrap_interval([1, 2], method="basic"), "'basic'"),  # type: ignore[arg-type]
        (lambda: sign_flip_test([]), "0 inputs"),
        (lambda: sign_flip_test([[1.0]]), "2 dimensions"),
        (lambda: sign_flip_test([1], resamples=0), "resamples=0"),
    ],
)
def test_bad_input_is_refused(call: Callable[[], object], says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        call()
    assert says in str(caught.value)
