"""Intervals for shares. Pure Python.

Both are score intervals: they stay inside their range, and can be used for the few dozen inputs of a small
study, where the textbook interval p +- 1.96 * sqrt(p * (1 - p) / n) is far too narrow near 0 and 1.
"""

from __future__ import annotations

import math

Z = 1.959963984540054  # 95 %, two-sided


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
