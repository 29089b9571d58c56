"""Bootstrap intervals and the sign-flip test: for means and other figures that aren't plain shares. Needs numpy.

A statistic is a function from an array of samples to an array of figures, one for each: it is given `[R, N]`
(or `[R, N, K]`, where an input has K values that stay together) and returns `[R]`; for a median:
`lambda samples: np.median(samples, axis=-1)`. Everything is deterministic given its seed.

Shapes: R resamples, N inputs, K values of an input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from statistics import NormalDist
from typing import Literal, TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skiploop.errors import InvalidInput
from skiploop.stats.shares import Estimate, Interval, checked_level
from skiploop.validate import whole_number

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
Method = Literal["bca", "percentile"]
CHUNK = 1 << 21  # values held at a time; bounds memory


class BootstrapOptions(TypedDict, total=False):
    """The keyword arguments of `bootstrap`."""

    level: float
    method: Method
    resamples: int
    seed: int


def mean(samples: Floats) -> Floats:
    """The mean of each sample, [R, N] -> [R]."""
    return np.asarray(samples.mean(axis=1))


# Arguments


def vector(name: str, values: ArrayLike, least: int = 1) -> Floats:
    """Finite numbers, one for each of at least `least` inputs, or InvalidInput; [N]."""
    found = _floats(name, values)
    if found.ndim != 1:
        raise InvalidInput(f"{name} has {found.ndim} dimensions; give one number per input")
    return _enough(name, found, least)


def paired_vectors(first: ArrayLike, second: ArrayLike, least: int = 1) -> tuple[Floats, Floats]:
    """Two vectors over the same inputs, in the same order."""
    left, right = vector("first", first), vector("second", second)
    if len(left) != len(right):
        raise InvalidInput(f"{len(left)} first and {len(right)} second values aren't pairs; give both per input")
    return _enough("first", left, least), right


def _floats(name: str, values: ArrayLike) -> Floats:
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidInput(f"{name} can't be read as numbers; give one number per input") from None
    if not np.isfinite(found).all():
        raise InvalidInput(f"{name} holds NaN or infinity; leave those inputs out, or score them")
    return found


def _enough(name: str, found: Floats, least: int) -> Floats:
    if len(found) < least:
        raise InvalidInput(f"{name} has {len(found)} inputs, at least {least} are needed")
    return found


# Bootstrap


def bootstrap(
    values: ArrayLike,
    statistic: Statistic = mean,
    *,
    level: float = 0.95,
    method: Method = "bca",
    resamples: int = 9999,
    seed: int = 0,
) -> Estimate:
    """A bootstrap interval (Efron 1987).

    It can't see beyond the inputs: where all values are equal it has no width. Use `wilson` for a share.

    Args:
        values: a number for each input, [N], or K of them that are resampled together, [N, K]; N >= 2.
        statistic: see the module; the default is the mean.
        level: of confidence.
        method: "bca" (bias-corrected and accelerated), or "percentile".
        resamples: how many; too few make the ends shake.
        seed: of the resamples.
    """
    sample = _floats("values", values)
    if sample.ndim not in (1, 2):
        raise InvalidInput(f"values has {sample.ndim} dimensions; give [N] or [N, K] for N inputs")
    _enough("values", sample, 2)
    tail = (1 - checked_level(level)) / 2
    if method not in ("bca", "percentile"):
        raise InvalidInput(f"method={method!r} is unknown; use bca or percentile")
    value = float(statistic(sample[None])[0])
    figures = _resampled(sample, statistic, whole_number("resamples", resamples, 1), seed)
    tails = (tail, 1 - tail)
    if method == "bca":
        acceleration = _acceleration(_leave_one_out(sample, statistic))
        tails = _corrected(tails, _bias(figures, value), acceleration)
    low, high = np.quantile(figures, tails)
    return Estimate(value, Interval(float(low), float(high), level))


def bootstrap_difference(
    first: ArrayLike, second: ArrayLike, statistic: Statistic = mean, **options: Unpack[BootstrapOptions]
) -> Estimate:
    """The interval of statistic(first) - statistic(second) over the same inputs, which are resampled in pairs.

    Args:
        first: a number (0/1 outcomes too) for each input, [N].
        second: likewise, in the same order.
        statistic: see the module; the default is the mean.
        options: those of `bootstrap`.
    """
    pairs = np.stack(paired_vectors(first, second, 2), axis=1)
    if statistic is mean:  # one gather in place of two
        return bootstrap(pairs[:, 0] - pairs[:, 1], **options)
    return bootstrap(pairs, lambda rows: statistic(rows[..., 0]) - statistic(rows[..., 1]), **options)


def _resampled(sample: Floats, statistic: Statistic, resamples: int, seed: int) -> Floats:
    random = np.random.default_rng(seed)
    parts = []
    for rows in chunks(resamples, sample.size):
        slots = random.integers(0, len(sample), (rows, len(sample)))
        parts.append(statistic(sample[slots]))
    return np.concatenate(parts)


def _leave_one_out(sample: Floats, statistic: Statistic) -> Floats:
    """The statistic without each input in turn, [N]."""
    inputs = len(sample)
    if statistic is mean and sample.ndim == 1:  # without N * N values
        return np.asarray((sample.sum() - sample) / (inputs - 1))
    parts, first = [], 0
    kept = np.arange(inputs - 1)
    for rows in chunks(inputs, sample.size):
        dropped = np.arange(first, first + rows)[:, None]
        parts.append(statistic(sample[kept + (kept >= dropped)]))
        first += rows
    return np.concatenate(parts)


def chunks(rows: int, width: int) -> Iterator[int]:
    """Numbers of rows that sum to `rows`, each of at most about `CHUNK` values."""
    size = max(1, CHUNK // width)
    while rows > 0:
        yield min(size, rows)
        rows -= size


def _bias(figures: Floats, value: float) -> float:
    """z0 of Efron's equation 14.14; ties count half, or 0/1 outcomes would look biased."""
    below = (np.count_nonzero(figures < value) + np.count_nonzero(figures <= value)) / 2
    edge = 0.5 / len(figures)  # finite also where the value is an extreme
    return NormalDist().inv_cdf(min(max(below / len(figures), edge), 1 - edge))


