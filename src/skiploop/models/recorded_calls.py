"""Layer calls, recorded once for a batch of inputs and replayed for any selection of its rows.

The engine lets the model's `forward` build embeddings, masks and rotary tables for a batch of B inputs, and then
runs layers itself, on rows that belong to any of these inputs, as often and in whatever order the chains require.

Shapes: B inputs, S tokens, D width, n rows of one layer call, P positions whose logits are wanted, V vocabulary.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import Cache

from skiploop.errors import UnsupportedModel
from skiploop.models.replay import LayerCall, Session, StackFunction, hidden_of, probing

# (layer, hidden states, name they are passed by, other positional arguments, named arguments) -> hidden states
Caller = Callable[[torch.nn.Module, torch.Tensor, str | None, tuple[Any, ...], dict[str, Any]], torch.Tensor]


def call_layer(
    layer: torch.nn.Module,
    hidden: torch.Tensor,
    hidden_key: str | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> torch.Tensor:
    """One layer without a cache: all of its arguments are given, so that one compiled graph serves all layers."""
    return hidden_of(LayerCall(args, kwargs, hidden_key).replay(layer, hidden, None))


@dataclass(slots=True)
class Recording:
    """What the model prepared for a batch: the input of its first layer and how it calls each layer."""

    layers: list[torch.nn.Module]  # [L]
    calls: list[LayerCall]  # [L]
    entry: torch.Tensor  # [B, S, D]
    size: int  # B, as far as rows are told apart by it
    compiled: Caller | None = None  # in place of `call_layer`, for calls without a cache
    # Picked calls and tensors by id of (kind or tensor, selection); the selection is kept alive so its id isn't reused.
    _calls: dict[tuple[int, int], tuple[LayerCall, torch.Tensor]] = field(default_factory=dict)
    _picked: dict[tuple[int, int], tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict)
    _kinds: list[int] = field(default_factory=list)  # [L] the first layer that was called with the same arguments

    def __post_init__(self) -> None:
        first: dict[tuple[Any, ...], int] = {}
        self._kinds = [first.setdefault(_identity(call), layer) for layer, call in enumerate(self.calls)]

    def run(
        self, layer: int, hidden: torch.Tensor, inputs: torch.Tensor | None, view: Cache | None = None
    ) -> torch.Tensor:
        """Run one layer on rows `hidden` [n, S, D]; `inputs` [n]: the input of each row (None: row i is of input i)."""
        call = self.calls[layer]
        if inputs is not None:
            key = (self._kinds[layer], id(inputs))
            if key not in self._calls:
                self._calls[key] = (self._pick_rows(call, inputs), inputs)
            call = self._calls[key][0]
        if self.compiled is not None and view is None and call.cache() is None:
            return self.compiled(self.layers[layer], hidden, call.hidden_key, call.args, call.kwargs)
        return hidden_of(call.replay(self.layers[layer], hidden, view))

    def _pick_rows(self, call: LayerCall, inputs: torch.Tensor) -> LayerCall:
        """The call with every tensor that has one row per input picked for `inputs` [n].

        Layers share most of these tensors, so that a tensor is picked once for each `inputs` object.
        """

        def pick(value: Any) -> Any:
            if isinstance(value, torch.Tensor):
                if not (value.dim() > 0 and value.shape[0] == self.size > 1):
                    return value
                key = (id(value), id(inputs))
                if key not in self._picked:
                    self._picked[key] = (value.index_select(0, inputs), inputs)
                return self._picked[key][0]
            if isinstance(value, tuple):
                return tuple(pick(item) for item in value)
            if isinstance(value, list):
                return [pick(item) for item in value]
            if isinstance(value, dict):
                return {key: pick(item) for key, item in value.items()}
            return value

        return LayerCall(
            tuple(pick(value) for value in call.args),
            {key: pick(value) for key, value in call.kwargs.items()},
            call.hidden_key,
        )

    def forget_picked(self) -> None:
        """Release the tensors picked so far."""
        self._calls.clear()
        self._picked.clear()


def selection(rows: Sequence[int], device: torch.device) -> torch.Tensor:
    """Indices [n] on the device; unlike `torch.tensor`, it doesn't wait for the work that a GPU has still to do."""
    if device.type != "cuda":
        return torch.tensor(rows, device=device)
    return torch.tensor(rows, pin_memory=True).to(device, non_blocking=True)


def _identity(call: LayerCall) -> tuple[Any, ...]:
    """Equal for calls made with the very same objects; valid only while these calls exist."""
    return call.hidden_key, *map(id, call.args), *((name, id(value)) for name, value in call.kwargs.items())


def unmistakable(size: int, taken: set[int]) -> int:
    """The smallest batch size of at least `size` that no other dimension of a recorded tensor has.

    Rows are recognised by the size of a tensor's first dimension; a batch of S inputs of S tokens would be ambiguous.
    """
    while size in taken:
        size += 1
    return size


def dimensions(model: PreTrainedModel) -> set[int]:
    """Possible sizes of the first dimension of a tensor that doesn't have one row per input."""
    config = model.config.get_text_config()
    names = (
        "num_attention_heads",
        "num_key_value_heads",
        "head_dim",
        "hidden_size",
        "num_experts",
        "num_local_experts",
    )
    return {1, 2, 3, *(value for name in names if isinstance(value := getattr(config, name, None), int))}


class _Recorded(Exception):
    """Carries a recording out of a model's forward."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording


def record(model: PreTrainedModel, inputs: dict[str, Any]) -> Recording:
    """Record how `model` would call its layers on `inputs`; neither layers nor head are run."""

    def leave(session: Session, hidden: torch.Tensor) -> tuple[torch.Tensor, Any]:
        raise _Recorded(Recording(session.layers, list(session.calls), hidden, hidden.shape[0]))

    try:
        with probing(model, leave):
            model(**inputs)
    except _Recorded as recorded:
        return recorded.recording
    raise UnsupportedModel(f"{type(model).__name__} ran without calling its last layer")


def head(model: PreTrainedModel, hidden: torch.Tensor) -> torch.Tensor:
    """The model's final norm and head, with whatever it does to logits, on `hidden` [P, D]; [P, V].

    One forward over P sequences of one token each, in which `hidden` stands in for the output of the layers.
    """
    inputs = head_inputs(model, hidden)
    return logits_from(model, inputs, lambda _session, _hidden: (hidden[:, None], None))[:, 0]


def head_inputs(model: PreTrainedModel, hidden: torch.Tensor) -> dict[str, Any]:
    """What the model's forward is given where `hidden` [P, D] stands in for the output of its layers on P sequences."""
    blank = torch.zeros((hidden.shape[0], 1), dtype=torch.long, device=hidden.device)
    inputs = {"input_ids": blank, "use_cache": False}
    if "position_ids" in inspect.signature(model.forward).parameters:
        inputs["position_ids"] = blank
    return inputs


def logits_from(model: PreTrainedModel, inputs: dict[str, Any], run_stack: StackFunction) -> torch.Tensor:
    """Logits of one forward in which `run_stack` stands in for the whole stack of layers."""
    with probing(model, run_stack):
        logits: torch.Tensor = model(**inputs).logits
    return logits
