"""Figures as files of analyses have them, and Holm's correction. Needs numpy.

Every figure is a `skiploop.stats.measured.Measured` as JSON: `{"n": ..., "value": ..., "interval": [low, high]}`;
`value` is None where there is nothing to take it of, `interval` None where it isn't defined (too few inputs, or all
of them alike). Intervals are 95 % unless their name says otherwise.

Shapes: N inputs, K values of an input, R resamples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skiploop.stats.bootstrap import Floats, bootstrap
from skiploop.stats.correlations import correlation_test
from skiploop.stats.measured import measured_mean, measured_share
from skiploop.stats.shares import normal_quantile, share, wilson
from skiploop.validate import whole_number

Figure = dict[str, Any]
RESAMPLES = 2000
_LEAST_DEFINED = 0.9  # of the resamples, or an interval would be that of another population


def share_figure(part: int, whole: int) -> Figure:
    """A share of independent inputs, with Wilson's interval."""
    return measured_share(part, whole).to_json()


def mean_figure(values: Sequence[float], *, resamples: int = RESAMPLES, seed: int = 0) -> Figure:
    """The mean of one number per input, with a bootstrap interval over the inputs where they can give one."""
    return measured_mean(values, resamples=resamples, seed=seed).to_json()


def pooled_figure(parts: Sequence[tuple[int, int]], *, resamples: int = RESAMPLES, seed: int = 0) -> Figure:
    """A share of things of which an input has several, as (part, whole) by input; inputs are resampled whole."""
    kept = [each for each in parts if each[1]]
    part, whole = sum(each[0] for each in kept), sum(each[1] for each in kept)
    figure: Figure = {"n": len(kept), "of": whole, "value": share(part, whole), "interval": None}
    if len(kept) < 2:
        return figure
    if part in (0, whole):  # the bootstrap would have no width; inputs, not things, are independent
        return figure | {"interval": _listed(wilson(len(kept) if part else 0, len(kept)))}

    def ratio(rows: Floats) -> Floats:
        sums = rows.sum(axis=1)
        return np.asarray(sums[:, 0] / sums[:, 1])

    found = bootstrap(np.array(kept, dtype=float), ratio, method="percentile", resamples=resamples, seed=seed)
    return figure | {"interval": [found.interval.low, found.interval.high]}


def resampled_figure(
    sample: ArrayLike,
    statistic: Callable[[Floats], float | None],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Figure:
    """Any figure of inputs with K values each, [N, K], with a percentile bootstrap interval over the inputs.

    `statistic` may be undefined (None) on a resample; where that is so on more than a tenth of them there is no
    interval.
    """
    rows = np.asarray(sample, dtype=np.float64)
    count, most = len(rows), whole_number("resamples", resamples, 1)
    value = statistic(rows) if count >= 2 else None
    figure: Figure = {"n": count, "value": value, "interval": None}
    if value is None:
        return figure
    random = np.random.default_rng(seed)
    found = [statistic(rows[random.integers(0, count, count)]) for _ in range(most)]
    defined = [each for each in found if each is not None]
    if len(defined) >= _LEAST_DEFINED * most:
        low, high = np.quantile(defined, (0.025, 0.975))
        figure["interval"] = [float(low), float(high)]
    return figure


def rank_figure(first: Sequence[float], second: Sequence[float], *, resamples: int = 9999, seed: int = 0) -> Figure:
    """Spearman's rho with its permutation p-value and Bonett and Wright's interval (2000).

    The interval is Fisher's with the variance (1 + rho^2 / 2) / (N - 3), which suits few observations; with three or
    fewer it is the whole range.
    """
    count = len(first)
    found = correlation_test(first, second, resamples=resamples, seed=seed) if count >= 2 else None
    if found is None:
        return {"n": count, "value": None, "interval": None, "p": None}
    return {"n": count, "value": found.value, "interval": rank_interval(found.value, count), "p": found.p_value}


def rank_interval(rho: float, count: int) -> list[float]:
    """Bonett and Wright's 95 % interval for Spearman's rho of so many observations."""
    if count <= 3:
        return [-1.0, 1.0]
    kept = max(-1 + 1e-9, min(1 - 1e-9, rho))  # finite also at the ends
    half = normal_quantile(0.95) * math.sqrt((1 + kept * kept / 2) / (count - 3))
    return [math.tanh(math.atanh(kept) - half), math.tanh(math.atanh(kept) + half)]


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values (1979), in the order given: the family-wise error stays below the level."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, worst = [1.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        worst = max(worst, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = worst
    return adjusted


def _listed(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)
