"""Keys and values of one scheduled layer call, [R, heads, T, D'], with room for the tokens to come.

Shapes: R rows of the call, T tokens so far, D' width of a head.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers.cache_utils import DynamicLayer


class Growing(DynamicLayer):  # type: ignore[misc]
    """Keys and values with room for the tokens to come, so that a new token doesn't copy the old ones."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, room: int) -> None:
        """``keys`` and ``values`` [R, heads, T, D'] of the tokens so far; ``room`` more will follow."""
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
        """Show so many tokens; what is beyond those shown so far was written through ``buffers``."""
        self.length = length
        self._show()

    def buffers(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values with all of the room, [R, heads, T, D']; zero where no token is yet."""
        for buffer in self._buffers:
            # Attention gives no weight to what is masked, but no weight times NaN is NaN.
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
