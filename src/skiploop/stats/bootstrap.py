"""Intervals and tests that resample inputs, for figures that aren't plain shares. scipy does the resampling.

A statistic maps an array of samples to an array of figures, one for each sample: it is given `[R, N]`, or `[R, N, K]`
where an input has K values that stay together, and returns `[R]`. The median is
`lambda samples: np.median(samples, axis=-1)`. NaN says that the figure is undefined on a sample. All results are
deterministic for a seed.

Shapes: R resamples, N inputs, K values of an input.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skiploop.errors import InvalidInput
from skiploop.validate import whole_number

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
Method = Literal["bca", "percentile"]
METHODS = {"bca": "BCa", "percentile": "percentile"}
RESAMPLES = 2999
LEAST = 5  # inputs; a bootstrap of fewer is far too narrow
_LEAST_DEFINED = 0.9  # of the resamples; with fewer the interval would be that of another population
_BATCH = 1 << 21  # values held at a time; bounds memory


def mean(samples: Floats) -> Floats:
    """The mean of each sample, [R, N] -> [R]."""
    return np.asarray(samples.mean(axis=1))


def numbers(name: str, values: ArrayLike) -> Floats:
    """Finite numbers, or InvalidInput that names them."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidInput(f"{name} can't be read as numbers; give one number per input") from None
    if not np.isfinite(array).all():
        raise InvalidInput(f"{name} holds NaN or infinity; leave those inputs out, or score them")
    return array


def vector(name: str, values: ArrayLike) -> Floats:
    """Finite numbers, one for each input, or InvalidInput; [N]."""
    array = numbers(name, values)
    if array.ndim != 1:
        raise InvalidInput(f"{name} has {array.ndim} dimensions; give one number per input")
    return array


def bootstrap_interval(
    values: ArrayLike,
    statistic: Statistic = mean,
    *,
    level: float = 0.95,
    method: Method = "bca",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float] | None:
    """A bootstrap interval over inputs (Efron 1987).

    It can't see beyond the inputs. For a share use `wilson`.

    Args:
        values: a number for each input, [N], or K of them that are resampled together, [N, K].
        statistic: see the module; the default is the mean.
        level: of confidence.
        method: `bca` (bias-corrected and accelerated) or `percentile`.
        resamples: how many; with few of them the ends are noisy.
        seed: of the resamples.

    Returns:
        Both ends; None for fewer than `LEAST` inputs, for inputs that are all alike, where the statistic is undefined
        on more than a tenth of the resamples, and where BCa isn't defined (resamples that never differ).
    """
    sample = numbers("values", values)
    if sample.ndim not in (1, 2):
        raise InvalidInput(f"values has {sample.ndim} dimensions; give [N] or [N, K] for N inputs")
    if not 0 < level < 1:  # NaN isn't either
        raise InvalidInput(f"level={level!r} isn't between 0 and 1; use for instance 0.95")
    if method not in METHODS:
        raise InvalidInput(f"method={method!r} is unknown; use {' or '.join(METHODS)}")
    whole_number("resamples", resamples, 1)
    if len(sample) < LEAST or (sample == sample[0]).all():
        return None
    drawn = _resampled(sample, statistic, level, method, resamples, seed)
    ends = drawn.confidence_interval
    if method == "percentile":
        defined = drawn.bootstrap_distribution[~np.isnan(drawn.bootstrap_distribution)]
        if len(defined) < _LEAST_DEFINED * resamples:
            return None
        ends = np.quantile(defined, ((1 - level) / 2, (1 + level) / 2))
    low, high = map(float, ends)
    return (low, high) if np.isfinite((low, high)).all() else None


def _resampled(sample: Floats, statistic: Statistic, level: float, method: Method, resamples: int, seed: int) -> Any:
    """scipy's result; it resamples numbers of inputs, so that an input's values stay together."""
    from scipy import stats

    def figure(inputs: NDArray[np.int64], axis: int = -1) -> Floats:
        figures = statistic(sample[inputs.astype(np.int64).reshape(-1, inputs.shape[-1])])
        return figures.reshape(inputs.shape[:-1])

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # its interval is NaN
        return stats.bootstrap(
            (np.arange(len(sample)),),
            figure,
            vectorized=True,
            n_resamples=resamples,
            batch=max(1, _BATCH // sample.size),
            confidence_level=level,
            method=METHODS[method],
            rng=np.random.default_rng(seed),
        )


def sign_flip_test(differences: ArrayLike, *, resamples: int = RESAMPLES, seed: int = 0) -> float:
    """Two-sided p-value for paired differences being symmetric around 0; the mean is the statistic.

    All assignments of signs are tried where there are at most `resamples`. Otherwise random ones are drawn and the
    observed one counts as one of them, so that p is never 0.

    Args:
        differences: first - second for each input, [N].
        resamples: most assignments of signs.
        seed: of the random ones.
    """
    array = vector("differences", differences)
    whole_number("resamples", resamples, 1)
    if not len(array):
        raise InvalidInput("differences has 0 inputs, at least 1 is needed")
    moved = array[array != 0]  # the sign of 0 doesn't matter
    if len(moved) < 2:
        return 1.0
    moved /= np.abs(moved).max()  # or tiny differences would be ties to scipy
    if len(moved) < resamples.bit_length():  # 2 ** N assignments, at most `resamples`
        return permutation_p(moved, lambda rows: rows.mean(axis=-1), "samples", resamples, seed)
    return _random_signs_p(moved, resamples, seed)


def _random_signs_p(values: Floats, resamples: int, seed: int) -> float:
    """As `permutation_p` with random signs, but drawn for all inputs at once, which is ten times faster."""
    from scipy import stats

    random = np.random.default_rng(seed)

    def flipped(size: tuple[int, ...]) -> Floats:
        return (2.0 * random.integers(0, 2, size, dtype=np.int8) - 1) * values

    tested = stats.monte_carlo_test(
        values,
        flipped,
        lambda rows, axis=-1: np.abs(rows.mean(axis=axis)),
        vectorized=True,
        n_resamples=resamples,
        batch=max(1, _BATCH // len(values)),
        alternative="greater",
    )
    return float(tested.pvalue)


def permutation_p(
    values: Floats, statistic: Statistic, kind: Literal["samples", "pairings"], resamples: int, seed: int
) -> float:
    """How often a permutation's figure is at least as far from 0 as the observed one.

    Args:
        values: what is permuted, [N]; N >= 2.
        statistic: of permutations, [R, N] -> [R], at most about 1.
        kind: `samples` flips signs, `pairings` reorders.
        resamples: most permutations.
        seed: of the random ones.
    """
    from scipy import stats

    tested = stats.permutation_test(
        (values,),
        lambda rows, axis=-1: np.abs(statistic(rows)),
        permutation_type=kind,
        alternative="greater",
        vectorized=True,
        n_resamples=resamples,
        batch=max(1, _BATCH // len(values)),
        rng=np.random.default_rng(seed),
    )
    return float(tested.pvalue)
