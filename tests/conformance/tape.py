"""What a CUDA graph does, on a CPU: the operations of one run are kept, and repeated into the same tensors.

Whatever a captured function decides in Python (a length, a position) is frozen, and to read a value on the host fails,
as in the capture of a stream. So a step that survives this depends on nothing but its tensors.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from skiploop.engine.captured_step import Body, cuda_graph

_READ_BY_HOST = {"aten::_local_scalar_dense", "aten::is_nonzero", "aten::item", "aten::nonzero", "aten::equal"}


class Tape(TorchDispatchMode):
    """Keeps every operation while it is active.

    Attributes:
        made: captures so far.
        replayed: replays of all of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.made = self.replayed = 0
        self._kept: list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func._schema.name in _READ_BY_HOST:
            raise RuntimeError(f"{func._schema.name} is not permitted while capturing")
        output = func(*args, **(kwargs or {}))
        self._kept.append((func, args, kwargs or {}, output))
        return output

    def capture(self, body: Body, device: torch.device) -> Body:
        """Like `skiploop.engine.captured_step.cuda_graph`."""
        body()  # as there, a run before the one that is captured
        self._kept = []
        with self:
            output = body()
        kept = [each for each in self._kept if not _is_view(each[3], each[1])]
        self._kept = []
        self.made += 1

        def replay() -> torch.Tensor:
            self.replayed += 1
            for func, args, kwargs, old in kept:
                new = func(*args, **kwargs)
                if not func._schema.is_mutable:
                    _write(old, new)
            return output

        return replay


class Graphs:
    """Real CUDA graphs, counted as a tape counts its captures.

    Attributes:
        made: captures so far.
        replayed: replays of all of them.
    """

    def __init__(self) -> None:
        self.made = self.replayed = 0

    def capture(self, body: Body, device: torch.device) -> Body:
        """`skiploop.engine.captured_step.cuda_graph`."""
        graph = cuda_graph(body, device)
        self.made += 1

        def replay() -> torch.Tensor:
            self.replayed += 1
            return graph()

        return replay


def new_recorder(device: torch.device) -> Tape | Graphs:
    """What captures steps on this device."""
    return Graphs() if device.type == "cuda" else Tape()


def _tensors(value: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def _is_view(output: Any, args: Any) -> bool:
    """Shows memory of an argument that it doesn't write to: up to date by itself."""
    storages = {tensor.untyped_storage().data_ptr() for tensor in _tensors(args)}
    outputs = _tensors(output)
    return (
        bool(outputs)
        and all(tensor.untyped_storage().data_ptr() in storages for tensor in outputs)
        and not any(tensor is given for tensor in outputs for given in _tensors(args))
    )


def _write(old: Any, new: Any) -> None:
    for place, value in zip(_tensors(old), _tensors(new), strict=True):
        if place.numel() and place.untyped_storage().data_ptr() != value.untyped_storage().data_ptr():
            place.copy_(value)
