"""A decoding step whose shapes and addresses never change, so that a GPU can replay it as one graph.

Launching the kernels of a small layer call can take the host longer than it takes a GPU to run them. A CUDA graph
launches all kernels of a step at once, but it repeats exactly what was captured: nothing in the step may depend on the
number of tokens so far. So here the number of tokens is a tensor on the device, attention sees the whole buffers of
keys and values, with room for all tokens to come, and the mask hides what isn't written yet. Static caches of
transformers work the same way, and its models make the right masks for them.

Shapes: R rows, T tokens in a full buffer, D' width of a head, V vocabulary.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from transformers.cache_utils import Cache, DynamicLayer

from skiploop.engine.decode_calls import KeyValueBuffer, ScheduledCall
from skiploop.models.slots import slot_view

Body = Callable[[], torch.Tensor]
Capture = Callable[[Body, torch.device], Body]
# (tokens [R], number of tokens before them, tokens that the mask covers, cache) -> logits [R, V]
Forward = Callable[[torch.Tensor, "int | torch.Tensor", int, Cache], torch.Tensor]


def cuda_graph(body: Body, device: torch.device) -> Body:
    """Capture what `body` does on the GPU; the function returned does it again, into the same tensors."""
    with torch.cuda.device(device):
        before = torch.cuda.current_stream()
        _rehearse(body)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                output = body()
        except BaseException:
            torch.cuda.set_stream(before)  # a capture that fails leaves its own stream in place
            graph.reset()
            raise

    def replay() -> torch.Tensor:
        graph.replay()
        return output

    return replay


def _rehearse(body: Body) -> None:
    """Run `body` as it will be captured: libraries allocate workspaces, and waiting for the device is an error.

    Either would make the capture fail, with a less helpful error.
    """
    mode = torch.cuda.get_sync_debug_mode()
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    try:
        torch.cuda.set_sync_debug_mode("error")
        with torch.cuda.stream(side):
            body()
    finally:
        torch.cuda.set_sync_debug_mode(mode)
    torch.cuda.current_stream().wait_stream(side)


class _Count(DynamicLayer):  # type: ignore[misc]
    """Stands in for a layer's entry in the model's own cache; it gives the number of tokens as a tensor."""

    is_compileable = True

    def __init__(self, ghost: Any, seen: torch.Tensor, room: int) -> None:
        super().__init__()
        self.is_sliding = ghost.is_sliding
        self.is_initialized = True
        self._seen, self._room = seen, room

    def get_seq_length(self) -> torch.Tensor:
        """Tokens so far, a tensor without dimensions."""
        return self._seen

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """The whole buffer, T, from the first token on."""
        return self._room, 0


class _Whole(DynamicLayer):  # type: ignore[misc]
    """The buffers of one call, [R, heads, T, D']: a token is written at its place, and the whole buffers are shown."""

    is_compileable = True

    def __init__(self, entry: KeyValueBuffer, place: torch.Tensor) -> None:
        super().__init__()
        self.is_initialized = True
        self.keys, self.values = entry.buffers()
        self._place = place  # [1]

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write [R, heads, 1, D'] and return all, [R, heads, T, D']."""
        self.keys.index_copy_(2, self._place, key_states)
        self.values.index_copy_(2, self._place, value_states)
        return self.keys, self.values


class BufferSize(NamedTuple):
    """Of the buffers of keys and values.

    Attributes:
        seen: tokens so far, padding included.
        room: tokens in a full buffer.
    """

    seen: int
    room: int


class FixedStep:
    """One decoding step of a batch, captured.

    Attributes:
        steps: how many times it was run.
    """

    def __init__(
        self,
        forward: Forward,
        calls: Sequence[ScheduledCall],
        cache: Cache,
        tokens: torch.Tensor,
        *,
        size: BufferSize,
        capture: Capture,
    ) -> None:
        """Capture a step; until `release`, the calls show fixed buffers.

        Args:
            forward: what to capture; it must do the same work each time.
            calls: the layer calls of a step; every entry is a `KeyValueBuffer`.
            cache: the model's own, with entries that only count.
            tokens: those of the next step, [R].
            size: of the buffers.
            capture: how to capture it, for instance `cuda_graph`.
        """
        self.steps = 0
        self._place = torch.tensor([size.seen], device=tokens.device)
        self._tokens = tokens.clone()
        counts = {id(ghost): _Count(ghost, self._place[0], size.room) for ghost in cache.layers}
        fixed = copy.copy(cache)
        fixed.layers = [counts[id(ghost)] for ghost in cache.layers]
        for call in calls:
            call.view = slot_view(fixed, _Whole(call.entry, self._place), len(cache.layers))
        self._replay = capture(lambda: forward(self._tokens, self._place[0], size.room, fixed), tokens.device)

    def run(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits [R, V] after one more token [R] of each row, in a tensor that the next run writes to again."""
        self._tokens.copy_(tokens)
        logits = self._replay()
        self._place += 1
        self.steps += 1
        return logits


def release(calls: Sequence[ScheduledCall], cache: Cache, steps: int) -> None:
    """Let the calls show growing entries again, after this number of steps with fixed ones."""
    for call in calls:
        call.entry.seek(call.entry.length + steps)
        call.view = slot_view(cache, call.entry, len(cache.layers))


def can_be_fixed(calls: Sequence[ScheduledCall], attention: str) -> bool:
    """Whether the buffers hold all tokens (no sliding window), and attention takes a mask over a whole buffer."""
    return attention in ("sdpa", "eager") and all(isinstance(call.entry, KeyValueBuffer) for call in calls)
