"""The configuration of a model whose stack is a chain, so that its own architecture builds it.

The number of layers becomes the chain's length, and every list with an entry for each layer is picked in the chain's
order. Some architectures compute a layer's kind from its index: a period ("every fourth layer is global"), or a list of
indices. No configuration of theirs says "layers 0 1 1 3" then, and the model that it builds would be another one.
Before anything is written both models are therefore built without weights, and each slot is compared with its layer.
"""

from __future__ import annotations

import copy
import re
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput, UnsupportedModel
from skiploop.models.replay import find_layers

_OF_ITS_SLOT = ("layer_idx", "layer_id", "layer_index")
_NOT_PER_LAYER = re.compile(r"_token_ids?$|^architectures$|tokens$")  # lists that may have as many entries by chance


def config_of_chain(model: PreTrainedModel, base: PreTrainedConfig, chain: Chain) -> PreTrainedConfig:
    """The configuration of a stock model of `model`'s architecture whose layers are `chain`.

    Args:
        model: the base, loaded.
        base: its configuration as the checkpoint has it: loading adds to that of `model`.
        chain: plain, without damped loops.

    Raises:
        UnsupportedModel: no configuration of this architecture says it; the message names slot and difference.
    """
    config = copy.deepcopy(base)
    _pick(config.get_text_config(), chain)
    _require_same_layers(model, config, chain)
    return config


def _pick(config: PreTrainedConfig, chain: Chain) -> None:
    """Number of layers and per-layer lists in the chain's order, in place."""
    if hasattr(config, "attention_types"):  # GPT-Neo expands pairs of a pattern and how often it is repeated
        kinds = config.attention_layers
        config.attention_types = [[[kinds[layer] for layer in chain.layers], 1]]
    for name, value in config.__dict__.items():
        if isinstance(value, list | tuple) and len(value) == chain.num_layers and not _NOT_PER_LAYER.search(name):
            config.__dict__[name] = type(value)(value[layer] for layer in chain.layers)
    config.num_hidden_layers = len(chain)


def _require_same_layers(model: PreTrainedModel, config: PreTrainedConfig, chain: Chain) -> None:
    """Raises UnsupportedModel where a slot of the model that `config` builds isn't the layer it is to be."""
    before, after = _stack(model, model.config), _stack(model, _read_back(config))
    name = type(model).__name__
    if len(after) != len(chain):
        raise UnsupportedModel(
            f"{name} builds {len(after)} layers where its config says {len(chain)}; the chain {chain} can't be written "
            "as a checkpoint of its architecture; write the form `chain`, which skiploop runs on the base"
        )
    for slot, layer in enumerate(chain.layers):
        if difference := _difference(_description(before[layer]), _description(after[slot])):
            raise UnsupportedModel(
                f"{name} decides by a layer's index what it is, so that no config of it says {chain}: slot {slot} "
                f"would not be layer {layer} ({difference}); write the form `chain`, which skiploop runs on the base"
            )


def _read_back(config: PreTrainedConfig) -> PreTrainedConfig:
    """As it is after it was written to disk: some classes compute more than they store."""
    try:
        return type(config).from_dict(config.to_dict())
    except (ValueError, TypeError, IndexError, KeyError) as error:
        raise UnsupportedModel(
            f"{type(config).__name__} doesn't take the layers of the chain: {str(error).splitlines()[0]}; write the "
            "form `chain`, which skiploop runs on the base"
        ) from error


def _stack(model: PreTrainedModel, config: PreTrainedConfig) -> nn.ModuleList:
    """The layers of a model of the same class without weights."""
    config = copy.deepcopy(config)
    config.__dict__.pop("quantization_config", None)
    try:
        with torch.device("meta"):
            return find_layers(type(model)(config))
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, InvalidInput) as error:
        raise UnsupportedModel(
            f"{type(model).__name__} can't be built with the layers of the chain: "
            f"{(str(error) or type(error).__name__).splitlines()[0]}; write the form `chain`, which skiploop runs on "
            "the base"
        ) from error


def _description(layer: nn.Module) -> dict[str, Any]:
    """Everything about a layer but its weights' values and its slot: classes, shapes and settings, by path."""
    told: dict[str, Any] = {}
    for path, module in layer.named_modules():
        told[f"{path}:class"] = type(module).__name__
        for name, value in vars(module).items():
            if name not in _OF_ITS_SLOT and not name.startswith("_") and _is_setting(value):
                told[f"{path}.{name}".lstrip(".")] = value
    tensors = (*layer.named_parameters(), *layer.named_buffers())
    return told | {f"{name}:shape": tuple(tensor.shape) for name, tensor in tensors}


def _is_setting(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _difference(wanted: dict[str, Any], found: dict[str, Any]) -> str | None:
    """The first difference of two descriptions, in words."""
    for key in (*wanted, *found):
        if wanted.get(key, "absent") != found.get(key, "absent"):
            return f"{key}: {found.get(key, 'absent')} in place of {wanted.get(key, 'absent')}"
    return None
