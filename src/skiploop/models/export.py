"""A chain as a checkpoint: what `unroll` makes, written so that tools which know nothing of chains run it.

The slots of a looped layer share their weights in memory; in the files each slot has its own. What a checkpoint can't
say is refused before anything is written: scaled slots and damped loops, and settings of a layer that an architecture
derives from the layer's place (a sliding window in every other layer, say), which would change with the place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from skiploop.chains.chain import Chain
from skiploop.chains.weights import has_weights
from skiploop.errors import InvalidInput, UnsupportedModel
from skiploop.models.replay import find_layers


@dataclass(slots=True)
class SaveUnrolled:
    """Takes the place of an unrolled model's `save_pretrained`; same arguments."""

    model: PreTrainedModel
    chain: Chain

    def __call__(self, save_directory: Any, **settings: Any) -> Any:
        """Write the checkpoint.

        Raises:
            InvalidInput: the chain has scaled slots or damped loops.
            UnsupportedModel: opened again, a layer would be another one than in this model.
        """
        if has_weights(self.chain.layers):
            raise InvalidInput(
                f"the chain {self.chain} has scaled slots or damped loops, which no checkpoint can hold; save the "
                "model and run the chain with run_chain"
            )
        check_reopening(self.model)
        settings.setdefault("state_dict", _own_tensors(self.model))
        return type(self.model).save_pretrained(self.model, save_directory, **settings)


def check_reopening(model: PreTrainedModel) -> None:
    """Raises UnsupportedModel if a model made from this one's config would have other layers."""
    config = model.config_class.from_dict(model.config.to_dict())
    config._attn_implementation = model.config._attn_implementation
    with torch.device("meta"):
        again = type(model)(config)
    pairs = zip(find_layers(model), find_layers(again), strict=True)
    for slot, (layer, other) in enumerate(pairs):
        mine, its = _settings(layer), _settings(other)
        if mine != its:
            name = next(name for name in sorted(mine.keys() | its.keys()) if mine.get(name) != its.get(name))
            raise UnsupportedModel(
                f"{type(model).__name__} gives a layer its {name} by its place: slot {slot} has {mine.get(name)!r:.60} "
                f"in this chain, and {its.get(name)!r:.60} in a checkpoint opened again; run the chain with run_chain"
            )


def _settings(layer: nn.Module) -> dict[str, Any]:
    """Everything of a layer that isn't a weight or a flag of the moment: its modules, shapes and plain attributes."""
    found: dict[str, Any] = {f"{name} (shape)": tuple(weight.shape) for name, weight in layer.state_dict().items()}
    for path, module in layer.named_modules():
        found[f"{path} (module)"] = type(module).__name__
        for name, value in module.__dict__.items():
            if not name.startswith("_") and name != "training" and isinstance(value, _PLAIN):
                found[f"{path}.{name}".lstrip(".")] = value
    return found


_PLAIN = (bool, int, float, str, tuple, type(None))


def _own_tensors(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """The state of a model, with a copy for each further slot of a layer; ties outside the stack stay ties."""
    stack = find_layers(model)
    prefix = next(path for path, module in model.named_modules() if module is stack) + "."
    seen: set[tuple[int, int]] = set()
    state = {}
    for name, tensor in model.state_dict().items():
        place = (tensor.data_ptr(), tensor.numel())
        state[name] = tensor.clone() if name.startswith(prefix) and place in seen else tensor
        seen.add(place)
    return state
