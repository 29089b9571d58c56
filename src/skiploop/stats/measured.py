"""A figure with its 95 % interval and the number of inputs behind it, ready for JSON. Needs numpy.

Chains of one input resemble each other, so inputs are what is resampled, never chains. A bootstrap over a handful of
inputs is far too narrow, and over equal values it has no width at all: then there is a figure without an interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import ArrayLike

from skiploop.stats.bootstrap import Statistic, bootstrap, mean
from skiploop.stats.shares import PairedCounts, newcombe_paired, share, wilson

LEAST = 5  # inputs for a bootstrap interval
RESAMPLES = 2999
_MANY, _RESAMPLES_OF_MANY = 300, 999  # from so many inputs on, where ends shake less and time adds up


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure; None where there is nothing to measure.

    Attributes:
        value: of the inputs as they are.
        interval: 95 %, both ends; None where the inputs can't give one (see the module).
        count: inputs behind it.
    """

    value: float | None
    interval: tuple[float, float] | None
    count: int = field(metadata={"json": "n"})

    def excludes(self, value: float = 0.0) -> bool:
        """Whether there is an interval and the value lies outside."""
        return self.interval is not None and not self.interval[0] <= value <= self.interval[1]

    def to_json(self) -> dict[str, Any]:
        """`{n, value, interval}`, as figures are in all files of analyses."""
        return {
            "n": self.count,
            "value": self.value,
            "interval": None if self.interval is None else list(self.interval),
        }


def from_json(figure: Mapping[str, Any]) -> Measured:
    """A figure out of a file of an analysis."""
    ends = figure["interval"]
    return Measured(figure["value"], None if ends is None else (ends[0], ends[1]), figure["n"])


def measured_share(part: int, whole: int) -> Measured:
    """A share of inputs, with Wilson's interval."""
    return Measured(share(part, whole), wilson(part, whole), whole)


def measured_mean(values: Sequence[float], *, resamples: int | None = None, seed: int = 0) -> Measured:
    """A mean over inputs, with a bootstrap interval."""
    return measured_statistic(values, mean, count=len(values), resamples=resamples, seed=seed)


def measured_statistic(
    values: ArrayLike, statistic: Statistic, *, count: int, resamples: int | None = None, seed: int = 0
) -> Measured:
    """Any statistic over inputs (see `skiploop.stats.bootstrap`); fewer resamples where there are many inputs."""
    import numpy as np

    sample = np.asarray(values, dtype=np.float64)
    if not count:
        return Measured(None, None, 0)
    if count < LEAST or (sample == sample[0]).all():
        return Measured(float(statistic(sample[None])[0]), None, count)
    usual = RESAMPLES if count < _MANY else _RESAMPLES_OF_MANY
    found = bootstrap(sample, statistic, resamples=usual if resamples is None else resamples, seed=seed)
    return Measured(found.value, (found.interval.low, found.interval.high), count)


def measured_difference(counts: PairedCounts) -> Measured:
    """P(first) - P(second) over the same inputs, with Newcombe's paired interval."""
    total = sum(counts)
    return Measured(share(counts.first - counts.second, total), newcombe_paired(*counts), total)
