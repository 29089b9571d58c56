"""Correlations over the same inputs: Spearman, Kendall, Pearson, each with a permutation test. Needs numpy.

A correlation with a side that doesn't vary is undefined: None, never 0 or NaN.

Shapes: R permutations, N inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, permutations
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skiploop.errors import InvalidInput
from skiploop.stats.bootstrap import Floats, as_extreme, chunks, paired_vectors, vector
from skiploop.stats.shares import Interval, normal_quantile
from skiploop.validate import whole_number

Kind = Literal["spearman", "kendall", "pearson"]
Ints = NDArray[np.int64]
Correlate = Callable[[Floats], Floats]  # reorderings of the second side, [R, N] -> [R]


@dataclass(frozen=True, slots=True)
class Correlation:
    """A correlation and its test.

    Attributes:
        value: in [-1, 1].
        p_value: two-sided, of the hypothesis that the two sides are paired at random.
        inputs: N.
    """

    value: float
    p_value: float
    inputs: int


def ranks(values: ArrayLike) -> Floats:
    """Ranks from 1, equal values share the mean of theirs; [N]."""
    _, place, counts = np.unique(vector("values", values), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[place], dtype=np.float64)


def spearman(first: ArrayLike, second: ArrayLike) -> float | None:
    """Spearman's rho, of mean ranks where there are ties; None where a side doesn't vary."""
    return _value("spearman", first, second)


def kendall(first: ArrayLike, second: ArrayLike) -> float | None:
    """Kendall's tau-b in O(N log N) comparisons (Knight 1966); None where a side doesn't vary."""
    return _value("kendall", first, second)


def pearson(first: ArrayLike, second: ArrayLike) -> float | None:
    """Pearson's r, for instance of a measurement and its repetition; None where a side doesn't vary."""
    return _value("pearson", first, second)


def pearson_interval(value: float, inputs: int, level: float = 0.95) -> Interval:
    """Fisher's interval for Pearson's r; for normal data. For any other bootstrap the pairs."""
    count = whole_number("inputs", inputs, 1)
    if not -1 <= value <= 1:
        raise InvalidInput(f"value={value!r} is no correlation; it lies between -1 and 1")
    half = normal_quantile(level)
    if count <= 3:  # they say nothing
        return Interval(-1.0, 1.0, level)
    if abs(value) == 1:
        return Interval(value, value, level)
    centre, half = math.atanh(value), half / math.sqrt(count - 3)
    return Interval(math.tanh(centre - half), math.tanh(centre + half), level)


def correlation_test(
    first: ArrayLike, second: ArrayLike, kind: Kind = "spearman", *, resamples: int = 9999, seed: int = 0
) -> Correlation | None:
    """A correlation with its two-sided permutation p-value; None where a side doesn't vary.

    All N! pairings are tried where there are no more than `resamples`; else so many random ones, and the
    observed one counts as one of them, so that p is never 0.

    Args:
        first: a number for each input, [N]; N >= 2.
        second: likewise, in the same order.
        kind: "spearman", "kendall" or "pearson".
        resamples: most pairings.
        seed: of the random ones.
    """
    left, right = paired_vectors(first, second, 2)
    most = whole_number("resamples", resamples, 1)
    prepared = _prepared(kind, left, right)
    if prepared is None:
        return None
    moved, correlate = prepared
    value, count = float(correlate(moved[None])[0]), len(moved)
    every = count <= 20 and math.factorial(count) <= most
    orders = _all_orders(moved) if every else _random_orders(moved, most, seed)
    hits = sum(as_extreme(correlate(part), value, 1.0) for part in orders)
    p_value = hits / math.factorial(count) if every else (1 + hits) / (1 + most)
    return Correlation(value, p_value, count)


def _value(kind: Kind, first: ArrayLike, second: ArrayLike) -> float | None:
    prepared = _prepared(kind, *paired_vectors(first, second, 2))
    return None if prepared is None else float(prepared[1](prepared[0][None])[0])


def _all_orders(values: Floats) -> Iterator[Floats]:
    orders = permutations(values)
    for rows in chunks(math.factorial(len(values)), len(values)):
        yield np.array(list(islice(orders, rows)))


def _random_orders(values: Floats, total: int, seed: int) -> Iterator[Floats]:
    random = np.random.default_rng(seed)
    for rows in chunks(total, len(values)):
        yield random.permuted(np.broadcast_to(values, (rows, len(values))), axis=1)


def _prepared(kind: Kind, first: Floats, second: Floats) -> tuple[Floats, Correlate] | None:
    """What is to be reordered, [N], and a function from its orders to correlations; None without variation."""
    if kind not in ("spearman", "kendall", "pearson"):
        raise InvalidInput(f"kind={kind!r} is unknown; use spearman, kendall or pearson")
    if first.min() == first.max() or second.min() == second.max():
        return None
    if kind == "kendall":
        return _codes(second), _Kendall(_codes(first), _codes(second))
    sides = (first, second) if kind == "pearson" else (ranks(first), ranks(second))
    left, right = (_unit(side) for side in sides)
    return right, lambda orders: np.clip(orders @ left, -1.0, 1.0)


def _unit(values: Floats) -> Floats:
    """Centred, and of length 1."""
    scaled = values / np.abs(values).max()  # or squares of huge and tiny values leave the range of floats
    away = scaled - scaled.mean()
    away /= np.abs(away).max()
    return np.asarray(away / np.sqrt((away**2).sum()))


# Kendall's tau-b


class _Kendall:
    """tau-b of one side with orders of the other: (concordant - discordant pairs) over those without ties."""

    def __init__(self, first: Floats, second: Floats) -> None:
        self.first = first.astype(np.int64)
        self.size = int(second.max()) + 1
        pairs = len(first) * (len(first) - 1) // 2
        tied_first, tied_second = (int(_tied_pairs(np.sort(side)[None])[0]) for side in (first, second))
        self.untied = pairs - tied_first - tied_second  # pairs tied on both sides were taken off twice
        self.scale = math.sqrt(pairs - tied_first) * math.sqrt(pairs - tied_second)

    def __call__(self, orders: Floats) -> Floats:
        # Sorted by the first side, then by the second: a discordant pair is an inversion of the second.
        keys = np.sort(self.first * self.size + orders.astype(np.int64), axis=1)  # [R, N]
        score = self.untied + _tied_pairs(keys) - 2 * _inversions(keys % self.size)
        return np.clip(score / self.scale, -1.0, 1.0)


def _codes(values: Floats) -> Floats:
    """The place of each value among the distinct ones, from 0."""
    return np.unique(values, return_inverse=True)[1].astype(np.float64)


def _tied_pairs(rows: NDArray[Any]) -> Ints:
    """Pairs of equal values in each sorted row, [R, N] -> [R]."""
    slots = np.arange(rows.shape[1])
    begins = np.where(_new_groups(rows), slots, 0)
    return np.asarray((slots - np.maximum.accumulate(begins, axis=1)).sum(axis=1))


def _new_groups(rows: NDArray[Any]) -> NDArray[np.bool_]:
    new = np.ones(rows.shape, dtype=np.bool_)
    new[:, 1:] = rows[:, 1:] != rows[:, :-1]
    return new


def _inversions(rows: Ints) -> Ints:
    """Pairs in each row of which the greater comes first, [R, N] -> [R].

    Bit by bit from the highest, with the values grouped by their higher bits and otherwise in order: a pair is
    decided at the first bit that differs, so count the ones before each zero of its group.
    """
    total = np.zeros(len(rows), dtype=np.int64)
    for bit in reversed(range(int(rows.max()).bit_length())):
        ones = (rows >> bit) & 1
        before = np.cumsum(ones, axis=1) - ones
        at_start = np.maximum.accumulate(np.where(_new_groups(rows >> (bit + 1)), before, 0), axis=1)
        total += ((1 - ones) * (before - at_start)).sum(axis=1)
        order = np.argsort(rows >> bit, axis=1, kind="stable")
        rows = np.take_along_axis(rows, order, axis=1)
    return total
