"""The layer calls of one decoding step, and their keys and values.

Rows follow different chains; rows waiting for one layer share a call. Each call has one buffer for the keys and values
of its rows.

Shapes: R rows of a call, S tokens of the longest prompt, D' width of a head.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from transformers.cache_utils import Cache, DynamicLayer, DynamicSlidingWindowLayer

from skiploop.chains.policy import CachePolicy, kept_slots
from skiploop.chains.weights import indices
from skiploop.engine.call_order import call_order
from skiploop.engine.decode_steps import CallSteps
from skiploop.engine.prefix import PrefixNode
from skiploop.errors import UnsupportedModel


@dataclass(slots=True, eq=False)
class ScheduledCall:
    """One layer call of a decoding step: its rows, each with its slot, and their keys and values."""

    layer: int
    members: list[tuple[int, int]]  # (row, slot)
    rows: torch.Tensor | None = None  # [n] indices of its rows in the batch; None: all of them, in order
    entry: Any = None
    view: Cache | None = None  # a cache that answers every layer index with the entry
    steps: CallSteps | None = None  # what weights do to the states of its rows; None: nothing


def calls_for(chains: Sequence[tuple[int, ...]]) -> list[ScheduledCall]:
    """The layer calls of one token, in order: every row runs its chain; rows waiting for a layer share its call."""
    position = [0] * len(chains)
    calls = []
    chains = [indices(chain) for chain in chains]
    for layer in call_order(chains):
        members = [
            (row, position[row])
            for row, chain in enumerate(chains)
            if position[row] < len(chain) and chain[position[row]] == layer
        ]
        for row, _ in members:
            position[row] += 1
        calls.append(ScheduledCall(layer, members))
    return calls


class Share(NamedTuple):
    """After a step the latest keys and values of some rows of a call take the place of those in another call.

    Attributes:
        source: the call whose keys and values stay.
        target: the call that is to find them later.
        source_rows, target_rows: places of the rows in the two calls, [k].
    """

    source: ScheduledCall
    target: ScheduledCall
    source_rows: torch.Tensor
    target_rows: torch.Tensor

    def copy(self) -> None:
        """Of the token that was run last."""
        for name in ("keys", "values"):
            latest = getattr(self.source.entry, name)[:, :, -1].index_select(0, self.source_rows)
            getattr(self.target.entry, name)[:, :, -1].index_copy_(0, self.target_rows, latest)


def shares_of(
    calls: Sequence[ScheduledCall], rows: Sequence[tuple[tuple[int, ...], CachePolicy]], device: torch.device
) -> list[Share]:
    """What cache policies ask for after each step, given layers and policy of each row; nothing where all is `own`."""
    places = {member: (call, place) for call in calls for place, member in enumerate(call.members)}
    pairs: dict[tuple[int, int], tuple[ScheduledCall, ScheduledCall, list[tuple[int, int]]]] = {}
    for index, (layers, policy) in enumerate(rows):
        if policy not in ("first", "last"):
            continue
        for slot, kept in enumerate(kept_slots(layers, policy)):
            if slot != kept:
                (source, source_place), (target, target_place) = places[index, kept], places[index, slot]
                pair = pairs.setdefault((id(source), id(target)), (source, target, []))
                pair[2].append((source_place, target_place))
    return [
        Share(source, target, *(torch.tensor(column, device=device) for column in zip(*found, strict=True)))
        for source, target, found in pairs.values()
    ]


def entry_of(nodes: list[PrefixNode], room: int) -> Any:
    """One cache entry with the keys and values of these nodes, [n, heads, S, D'], and room for this many tokens.

    Raises:
        UnsupportedModel: the model keeps anything but keys and values of all tokens, or of the latest ones.
    """
    sources = [(node.output.keep, node.row) for node in nodes if node.output is not None]
    kind = type(sources[0][0])
    if kind not in (DynamicLayer, DynamicSlidingWindowLayer, KeyValueBuffer):
        raise UnsupportedModel(f"no batched decoding with cache entries of type {kind.__name__}")
    keys = torch.stack([entry.keys[row] for entry, row in sources])
    values = torch.stack([entry.values[row] for entry, row in sources])
    window = sources[0][0].sliding_window if kind is DynamicSlidingWindowLayer else None
    if window is None or keys.shape[-2] + room < window:  # the window covers all tokens to the end
        return KeyValueBuffer(keys, values, room)
    merged = copy.copy(sources[0][0])
    merged.keys, merged.values = keys, values
    return merged


def keep_rows(entry: Any, rows: torch.Tensor) -> None:
    """Drop all rows of an entry but these."""
    if isinstance(entry, KeyValueBuffer):
        entry.keep(rows)
    else:
        entry.keys, entry.values = entry.keys.index_select(0, rows), entry.values.index_select(0, rows)


class KeyValueBuffer(DynamicLayer):  # type: ignore[misc]
    """Keys and values with room for further tokens, so that adding one doesn't copy the others."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, room: int) -> None:
        """`keys` and `values` [R, heads, T, D'] of the tokens so far; `room` more will follow."""
        super().__init__()
        self.length = keys.shape[-2]
        self._buffers = _with_room(keys, room), _with_room(values, room)
        self.is_initialized = True
        self._show()

    def _show(self) -> None:
        keys, values = self._buffers
        self.keys, self.values = keys.narrow(2, 0, self.length), values.narrow(2, 0, self.length)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append [R, heads, 1, D'] and return all, [R, heads, T, D']."""
        count = key_states.shape[-2]
        keys, values = self._buffers
        keys.narrow(2, self.length, count).copy_(key_states)
        values.narrow(2, self.length, count).copy_(value_states)
        self.length += count
        self._show()
        return self.keys, self.values

    def seek(self, length: int) -> None:
        """Show this many tokens; those beyond the ones shown so far were written through `buffers`."""
        self.length = length
        self._show()

    def buffers(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values including the room, [R, heads, T, D']; zero where there is no token yet."""
        for buffer in self._buffers:
            # Attention gives masked entries a weight of zero, but zero times NaN is NaN.
            buffer.narrow(2, self.length, buffer.shape[2] - self.length).zero_()
        return self._buffers

    def keep(self, rows: torch.Tensor) -> None:
        """Drop all rows but these."""
        keys, values = self._buffers
        self._buffers = keys.index_select(0, rows), values.index_select(0, rows)
        self._show()


def _with_room(tensor: torch.Tensor, room: int) -> torch.Tensor:
    rows, heads, length, width = tensor.shape
    buffer = tensor.new_empty((rows, heads, length + room, width))
    buffer[:, :, :length] = tensor
    return buffer
