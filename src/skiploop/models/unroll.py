"""A physically rebuilt model for a chain: the reference that `run_chain` has to equal, and a plain baseline.

The copy has one module per slot, each with its own `layer_idx`, and a config that says so (number of layers, and
every per-layer list such as `layer_types` picked in the chain's order). Weights are shared with the original, so a
copy costs next to no memory.

Scaled slots and damped loops are hooks on the copy's modules: another path than that of `run_chain`. `save_pretrained`
of the copy writes a checkpoint that other tools can open (`skiploop.models.save_unrolled`).

This needs to know how architectures spell their per-layer settings, and is wrong where one hides them; record and
replay doesn't. It is meant for tests, benchmarks, and for looking at one chain with tools that know
nothing of chains.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from skiploop.chains.chain import Chain
from skiploop.chains.weights import DampedLoop, damped_loops, scale_of
from skiploop.models.replay import LayerCall, OutputForm, find_layers, hidden_of
from skiploop.models.save_unrolled import SaveUnrolled


def unroll(model: PreTrainedModel, chain: Chain) -> PreTrainedModel:
    """A copy of `model` whose stack is `chain`, one module per slot, weights shared with `model`.

    Raises:
        InvalidInput, UnsupportedModel: as `run_chain`.
    """
    shared: dict[int, Any] = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    clone = copy.deepcopy(model, dict(shared))
    stack = find_layers(clone)
    num_layers = len(stack)
    for config in _configs(clone):
        pick_layers(config, chain)
    decoder = clone.get_decoder() if hasattr(clone, "get_decoder") else clone
    for module in (clone, decoder):
        _pick_per_layer(module.__dict__, chain, num_layers)
    slots = [_copy_layer(stack[layer], shared, clone) for layer in chain.layers]
    for slot, layer in enumerate(slots):
        for module in layer.modules():
            for name in ("layer_idx", "layer_id"):
                if isinstance(module.__dict__.get(name), int):
                    setattr(module, name, slot)
    for module, scale in zip(slots, map(scale_of, chain.layers), strict=True):
        if scale != 1:
            module.register_forward_hook(_Scale(scale), with_kwargs=True)
    for start, loop in damped_loops(chain.layers):
        _damp(slots[start : start + loop.size * loop.times], loop)
    del stack[:]
    stack.extend(slots)
    clone.__dict__["save_pretrained"] = SaveUnrolled(clone, chain)
    return clone


class _Scale:
    """A forward hook: x + scale (F(x) - x)."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def __call__(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        x = LayerCall.record(args, kwargs)[0]
        return OutputForm.of(output).wrap(x + self.scale * (hidden_of(output) - x), like=output)


def _damp(slots: list[nn.Module], loop: DampedLoop) -> None:
    """Hooks on the first slot of a loop and on the last of each pass; they share what a loop has to remember."""
    states: list[torch.Tensor] = []  # x_0, then g(x_0), then x_1, x_2, ... of the forward that is under way

    def begin(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        states[:] = [LayerCall.record(args, kwargs)[0]]

    def end(_: nn.Module, __: tuple[Any, ...], output: Any) -> Any:
        g = hidden_of(output)
        if len(states) == 1:
            states.append(g)
        x = states[0] if len(states) == 2 else states[-1]
        states.append(x + (g - x) / loop.times)
        if len(states) < loop.times + 2:
            return OutputForm.of(output).wrap(states[-1], like=output)
        x_last, g_first = states[-1], states[1]
        return OutputForm.of(output).wrap(x_last + loop.beta * (g_first - x_last), like=output)

    slots[0].register_forward_pre_hook(begin, with_kwargs=True)
    for turn in range(loop.times):
        slots[(turn + 1) * loop.size - 1].register_forward_hook(end)


def _configs(model: nn.Module) -> list[Any]:
    """Every distinct config object that a module of the model holds, and their text configs."""
    configs: dict[int, Any] = {}
    for module in model.modules():
        config = module.__dict__.get("config")
        if config is not None:
            configs[id(config)] = config
            text = config.get_text_config() if hasattr(config, "get_text_config") else config
            configs[id(text)] = text
    return list(configs.values())


def pick_layers(config: Any, chain: Chain) -> None:
    """A config's number of layers and its per-layer lists, in place; those of nested configs are left as they are."""
    if hasattr(config, "attention_types"):  # GPT-Neo stores pairs of a pattern and how often it is repeated
        config.attention_types = [[[config.attention_layers[layer] for layer in chain.layers], 1]]
    _pick_computed(config, chain, chain.num_layers)
    _pick_per_layer(config.__dict__, chain, chain.num_layers)
    name = getattr(config, "attribute_map", {}).get("num_hidden_layers", "num_hidden_layers")
    if config.__dict__.get(name) == chain.num_layers:
        config.__dict__[name] = len(chain)


def _pick_per_layer(attributes: dict[str, Any], chain: Chain, num_layers: int) -> None:
    """Pick each plain list of `num_layers` entries in the chain's order."""
    for name, value in attributes.items():
        of_tokens = name.endswith(("token_id", "token_ids"))  # as many ends of a text as layers, by chance
        if isinstance(value, list | tuple) and len(value) == num_layers and not of_tokens | any(map(_is_module, value)):
            attributes[name] = type(value)(value[layer] for layer in chain.layers)


def _pick_computed(config: Any, chain: Chain, num_layers: int) -> None:
    """The same for lists that a config computes from other settings (Jamba's layer types from a period, say)."""
    kind = type(config)
    picked = {}
    for name in dir(kind):
        if "layer" in name and isinstance(getattr(kind, name, None), property):
            value = getattr(config, name, None)
            if isinstance(value, list) and len(value) == num_layers and all(isinstance(x, str | int) for x in value):
                picked[name] = [value[layer] for layer in chain.layers]
    if picked:
        config.__class__ = type(kind.__name__, (kind,), picked)


def _is_module(value: Any) -> bool:
    return isinstance(value, nn.Module)


def _copy_layer(layer: nn.Module, shared: dict[int, Any], model: nn.Module) -> nn.Module:
    memo = dict(shared)
    memo.update({id(config): config for config in _configs(model)})
    return copy.deepcopy(layer, memo)
