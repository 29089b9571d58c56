"""A figure with its 95 % interval and the number of inputs behind it, ready for JSON.

Chains of one input resemble each other, so inputs are resampled, never chains. A bootstrap over a handful of inputs is
far too narrow, and over equal values it has no width: in these cases the figure has no interval.

Shapes: N inputs, K values of an input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skiploop.stats.bootstrap import LEAST, RESAMPLES, Floats, Method, Statistic, bootstrap_interval, mean
from skiploop.stats.correlations import spearman, spearman_interval, spearman_p
from skiploop.stats.shares import PairedCounts, newcombe_paired, share, wilson


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure; None where there is nothing to measure.

    Attributes:
        value: of the inputs as they are.
        interval: 95 %, both ends; None where the inputs can't give one (see the module).
        count: inputs behind it; `n` in files.
    """

    value: float | None
    interval: tuple[float, float] | None
    count: int = field(metadata={"json": "n"})

    def excludes(self, value: float = 0.0) -> bool:
        """Whether there is an interval and the value lies outside."""
        return self.interval is not None and not self.interval[0] <= value <= self.interval[1]

    def to_json(self) -> dict[str, Any]:
        """`{n, value, interval}`, as figures are in all files."""
        return {
            "n": self.count,
            "value": self.value,
            "interval": None if self.interval is None else list(self.interval),
        }


@dataclass(frozen=True, slots=True)
class PooledShare(Measured):
    """A share of things of which an input has several.

    Attributes:
        of: how many things, of all inputs.
    """

    of: int


@dataclass(frozen=True, slots=True)
class RankCorrelation(Measured):
    """Spearman's rho with Bonett and Wright's interval.

    Attributes:
        p: two-sided, of a permutation test; None where rho is undefined.
    """

    p: float | None


def measured_share(part: int, whole: int) -> Measured:
    """A share of inputs, with Wilson's interval."""
    return Measured(share(part, whole), wilson(part, whole), whole)


def measured_difference(counts: PairedCounts) -> Measured:
    """P(first) - P(second) over the same inputs, with Newcombe's paired interval."""
    total = sum(counts)
    return Measured(share(counts.first - counts.second, total), newcombe_paired(*counts), total)


def measured_mean(values: Sequence[float], *, resamples: int = RESAMPLES, seed: int = 0) -> Measured:
    """A mean over inputs, with a bootstrap interval."""
    return measured_statistic(values, resamples=resamples, seed=seed)


def measured_statistic(
    values: ArrayLike,
    statistic: Statistic = mean,
    *,
    method: Method = "bca",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Measured:
    """Any statistic over inputs, [N] or [N, K], with a bootstrap interval; see `skiploop.stats.bootstrap`."""
    sample = np.asarray(values, dtype=np.float64)
    value = float(statistic(sample[None])[0]) if len(sample) else np.nan
    if np.isnan(value):
        return Measured(None, None, len(sample))
    interval = bootstrap_interval(sample, statistic, method=method, resamples=resamples, seed=seed)
    return Measured(value, interval, len(sample))


def pooled_share(parts: Sequence[tuple[int, int]], *, resamples: int = RESAMPLES, seed: int = 0) -> PooledShare:
    """A share of things of which an input has several, as (part, whole) by input; inputs are resampled whole.

    Where none or all of the things hold, a bootstrap would have no width; the interval is then Wilson's, over inputs,
    which are independent where things aren't.
    """
    rows = [(part, whole) for part, whole in parts if whole]
    part, whole = sum(part for part, _ in rows), sum(whole for _, whole in rows)
    interval = None
    if len(rows) >= LEAST:
        if part in (0, whole):
            interval = wilson(len(rows) if part else 0, len(rows))
        else:
            interval = bootstrap_interval(rows, _ratios, method="percentile", resamples=resamples, seed=seed)
    return PooledShare(share(part, whole), interval, len(rows), whole)


def rank_correlation(first: Sequence[float], second: Sequence[float], *, seed: int = 0) -> RankCorrelation:
    """Spearman's rho over the same inputs, with its permutation p-value and interval."""
    count = len(first)
    rho = spearman(first, second) if count >= 2 else None
    if rho is None:
        return RankCorrelation(None, None, count, None)
    return RankCorrelation(rho, spearman_interval(rho, count), count, spearman_p(first, second, seed=seed))


def _ratios(samples: Floats) -> Floats:
    """The share of each resample, [R, N, 2] -> [R]."""
    totals = samples.sum(axis=1)
    return np.asarray(totals[:, 0] / totals[:, 1])
