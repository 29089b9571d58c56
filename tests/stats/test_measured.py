"""Figures with intervals: which have one, over what, and in what form they are written."""

from __future__ import annotations

import math

import numpy as np
import pytest

from skiploop.stats.measured import (
    Measured,
    measured_difference,
    measured_mean,
    measured_share,
    measured_statistic,
    pooled_share,
    rank_correlation,
)
from skiploop.stats.shares import PairedCounts, newcombe_paired, wilson
from skiploop.storage.records import from_json


def test_an_interval_says_what_it_excludes() -> None:
    assert Measured(1.0, (0.1, 2.0), 9).excludes()
    assert Measured(-1.0, (-2.0, -0.1), 9).excludes()
    assert not Measured(0.5, (0.0, 1.0), 9).excludes()
    assert Measured(0.5, (0.0, 1.0), 9).excludes(1.5)
    assert not Measured(1.0, None, 3).excludes(), "without an interval nothing is excluded"


def test_a_figure_is_written_and_read() -> None:
    for figure in (Measured(0.5, (0.25, 0.75), 8), Measured(None, None, 0)):
        assert from_json(Measured, figure.to_json()) == figure
    assert Measured(0.5, (0.25, 0.75), 8).to_json() == {"n": 8, "value": 0.5, "interval": [0.25, 0.75]}


def test_shares_and_differences_have_score_intervals() -> None:
    assert measured_share(3, 4) == Measured(0.75, wilson(3, 4), 4)
    assert measured_share(0, 0) == Measured(None, None, 0)
    assert measured_difference(PairedCounts(36, 12, 2, 0)) == Measured(0.2, newcombe_paired(36, 12, 2, 0), 50)
    assert measured_difference(PairedCounts(0, 0, 0, 0)) == Measured(None, None, 0)


def test_means_have_an_interval_where_inputs_can_give_one() -> None:
    assert measured_mean([]) == Measured(None, None, 0)
    assert measured_mean([1.0, 0.0]) == Measured(0.5, None, 2)
    assert measured_mean([1.0] * 9) == Measured(1.0, None, 9)
    found = measured_mean([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.value == 2.5
    assert found.interval is not None
    assert found.interval[0] < 2.5 < found.interval[1]
    assert found == measured_mean([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])


def test_an_undefined_statistic_has_no_value() -> None:
    found = measured_statistic(np.arange(8), lambda samples: np.full(len(samples), math.nan))
    assert found == Measured(None, None, 8)


def test_pooled_shares_resample_inputs_whole() -> None:
    alike = pooled_share([(5, 5), (0, 5)] * 10 + [(0, 0)])
    assert (alike.value, alike.count, alike.of) == (0.5, 20, 100)
    assert alike.interval is not None
    assert alike.interval[1] - alike.interval[0] > 0.3, "twenty inputs, not a hundred things"
    assert pooled_share([(5, 5)] * 8).interval == wilson(8, 8), "a bootstrap would have no width"
    assert pooled_share([(0, 5)] * 8).interval == wilson(0, 8)
    assert pooled_share([(1, 2), (2, 2)]).interval is None
    assert pooled_share([]).value is None


def test_a_rank_correlation_has_p_and_interval_or_nothing() -> None:
    found = rank_correlation(list(range(9)), [value**3 for value in range(9)])
    assert found.value == pytest.approx(1)
    assert found.p is not None and found.p < 0.01
    assert found.interval is not None and found.interval[0] > 0.9
    for first, second in (([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]), ([1.0], [1.0]), ([], [])):
        nothing = rank_correlation(first, second)
        assert (nothing.value, nothing.interval, nothing.p, nothing.count) == (None, None, None, len(first))
