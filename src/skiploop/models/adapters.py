"""Adapters of PEFT: found, read from safetensors only, merged into the weights of the base that they were made for.

peft fills up what an adapter lacks with numbers that change nothing, and leaves out what finds no place, with a warning
at most: an adapter for another base, or half of one, would be taken for the whole. Here both are refused by name.
"""

from __future__ import annotations

import json
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import nn

from skiploop.errors import InvalidInput, UnsupportedModel
from skiploop.models.files import find_file, first_line, listed
from skiploop.models.replay import find_layers

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def find_adapter(name: str, place: str, revision: str | None) -> Path | None:
    """The adapter_config.json of a folder or of a model of the hub; None: it is no adapter.

    Raises:
        InvalidInput: a whole model lies beside it, so that it isn't clear which one is meant.
    """
    config = find_file(place, CONFIG, revision)
    if config is not None and any((config.parent / file).exists() for file in _WHOLE):
        raise InvalidInput(
            f"{name!r} holds a whole model and an adapter ({CONFIG}): which one is meant? Move one of them elsewhere"
        )
    return config


def base_of(name: str, config: Path) -> str:
    """The name of the model that an adapter is for."""
    if find_spec("peft") is None:
        raise InvalidInput(
            f"the folder {name!r} holds an adapter, no whole model; to run it on its base: pip install 'skiploop[peft]'"
        )
    try:
        found = json.loads(config.read_text(encoding="utf-8"))
        base = found.get("base_model_name_or_path")
    except (OSError, ValueError, RecursionError, AttributeError) as error:
        raise InvalidInput(f"the adapter in {name!r}: {CONFIG} can't be read: {first_line(error)}") from error
    if not isinstance(base, str) or not base:
        raise InvalidInput(f"the adapter in {name!r} names no base model in {CONFIG}; add it there")
    if Path(base).expanduser().resolve() == config.parent.resolve():
        raise InvalidInput(f"the adapter in {name!r} names itself as its base model in {CONFIG}; correct it there")
    return base


def merged(name: str, base: Any, config: Path, revision: str | None) -> Any:
    """The base model with an adapter merged into its weights.

    Raises:
        InvalidInput: its weights are a pickle, damaged, or not those that config and base ask for.
        UnsupportedModel: an adapter that isn't a change of weights, such as a prompt.
    """
    import peft

    weights = find_file(str(config.parent), WEIGHTS, revision)
    if weights is None:
        raise InvalidInput(f"the adapter in {name!r} has no {WEIGHTS}; only safetensors are read, no pickles")
    with safe_open(weights, "pt") as file:
        there = set(file.keys())
    with warnings.catch_warnings(action="ignore"):  # what it warns of is refused below
        on_top = peft.PeftModel.from_pretrained(base, str(config.parent))
    if not hasattr(on_top.base_model, "merge_and_unload"):
        kind = getattr(on_top.peft_config.get("default"), "peft_type", "its kind")
        raise UnsupportedModel(
            f"the adapter in {name!r} ({getattr(kind, 'value', kind)}) is no change of weights: it can't be merged"
        )
    _unshare(on_top, config)
    wanted = set(peft.get_peft_model_state_dict(on_top, save_embedding_layers=False))
    for what, keys in (
        (f"lacks weights that its {CONFIG} and its base model ask for", wanted - there),
        ("has weights that have no place in its base model", there - wanted - set(on_top.state_dict())),
    ):
        if keys:
            raise InvalidInput(f"the adapter in {name!r} {what}: {listed(keys)}; is it for another base model?")
    return on_top.merge_and_unload()


def _unshare(on_top: Any, config: Path) -> None:
    """Gives each slot of `layer_replication` weights of its own.

    PEFT has the slots of a layer share theirs: merged there, the change of one slot would be in all of them.
    """
    if json.loads(config.read_text(encoding="utf-8")).get("layer_replication") is None:
        return
    for module in find_layers(on_top.get_base_model()).modules():
        for name, weight in module.named_parameters(recurse=False):
            setattr(module, name, nn.Parameter(weight.detach().clone(), requires_grad=weight.requires_grad))


_WHOLE = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
