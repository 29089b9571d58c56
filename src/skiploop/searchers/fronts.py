"""What beats what: the Pareto set of an input's chains, fronts of vectors of rewards, and the volume they dominate.

Higher is better everywhere but in depth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput

Vector = tuple[float, ...]


def pareto(evaluations: Iterable[tuple[Chain, float]]) -> list[tuple[Chain, float]]:
    """The Pareto set of (reward, depth), the result of a search for one input (CoLa, arXiv 2507.07996).

    These are the evaluations that no other one beats, by ascending depth and so by ascending reward.

    One beats another when its reward is at least as high and its depth at most as large, and one of the two
    strictly so. Evaluations that can't be compared are all kept, and so are ties, in the order in which
    they came; one that comes twice is kept once.
    """
    distinct = dict.fromkeys(evaluations)
    front: list[tuple[Chain, float]] = []
    best_below = float("-inf")  # highest reward among strictly shorter chains
    best_here, depth = float("-inf"), 0
    for chain, reward in sorted(distinct, key=lambda pair: (len(pair[0]), -pair[1])):
        if len(chain) > depth:
            best_below, best_here, depth = max(best_below, best_here), reward, len(chain)
        if reward == best_here and reward > best_below:
            front.append((chain, reward))
    return front


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
