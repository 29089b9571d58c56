"""Spearman's rank correlation over inputs, with its permutation test and interval.

A correlation with a side that doesn't vary is undefined: None or NaN, never 0.

Shapes: R resamples, N inputs, K measurements of an input.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from skiploop.errors import InvalidInput
from skiploop.stats.bootstrap import RESAMPLES, Floats, permutation_p, vector
from skiploop.stats.shares import Z
from skiploop.validate import whole_number


def rank_correlations(samples: Floats) -> Floats:
    """Spearman's rho between the measurements of each sample, [R, N, K] -> [R, K, K]; NaN where one doesn't vary."""
    units = _unit_ranks(samples, axis=1)
    return np.asarray(np.clip(np.einsum("rni,rnj->rij", units, units), -1.0, 1.0))


def spearman(first: ArrayLike, second: ArrayLike) -> float | None:
    """Spearman's rho, of mean ranks where there are ties; None where a side doesn't vary."""
    rho = float(rank_correlations(np.stack(_pairs(first, second), axis=-1)[None])[0, 0, 1])
    return None if math.isnan(rho) else rho


def spearman_p(first: ArrayLike, second: ArrayLike, *, resamples: int = RESAMPLES, seed: int = 0) -> float | None:
    """The two-sided permutation p-value of Spearman's rho; None where a side doesn't vary.

    All N! pairings are tried where there are at most `resamples`. Otherwise random ones are drawn and the observed one
    counts as one of them, so that p is never 0.

    Args:
        first: a number for each input, [N]; N >= 2.
        second: likewise, in the same order.
        resamples: most pairings.
        seed: of the random ones.
    """
    fixed, moved = (_unit_ranks(side, axis=0) for side in _pairs(first, second))
    whole_number("resamples", resamples, 1)
    if np.isnan(fixed).any() or np.isnan(moved).any():
        return None
    return permutation_p(moved, lambda orders: orders @ fixed, "pairings", resamples, seed)


def spearman_interval(rho: float, count: int) -> tuple[float, float]:
    """Bonett and Wright's 95 % interval (2000) of Spearman's rho.

    It is Fisher's with the variance (1 + rho^2 / 2) / (N - 3), which suits few observations; for three or fewer it is
    the whole range.
    """
    if count <= 3:
        return -1.0, 1.0
    inside = max(-1 + 1e-9, min(1 - 1e-9, rho))  # finite also at the ends
    half = Z * math.sqrt((1 + inside * inside / 2) / (count - 3))
    return math.tanh(math.atanh(inside) - half), math.tanh(math.atanh(inside) + half)


def _pairs(first: ArrayLike, second: ArrayLike) -> tuple[Floats, Floats]:
    left, right = vector("first", first), vector("second", second)
    if len(left) != len(right):
        raise InvalidInput(f"{len(left)} first and {len(right)} second values aren't pairs; give both per input")
    if len(left) < 2:
        raise InvalidInput(f"first has {len(left)} inputs, at least 2 are needed")
    return left, right


def _unit_ranks(values: Floats, *, axis: int) -> Floats:
    """Ranks, centred and of length 1, so that their product is the correlation; NaN without variation."""
    from scipy.stats import rankdata

    away = rankdata(values, axis=axis) - (values.shape[axis] + 1) / 2
    length = np.sqrt((away**2).sum(axis=axis, keepdims=True))
    return np.asarray(np.divide(away, length, out=np.full_like(away, np.nan), where=length > 0))
