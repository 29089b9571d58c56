"""Equal within a margin is shown by the whole interval, not by a difference that isn't shown."""

from __future__ import annotations

import pytest

from skiploop.stats.measured import Measured
from skiploop.studies.paired import paired
from skiploop.studies.static.margin import Outcome, non_inferiority


@pytest.mark.parametrize(
    "interval, outcome, most_lost",
    [
        ((-0.019, 0.03), "shown", 0.019),
        ((-0.021, 0.03), "open", 0.021),  # no difference is shown here either, and yet it isn't equal
        ((-0.05, -0.001), "open", 0.05),
        ((-0.015, -0.005), "shown", 0.015),  # worse for sure, and for sure by less than the margin
        ((-0.09, -0.021), "refuted", 0.09),
        ((0.01, 0.05), "shown", 0.0),
        ((-0.02, 0.03), "open", 0.02),  # at the margin it isn't below it
    ],
)
def test_the_interval_decides(interval: tuple[float, float], outcome: Outcome, most_lost: float) -> None:
    found = non_inferiority(Measured(sum(interval) / 2, interval, 500), 0.02)
    assert (found.outcome, found.most_lost) == (outcome, pytest.approx(most_lost))


def test_few_inputs_show_nothing_and_many_do() -> None:
    few = [True] * 12 + [False] * 8
    for times, outcome in ((1, "open"), (40, "shown")):
        difference = paired(few * times, few * times).difference
        assert difference.value == 0
        assert non_inferiority(difference, 0.02).outcome == outcome
