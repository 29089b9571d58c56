"""The Pareto set of (reward, depth): the result of a search for one input (CoLa, arXiv 2507.07996)."""

from __future__ import annotations

from collections.abc import Iterable

from skiploop.chains.chain import Chain


def pareto(evaluations: Iterable[tuple[Chain, float]]) -> list[tuple[Chain, float]]:
    """The evaluations that no other one beats, by ascending depth and so by ascending reward.

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