def _acceleration(figures: Floats) -> float:
    """The jackknife's a; 0 where nothing varies."""
    away = figures.mean() - figures
    widest = float(np.abs(away).max())
    if not widest:
        return 0.0
    away /= widest  # or tiny values underflow below
    return float((away**3).sum() / (6 * (away**2).sum() ** 1.5))


def _corrected(tails: tuple[float, float], bias: float, acceleration: float) -> tuple[float, float]:
    normal = NormalDist()

    def moved(tail: float) -> float:
        shifted = bias + normal.inv_cdf(tail)
        # beyond its pole the formula turns back; the end is the extreme resample there
        room = 1 - acceleration * shifted
        return normal.cdf(bias + shifted / room) if room > 0 else float(shifted > 0)

    return moved(tails[0]), moved(tails[1])


# Permutation


def sign_flip_test(differences: ArrayLike, *, resamples: int = 9999, seed: int = 0) -> float:
    """Two-sided p-value for paired differences being symmetric around 0; the mean is the statistic.

    Every assignment of signs is tried where there are no more than `resamples`; else so many random ones,
    and the observed one counts as one of them, so that p is never 0.

    Args:
        differences: first - second for each input, [N].
        resamples: most assignments of signs.
        seed: of the random ones.
    """
    given = vector("differences", differences)
    given = given[given != 0]  # their signs don't matter
    count, most = len(given), whole_number("resamples", resamples, 1)
    observed, scale = float(given.sum()), float(np.abs(given).sum())
    if count < most.bit_length():  # 2 ** count <= most
        signs = np.array(list(product((-1.0, 1.0), repeat=count))).reshape(2**count, count)
        return as_extreme(signs @ given, observed, scale) / len(signs)
    random = np.random.default_rng(seed)
    hits = 0
    for rows in chunks(most, count):
        signs = 2.0 * random.integers(0, 2, (rows, count), dtype=np.int8) - 1
        hits += as_extreme(signs @ given, observed, scale)
    return (1 + hits) / (1 + most)


def as_extreme(figures: Floats, observed: float, scale: float) -> int:
    """How many figures are as far from 0 as the observed one, or further; equal ones up to rounding at `scale`."""
    return int(np.count_nonzero(np.abs(figures) >= abs(observed) - 1e-12 * scale))
