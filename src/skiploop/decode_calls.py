"""The layer calls of one decoding step, and the keys and values that each of them keeps.

Rows follow different chains; rows that wait for the same layer share a call. Each call has one buffer with the keys and
values of the rows that take part in it.

Shapes: R rows of a call, S tokens of the longest prompt, D' width of a head.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicLayer, DynamicSlidingWindowLayer

from skiploop.errors import UnsupportedModel
from skiploop.growing import Growing
from skiploop.prefix import Node
from skiploop.schedule import call_order


@dataclass(slots=True, eq=False)
class Call:
    """One scheduled layer call: the rows that take part, each with its slot, and their keys and values."""

    layer: int
    members: list[tuple[int, int]]  # (row, slot)
    rows: torch.Tensor | None = None  # [n] indices into the running rows; None: all of them, in order
    entry: Any = None
    view: Cache | None = None  # a cache that answers every layer index with the entry


def calls_for(chains: Sequence[tuple[int, ...]]) -> list[Call]:
    """The layer calls of one token, in order: every row runs its chain; rows that wait for a layer share its call."""
    position = [0] * len(chains)
    calls = []
    for layer in call_order(chains):
        members = [
            (row, position[row])
            for row, chain in enumerate(chains)
            if position[row] < len(chain) and chain[position[row]] == layer
        ]
        for row, _ in members:
            position[row] += 1
        calls.append(Call(layer, members))
    return calls


def entry_of(nodes: list[Node], room: int) -> Any:
    """One cache entry with the keys and values of these nodes, [n, heads, S, D'], and room for so many tokens.

    Raises:
        UnsupportedModel: the model keeps something else than keys and values of all, or of the latest, tokens.
    """
    sources = [(node.batch.keep, node.row) for node in nodes if node.batch is not None]
    kind = type(sources[0][0])
    if kind not in (DynamicLayer, DynamicSlidingWindowLayer):
        raise UnsupportedModel(f"no batched decoding with cache entries of type {kind.__name__}")
    keys = torch.stack([entry.keys[row] for entry, row in sources])
    values = torch.stack([entry.values[row] for entry, row in sources])
    window = None if kind is DynamicLayer else sources[0][0].sliding_window
    if window is None or keys.shape[-2] + room < window:  # a window that never moves on
        return Growing(keys, values, room)
    merged = copy.copy(sources[0][0])
    merged.keys, merged.values = keys, values
    return merged


def keep_rows(entry: Any, rows: torch.Tensor) -> None:
    """Drop all rows of an entry but these."""
    if isinstance(entry, Growing):
        entry.keep(rows)
    else:
        entry.keys, entry.values = entry.keys.index_select(0, rows), entry.values.index_select(0, rows)
