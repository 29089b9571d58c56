"""A chain as a checkpoint: what `unroll` makes, written so that tools which know nothing of chains run it.

The slots of a looped layer share their weights in memory; in the files each slot has its own. What a checkpoint can't
say is refused before anything is written: scaled slots and damped loops, and settings of a layer that an architecture
derives from the layer's place (a sliding window in every other layer, say), which would change with the place.
"""

from __future__ import annotations

from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel

from skiploop.chains.chain import Chain
from skiploop.chains.weights import has_weights
from skiploop.errors import InvalidInput, UnsupportedModel
from skiploop.models.files import first_line
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


def check_reopening(model: PreTrainedModel, config: PreTrainedConfig | None = None) -> None:
    """Raises UnsupportedModel if a model made from a config would have other layers; None: this model's own config."""
    layers, name = find_layers(model), type(model).__name__
    again = _opened_again(model, config or model.config)
    if len(again) != len(layers):
        raise UnsupportedModel(
            f"{name} builds {len(again)} layers where the config has {len(layers)}; run the chain with run_chain"
        )
    for slot, (layer, other) in enumerate(zip(layers, again, strict=True)):
        mine, its = _settings(layer), _settings(other)
        if mine != its:
            what = next(what for what in sorted(mine.keys() | its.keys()) if mine.get(what) != its.get(what))
            raise UnsupportedModel(
                f"{name} gives a layer its {what} by its place: slot {slot} has {mine.get(what)!r:.60} "
                f"in this chain, and {its.get(what)!r:.60} in a checkpoint opened again; run the chain with run_chain"
            )


def _opened_again(model: PreTrainedModel, config: PreTrainedConfig) -> nn.ModuleList:
    """The layers, without weights, of a model of the same class whose config was written to a file and read."""
    try:
        with TemporaryDirectory() as folder:
            config.save_pretrained(folder)
            again = model.config_class.from_pretrained(folder)
        again._attn_implementation = model.config._attn_implementation
        again.__dict__.pop("quantization_config", None)
        with torch.device("meta"):
            return find_layers(type(model)(again))
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, InvalidInput) as error:
        raise UnsupportedModel(
            f"{type(model).__name__} can't be made with the layers of this chain ({first_line(error)}); run the chain "
            "with run_chain"
        ) from error


def _settings(layer: nn.Module) -> dict[str, Any]:
    """Everything of a layer that isn't a weight or a flag of the moment: its modules, shapes and plain attributes."""
    found: dict[str, Any] = {f"{name} (shape)": tuple(weight.shape) for name, weight in layer.state_dict().items()}
    for path, module in layer.named_modules():
        found[f"{path} (module)"] = type(module).__name__
        for name, value in module.__dict__.items():
            if name.startswith("_") or name == "training":
                continue
            if isinstance(value, list) and all(isinstance(member, int | float) for member in value):
                value = tuple(value)  # JSON has tuples as lists
            if isinstance(value, _PLAIN):
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
