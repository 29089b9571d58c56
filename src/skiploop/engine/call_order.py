"""The order of layer calls for rows that follow different chains: a short common supersequence, and a bound on it.

Rows whose next layer is the same share a call, so the fewer calls, the more rows in each. Finding the shortest common
supersequence of many sequences is NP-hard (Maier 1978). Here a beam search is guided by a lower bound: any common
supersequence contains each layer at least as often as the chain that runs it most often; the same holds for what is
left of the chains. On chains as a search draws them the result is 3 % above the bound on average with 16 rows, 15 %
with 128 (`benchmarks/orders.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_WIDTH = 8  # states kept by the beam; twice as many take twice the time and hardly shorten the order


def fewest_calls(chains: Sequence[tuple[int, ...]]) -> int:
    """A lower bound on the length of any common supersequence: the sum over layers of the most runs in one chain."""
    return int(_counts(list(chains))[:, 0].max(axis=0).sum()) if chains else 0


def call_order(chains: Sequence[tuple[int, ...]]) -> list[int]:
    """Layers in an order that contains each chain as a subsequence; deterministic.

    A layer call advances every chain that waits for it: holding one back can't make the rest shorter.
    """
    distinct = list(dict.fromkeys(chain for chain in chains if chain))
    if not distinct:
        return []
    counts = _counts(distinct)  # [R, N + 1, L]
    lengths = np.array([len(chain) for chain in distinct])
    upcoming = np.full(counts.shape[:2], -1)
    for row, chain in enumerate(distinct):
        upcoming[row, : len(chain)] = chain
    every = np.arange(len(distinct))
    states = np.zeros((1, len(distinct)), dtype=np.int16)  # how many slots of each chain are done
    history: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    while True:
        waiting = upcoming[every, states]
        finished = np.flatnonzero((waiting < 0).all(axis=1))
        if len(finished):
            return _walk_back(history, int(finished[0]))
        states, parents, layers = _advance(states, waiting)
        bound = counts[every, states].max(axis=1).sum(axis=1, dtype=np.int64)
        # Among equals, prefer the state in which little is left to do and no chain is far behind.
        order = np.lexsort((((lengths - states) ** 2).sum(axis=1), bound))[:_WIDTH]
        states = states[order]
        history.append((parents[order], layers[order]))


def _counts(chains: Sequence[tuple[int, ...]]) -> NDArray[np.int16]:
    """How often each layer is still to be run after 0 to N slots, [R, N + 1, L]."""
    longest, num_layers = max(map(len, chains)), 1 + max(max(chain, default=0) for chain in chains)
    counts = np.zeros((len(chains), longest + 1, num_layers), dtype=np.int16)
    for row, chain in enumerate(chains):
        for slot in range(len(chain) - 1, -1, -1):
            counts[row, slot] = counts[row, slot + 1]
            counts[row, slot, chain[slot]] += 1
    return counts


def _advance(
    states: NDArray[np.int16], waiting: NDArray[np.int64]
) -> tuple[NDArray[np.int16], NDArray[np.int64], NDArray[np.int64]]:
    """The distinct states that one layer call leads to, with the state and the layer that each came from."""
    distinct: dict[bytes, tuple[NDArray[np.int16], int, int]] = {}
    for parent, row in enumerate(waiting):
        for layer in np.unique(row[row >= 0]):
            state = states[parent] + (row == layer).astype(np.int16)
            distinct.setdefault(state.tobytes(), (state, parent, int(layer)))
    after, parents, layers = zip(*distinct.values(), strict=True)
    return np.stack(after), np.array(parents), np.array(layers)


def _walk_back(history: list[tuple[NDArray[np.int64], NDArray[np.int64]]], state: int) -> list[int]:
    order = []
    for parents, layers in reversed(history):
        order.append(int(layers[state]))
        state = int(parents[state])
    return order[::-1]
