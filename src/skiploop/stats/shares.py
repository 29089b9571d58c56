"""Shares and their intervals, McNemar's tests, Holm's correction, pass@k. Pure Python.

Wilson's and Newcombe's are score intervals: they stay inside their range, and suit the few dozen inputs of a small
study, where the textbook interval p +- 1.96 * sqrt(p * (1 - p) / n) is far too narrow near 0 and 1. For what isn't a
share see `skiploop.stats.bootstrap`, for correlations `skiploop.stats.correlations`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from skiploop.errors import InvalidInput
from skiploop.validate import whole_number

Z = 1.959963984540054  # 95 %, two-sided
McNemar = Literal["exact", "mid-p", "chi2"]


@dataclass(frozen=True, slots=True)
class PairedCounts:
    """How often two 0/1 outcomes of the same inputs agree; unpacks into the arguments of `newcombe_paired`.

    Attributes:
        both: inputs where both hold.
        first: inputs where only the first holds.
        second: inputs where only the second holds.
        neither: inputs where none holds.
    """

    both: int
    first: int
    second: int
    neither: int

    def __iter__(self) -> Iterator[int]:
        return iter((self.both, self.first, self.second, self.neither))


# Arguments


def paired_counts(first: Iterable[object], second: Iterable[object]) -> PairedCounts:
    """Counts two sequences of 0/1 (or bool) outcomes over the same inputs, in the same order."""
    left, right = list(first), list(second)
    if len(left) != len(right):
        raise InvalidInput(f"{len(left)} first and {len(right)} second outcomes aren't pairs; give both per input")
    for outcome in (*left, *right):
        if outcome not in (0, 1):
            raise InvalidInput(f"outcome {outcome!r} is neither 0 nor 1; for real rewards see measured_mean")
    cells = [(bool(a), bool(b)) for a, b in zip(left, right, strict=True)]
    order = ((True, True), (True, False), (False, True), (False, False))
    return PairedCounts(*(cells.count(cell) for cell in order))


# Intervals for shares


def share(part: int, whole: int) -> float | None:
    """part / whole, or None where there is nothing to take a share of."""
    return part / whole if whole else None


def wilson(successes: int, total: int) -> tuple[float, float] | None:
    """Wilson's 95 % score interval of a share; None without observations."""
    if not total:
        return None
    p, z2 = successes / total, Z * Z
    centre = (p + z2 / (2 * total)) / (1 + z2 / total)
    half = Z / (1 + z2 / total) * math.sqrt(p * (1 - p) / total + z2 / (4 * total * total))
    # At the ends the interval reaches exactly 0 or 1, which rounding misses.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == total else min(1.0, centre + half)
    return low, high


def newcombe_paired(both: int, first: int, second: int, neither: int) -> tuple[float, float] | None:
    """Newcombe's 95 % interval for the difference of two shares of the same inputs (1998, method 10).

    Args:
        both: inputs where both hold.
        first: inputs where only the first holds.
        second: inputs where only the second holds.
        neither: inputs where none holds.

    Returns:
        The interval of P(first) - P(second), or None without inputs.
    """
    total = both + first + second + neither
    bounds1, bounds2 = wilson(both + first, total), wilson(both + second, total)
    if bounds1 is None or bounds2 is None:
        return None
    p1, p2 = (both + first) / total, (both + second) / total
    (low1, high1), (low2, high2) = bounds1, bounds2
    phi = _correlation(both, first, second, neither)
    down = _length(p1 - low1, high2 - p2, phi)
    up = _length(high1 - p1, p2 - low2, phi)
    return max(-1.0, p1 - p2 - down), min(1.0, p1 - p2 + up)


def newcombe_independent(first: int, of: int, second: int, of_second: int) -> tuple[float, float] | None:
    """Newcombe's 95 % interval for first / of - second / of_second, shares of different inputs (1998).

    It is his method 10 for independent shares, from Wilson's intervals; None where one side has no inputs.
    """
    bounds1, bounds2 = wilson(first, of), wilson(second, of_second)
    if bounds1 is None or bounds2 is None:
        return None
    p1, p2 = first / of, second / of_second
    down = math.hypot(p1 - bounds1[0], bounds2[1] - p2)
    up = math.hypot(bounds1[1] - p1, p2 - bounds2[0])
    return p1 - p2 - down, p1 - p2 + up


