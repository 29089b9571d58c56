"""Fronts of vectors of rewards: what dominates what, and the volume dominated. Higher is better everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from skiploop.errors import InvalidInput

Vector = tuple[float, ...]


def dominates(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether a is at least as good everywhere and better somewhere; false both ways where a and b can't be compared.

    That no objective of `b` is better isn't enough to say of `all(a >= b)` alone (equal vectors would drop each other),
    and that *some* objective of `a` is better isn't enough either (incomparable ones would).
    """
    return all(x >= y for x, y in zip(a, b, strict=True)) and any(x > y for x, y in zip(a, b, strict=True))


def non_dominated(vectors: Iterable[Sequence[float]]) -> list[int]:
    """The indices of the vectors that no other one dominates, ascending; of equal ones, all."""
    listed = list(vectors)
    return [i for i, mine in enumerate(listed) if not any(dominates(other, mine) for other in listed)]


def hypervolume(vectors: Iterable[Sequence[float]], reference: Sequence[float] | None = None) -> float:
    """The volume of all points between the reference and one of the vectors, exactly.

    Args:
        vectors: any, also dominated ones; what lies below the reference in an objective counts nothing.
        reference: the worst point; all 0 unless given.

    Raises:
        InvalidInput: where the vectors and the reference differ in length.
    """
    listed = [tuple(map(float, vector)) for vector in vectors]
    if not listed:
        return 0.0
    low = tuple(reference) if reference is not None else (0.0,) * len(listed[0])
    lengths = {len(low), *map(len, listed)}
    if len(lengths) > 1 or not low:
        raise InvalidInput(f"vectors of {sorted(lengths)} objectives have no common volume; use one length for all")
    above = {tuple(x - y for x, y in zip(vector, low, strict=True)) for vector in listed}
    return _volume([vector for vector in above if min(vector) > 0])


def _volume(vectors: list[Vector]) -> float:
    """Above the origin, by slices along the last objective (Zitzler 1999): exponential in the objectives only."""
    if not vectors:
        return 0.0
    if len(vectors[0]) == 1:
        return max(vector[0] for vector in vectors)
    if len(vectors[0]) == 2:
        return _area(vectors)
    heights = sorted({vector[-1] for vector in vectors})
    volume, below = 0.0, 0.0
    for height in heights:
        volume += (height - below) * _volume([vector[:-1] for vector in vectors if vector[-1] >= height])
        below = height
    return volume


def _area(vectors: list[Vector]) -> float:
    """Two objectives: by descending first, each adds what it is higher than those before."""
    area, top = 0.0, 0.0
    for x, y in sorted(vectors, reverse=True):
        if y > top:
            area, top = area + x * (y - top), y
    return area
