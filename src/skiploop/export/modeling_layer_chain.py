"""A model whose layers are a chain over those of another one, with one copy of each layer's weights.

Written by skiploop beside the weights of an exported chain; it needs nothing but torch and transformers:

    model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)

The configuration is that of the base with one layer for each *slot* of the chain, so that masks, caches and per-layer
settings are those of a model of that many layers, and each slot has keys and values of its own. It says further

    layer_stack     the path of the list of layers in the model
    slot_layers     for each slot the layer of the base that it runs, [N]
    slot_scales     for each slot the scale s of its update, x + s (F(x) - x); absent where all are 1
    damped_loops    [{"start": slot, "size": slots of the window, "times": K, "beta": share of the first pass}]

Slots that run the same layer share its parameters; in the files only the first of them has any. A damped loop runs a
window g of slots K times and averages (arXiv 2605.23872): x_(i+1) = x_i + (g(x_i) - x_i) / K, with the result
x_K + beta (g(x_0) - x_K).
"""

from typing import Any

import torch
from torch import nn
from transformers.models.llama.configuration_llama import LlamaConfig as BaseConfig
from transformers.models.llama.modeling_llama import LlamaForCausalLM as BaseModel


class LayerChainConfig(BaseConfig):
    """The configuration of the base, with the chain."""

    model_type = "layer_chain"


class LayerChainModel(BaseModel):
    """The base with a layer for each slot; slots of the same layer share its parameters."""

    config_class = LayerChainConfig
    # Parameter of a further slot -> that of the first slot of its layer; None while the base is being built.
    _slot_ties: dict[str, str] | None = None

    def __init__(self, config: LayerChainConfig) -> None:
        super().__init__(config)
        slots = self.get_submodule(config.layer_stack)
        self._slot_ties = _ties(config.layer_stack, config.slot_layers, slots)
        self._tied_weights_keys = {**(self._tied_weights_keys or {}), **self._slot_ties}  # not saved twice
        self.all_tied_weights_keys.update(self._slot_ties)  # not missing in the files
        self.tie_weights()
        for slot, scale in enumerate(getattr(config, "slot_scales", None) or []):
            if scale != 1:
                slots[slot].register_forward_hook(_Scaled(scale), with_kwargs=True)
        for loop in getattr(config, "damped_loops", None) or []:
            _Damped(loop["times"], loop["beta"]).attach(slots[loop["start"] :][: loop["size"] * loop["times"]])

    def tie_weights(self, missing_keys: set[str] | None = None, recompute_mapping: bool = True) -> None:
        """Shares embeddings as the base does, and the parameters of slots.

        Not left to the base: after each tie it pads the bias beside a weight to the rows of the weight, as is right for
        embeddings and wrong for the transposed weights of GPT-2.
        """
        ties, every = self._slot_ties or {}, self.all_tied_weights_keys
        self.all_tied_weights_keys = {target: source for target, source in every.items() if target not in ties}
        super().tie_weights(missing_keys=missing_keys, recompute_mapping=False)
        self.all_tied_weights_keys.update(ties)
        for target, source in ties.items():
            module, _, name = target.rpartition(".")
            setattr(self.get_submodule(module), name, self.get_parameter(source))
            if missing_keys is not None and source not in missing_keys:
                missing_keys.discard(target)


def _ties(stack: str, slot_layers: list[int], slots: nn.ModuleList) -> dict[str, str]:
    """The parameters of further slots of a layer, by name, and those of its first slot."""
    ties: dict[str, str] = {}
    for slot, layer in enumerate(slot_layers):
        first = slot_layers.index(layer)
        if first < slot:
            ties.update({f"{stack}.{slot}.{n}": f"{stack}.{first}.{n}" for n, _ in slots[slot].named_parameters()})
    return ties


class _Scaled:
    """A forward hook: x + scale (F(x) - x)."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def __call__(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        x = _hidden_in(args, kwargs)
        return _with_hidden(output, x + self.scale * (_hidden_out(output) - x))


class _Damped:
    """The hooks of a damped loop, and what it remembers while a forward is in it."""

    def __init__(self, times: int, beta: float) -> None:
        self.times, self.beta = times, beta
        self.states: list[torch.Tensor] = []  # of the forward that is in the loop: x_i, and after a pass g(x_0)
        self.passes = 0

    def attach(self, slots: nn.ModuleList) -> None:
        """Puts the hooks on the slots of the loop, all passes of them."""
        size = len(slots) // self.times
        slots[0].register_forward_pre_hook(self.begin, with_kwargs=True)
        for end in range(size - 1, len(slots), size):
            slots[end].register_forward_hook(self.end)

    def begin(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Before the first pass."""
        self.states, self.passes = [_hidden_in(args, kwargs)], 0

    def end(self, _: nn.Module, __: tuple[Any, ...], output: Any) -> Any:
        """After each pass: the next state, and after the last one the result."""
        g = _hidden_out(output)
        x, first = self.states if self.passes else (self.states[0], g)
        x, self.passes = x + (g - x) / self.times, self.passes + 1
        self.states = [x, first]
        if self.passes == self.times:
            self.states = []  # tensors aren't kept alive after the forward
            x = x + self.beta * (first - x)
        return _with_hidden(output, x)


def _hidden_in(args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.Tensor:
    hidden: torch.Tensor = args[0] if args else kwargs["hidden_states"]
    return hidden


def _hidden_out(output: Any) -> torch.Tensor:
    hidden: torch.Tensor = output if isinstance(output, torch.Tensor) else output[0]
    return hidden


def _with_hidden(output: Any, hidden: torch.Tensor) -> Any:
    return hidden if isinstance(output, torch.Tensor) else (hidden, *output[1:])