def _correlation(a: int, b: int, c: int, d: int) -> float:
    product = (a + b) * (c + d) * (a + c) * (b + d)
    if not product:
        return 0.0
    surplus: float = a * d - b * c
    if surplus > 0:
        surplus = max(surplus - (a + b + c + d) / 2, 0.0)  # the continuity correction of method 10
    return surplus / math.sqrt(product)


def _length(x: float, y: float, phi: float) -> float:
    return math.sqrt(max(0.0, x * x - 2 * phi * x * y + y * y))


# Tests of two shares


def mcnemar(first: int, second: int, method: McNemar = "exact") -> float:
    """Two-sided p-value for two shares of the same inputs being equal (McNemar 1947).

    Only inputs on which the two outcomes differ say anything. The exact test keeps its level but is
    conservative; the mid-p test is a good default for reports (Fagerland et al. 2013,
    doi 10.1186/1471-2288-13-91, whose formulas are used here).

    Args:
        first: inputs where only the first holds.
        second: inputs where only the second holds.
        method: "exact" (binomial), "mid-p", or "chi2" (with continuity correction; for many inputs).
    """
    small, large = sorted((whole_number("first", first, 0), whole_number("second", second, 0)))
    tests = {"exact": _exact, "mid-p": _mid_p, "chi2": _corrected_chi2}
    if method not in tests:
        raise InvalidInput(f"method={method!r} is unknown; use {', '.join(tests)}")
    return tests[method](small, large) if large else 1.0


def _exact(small: int, large: int) -> float:
    return min(1.0, 2 * _half_tail(small, small + large))


def _mid_p(small: int, large: int) -> float:
    point = _half_mass(small, small + large)
    return 1 - point / 2 if small == large else 2 * _half_tail(small, small + large) - point


def _corrected_chi2(small: int, large: int) -> float:
    beyond = max(0, large - small - 1)
    return math.erfc(beyond / math.sqrt(2 * (small + large)))  # the upper tail of chi2 with one degree of freedom


def _half_mass(k: int, n: int) -> float:
    """P(X = k) for X ~ Binomial(n, 1/2)."""
    return math.exp(math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2))


def _half_tail(k: int, n: int) -> float:
    """P(X <= k) for k <= n / 2, from the largest term down until nothing changes any more."""
    term = total = _half_mass(k, n)
    for i in range(k, 0, -1):
        term *= i / (n - i + 1)
        if total + term == total:
            break
        total += term
    return total


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values (1979), in the order given: the family-wise error stays below the level."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, worst = [1.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        worst = max(worst, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = worst
    return adjusted


# Several samples of an input


def pass_at_k(samples: int, right: int, k: int) -> float:
    """Probability that one of k samples is right, unbiased (Chen et al. 2021, arXiv 2107.03374, eq. 1).

    It is 1 - C(n - c, k) / C(n, k), as a product, so that nothing overflows.

    Args:
        samples: n, samples drawn for the input.
        right: c, those of them that are right.
        k: size of the smaller sample that is asked about, at most n.
    """
    n, c = whole_number("samples", samples, 1), whole_number("right", right, 0)
    size = whole_number("k", k, 1)
    if c > n:
        raise InvalidInput(f"right={c} is more than the {n} samples; count right ones among them")
    if size > n:
        raise InvalidInput(f"k={size} is more than the {n} samples; draw more samples or use a smaller k")
    if n - c < size:  # fewer wrong ones than k
        return 1.0
    # C(n - c, k) / C(n, k) has min(c, k) factors in one of its two forms
    many, few = max(c, size), min(c, size)
    return 1.0 - math.prod(1 - many / i for i in range(n - few + 1, n + 1))


def mean_pass_at_k(counts: Sequence[tuple[int, int]], k: int) -> float | None:
    """The mean of `pass_at_k` over inputs, each given as (samples, right); None without inputs."""
    return math.fsum(pass_at_k(n, c, k) for n, c in counts) / len(counts) if counts else None
