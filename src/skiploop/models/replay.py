"""Run any chain of layers on any Hugging Face model, exactly, by record and replay.

While a chain is active, each entry of the model's stack of layers is a *probe* with the layer as its child. The
model's own `forward` goes on doing embeddings, masks, rotary tables, final norm and head; when it calls a layer, the
probe records the arguments. The probe of the last layer then runs the chain: each slot's layer gets the arguments that
were recorded *for that layer*, whatever its slot, and a view of the cache that holds that slot's keys and values only.

    embeddings, masks ──> probe 0 ──> probe 1 ──> ... ──> probe L-1 ──> norm, head
                          record      record              record, then run layers[chain[0]], layers[chain[1]], ...

`layer_idx`, the config and the layers themselves are never touched, so that stock `generate`, hooks, adapters and
offloading go on working, and leaving the context restores the model as it was.

Shapes: B sequences, S query tokens, D width, L layers of the model, N slots of the chain.
"""

from __future__ import annotations

import copy
from collections import OrderedDict, UserDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast
from weakref import WeakKeyDictionary

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.cache_utils import Cache

from skiploop.chains.chain import Chain
from skiploop.chains.policy import CachePolicy, checked_policy
from skiploop.chains.weights import steps
from skiploop.errors import InvalidInput, UnsupportedModel
from skiploop.models.damping import after_slot
from skiploop.models.slots import advance_ghosts, bind, bind_shared, slot_view


def find_layers(model: PreTrainedModel) -> nn.ModuleList:
    """The stack of layers: the shallowest `ModuleList` of `num_hidden_layers` entries below the decoder.

    Raises:
        UnsupportedModel: an encoder-decoder, or no such list, or more than one at the same depth.
    """
    name = type(model).__name__
    if getattr(model.config, "is_encoder_decoder", False):
        raise UnsupportedModel(
            f"{name} is an encoder-decoder: it has two stacks of layers and cross-attention between them; "
            "use a decoder-only or an encoder-only model"
        )
    num_layers = getattr(model.config.get_text_config(), "num_hidden_layers", None)
    decoder = model.get_decoder() if hasattr(model, "get_decoder") else model
    # `get_decoder` is the text decoder of a multimodal model, but in a few models an output head of that name.
    stacks = _stacks(decoder, num_layers) or _stacks(model, num_layers)
    if not stacks:
        raise UnsupportedModel(f"{name} has no ModuleList of num_hidden_layers={num_layers} entries to run chains on")
    if len(stacks) > 1:
        raise UnsupportedModel(
            f"{name} has several lists of {num_layers} modules ({', '.join(stacks)}); which one is the stack of layers?"
        )
    return next(iter(stacks.values()))


def _stacks(root: nn.Module, num_layers: int | None) -> dict[str, nn.ModuleList]:
    """The shallowest lists of `num_layers` modules below `root`, by path (deeper ones are experts, for instance)."""
    lists = {
        path: module
        for path, module in root.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == num_layers
    }
    shallowest = min((path.count(".") for path in lists), default=0)
    return {path: module for path, module in lists.items() if path.count(".") == shallowest}


@dataclass(slots=True)
class LayerCall:
    """How the model called one layer: everything but the hidden states, which the chain supplies."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    hidden_key: str | None  # name under which hidden states were passed; None: first positional argument

    @classmethod
    def record(cls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[torch.Tensor, LayerCall]:
        """Split a call into its hidden states and the rest."""
        if args and isinstance(args[0], torch.Tensor):
            return args[0], cls(args[1:], kwargs, None)
        for key in ("hidden_states", "x", "input", "inputs"):
            if isinstance(kwargs.get(key), torch.Tensor):
                rest = {name: value for name, value in kwargs.items() if name != key}
                return kwargs[key], cls(args, rest, key)
        raise UnsupportedModel(f"a layer was called without recognisable hidden states (arguments: {sorted(kwargs)})")

    def cache(self) -> Cache | None:
        """The cache among the arguments, found by type: its name differs between architectures."""
        for value in (*self.args, *self.kwargs.values()):
            if isinstance(value, Cache):
                return value
        return None

    def replay(self, layer: nn.Module, hidden: torch.Tensor, view: Cache | None) -> Any:
        """Run `layer` on `hidden` with the recorded arguments, the cache replaced by `view`."""
        args = tuple(view if isinstance(value, Cache) else value for value in self.args)
        kwargs = {key: view if isinstance(value, Cache) else value for key, value in self.kwargs.items()}
        if self.hidden_key is not None:
            return layer(*args, **{self.hidden_key: hidden}, **kwargs)
        return layer(hidden, *args, **kwargs)

    def containers(self) -> list[Any]:
        """The mutable containers among the arguments, through which layers could hand something to each other."""
        values = (*self.args, *self.kwargs.values())
        return [value for value in values if isinstance(value, dict | list | UserDict)]

    def detached(self) -> LayerCall:
        """A copy whose containers can be written to without changing the model's own."""

        def own(value: Any) -> Any:
            return copy.copy(value) if isinstance(value, dict | list | UserDict) else value

        return LayerCall(
            tuple(own(value) for value in self.args),
            {key: own(value) for key, value in self.kwargs.items()},
            self.hidden_key,
        )


class Probe(nn.Module):
    """Takes a layer's place in the stack: records how the model calls it and hands the call to the session."""

    def __init__(self, layer: nn.Module, index: int, session: Session) -> None:
        super().__init__()
        self.layer = layer
        self.index = index
        object.__setattr__(self, "session", session)  # not a submodule
        self.training = layer.training
        self.register_state_dict_post_hook(_without_probe)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_with_probe)  # type: ignore[no-untyped-call]

    def __deepcopy__(self, memo: dict[int, Any]) -> nn.Module:
        # A copy of the model is a model of its own, outside of this context.
        return copy.deepcopy(self.layer, memo)

    def __reduce__(self) -> Any:
        return _itself, (self.layer,)

    def __getattr__(self, name: str) -> Any:
        # Some models read an attribute of the layer (its attention type, say) before they call it.
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("layer"), name)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.session.on_call(self.index, args, kwargs)


def _itself(layer: nn.Module) -> nn.Module:
    return layer


def _without_probe(_probe: nn.Module, state: dict[str, Any], prefix: str, _metadata: Any) -> None:
    """Names in a state dict are the model's own, so that what is saved under a chain can be loaded without one."""
    inner = f"{prefix}layer."
    for key in [key for key in state if key.startswith(inner)]:
        state[prefix + key.removeprefix(inner)] = state.pop(key)


def _with_probe(_probe: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    inner = f"{prefix}layer."
    for key in [key for key in state if key.startswith(prefix) and not key.startswith(inner)]:
        state[inner + key.removeprefix(prefix)] = state.pop(key)


@dataclass(frozen=True, slots=True)
class OutputForm:
    """What a layer returns: a tensor (`width` 0) or a tuple of `width` entries with the hidden states first."""

    width: int

    @classmethod
    def of(cls, output: Any) -> OutputForm:
        if isinstance(output, torch.Tensor):
            return cls(0)
        if isinstance(output, tuple | list) and output and isinstance(output[0], torch.Tensor):
            return cls(len(output))
        raise UnsupportedModel(f"a layer returned {type(output).__name__}, not hidden states or a tuple of them first")

    def wrap(self, hidden: torch.Tensor, like: Any = None) -> Any:
        """`hidden` in this form; the further entries are those of `like` where there are any, else None."""
        if self.width == 0:
            return hidden
        extras = tuple(like[1 : self.width]) if isinstance(like, tuple | list) else ()
        return (hidden, *extras, *([None] * (self.width - 1 - len(extras))))


def hidden_of(output: Any) -> torch.Tensor:
    """The hidden states in what a layer returned."""
    return cast(torch.Tensor, output if isinstance(output, torch.Tensor) else output[0])


# Output forms are a property of a model's layers; learning them costs one call of each layer, once per stack.
_FORMS: WeakKeyDictionary[nn.ModuleList, list[OutputForm | None]] = WeakKeyDictionary()


# (session, hidden states [B, S, D] that the model gave to its first layer) -> hidden states for the final norm and
# head, and the raw output of the layer they came from (or None). It runs in place of the whole stack of layers.
StackFunction: TypeAlias = "Callable[[Session, torch.Tensor], tuple[torch.Tensor, Any]]"


@dataclass(slots=True)
class Session:
    """The probes of one model while they are in place, and what runs at the last of them."""

    layers: list[nn.Module]  # [L] the genuine layers
    forms: list[OutputForm | None]  # [L]
    run_stack: StackFunction
    calls: list[LayerCall] = field(default_factory=list)  # [<= L] of the forward that is under way
    entry: torch.Tensor | None = None  # [B, S, D] what the model gave to its first layer

    def on_call(self, index: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Record a call; pass hidden states through, and at the last layer run the chain."""
        hidden, call = LayerCall.record(args, kwargs)
        if index == 0:
            self.calls, self.entry = [], hidden
        if index != len(self.calls):
            raise UnsupportedModel(f"the model called layer {index} where layer {len(self.calls)} was due")
        if hidden is not self.entry:
            raise UnsupportedModel(
                f"the model changes the hidden states between layers {index - 1} and {index}; a chain that leaves one "
                "of them out would have no defined meaning"
            )
        self.calls.append(call)
        form = self.forms[index]
        if form is None:
            form = self.forms[index] = self._learn_form(index, hidden)
        if index < len(self.layers) - 1:
            return form.wrap(hidden)
        result, raw = self.run_stack(self, hidden)
        self.calls, self.entry = [], None  # don't keep the forward's tensors alive
        return form.wrap(result, like=raw)

    def _learn_form(self, index: int, hidden: torch.Tensor) -> OutputForm:
        call = self.calls[index].detached()
        cache = call.cache()
        view = None
        if cache is not None:
            entry = cache.layers[index] if index < len(cache.layers) else None
            if entry is None and cache.layer_class_to_replicate is not None:
                entry = cache.layer_class_to_replicate()
            view = slot_view(cache, copy.deepcopy(entry), len(self.layers))
        layer = self.layers[index]
        # The trial leaves no trace: no hook fires, and the random numbers that the model draws later stay the same.
        with torch.no_grad(), torch.random.fork_rng(), _without_hooks(layer):
            return OutputForm.of(call.replay(layer, hidden, view))


@contextmanager
def _without_hooks(layer: nn.Module) -> Iterator[None]:
    saved = [(module, module._forward_hooks, module._forward_pre_hooks) for module in layer.modules()]
    try:
        for module, _, _ in saved:
            module._forward_hooks, module._forward_pre_hooks = OrderedDict(), OrderedDict()
        yield
    finally:
        for module, hooks, pre_hooks in saved:
            module._forward_hooks, module._forward_pre_hooks = hooks, pre_hooks


@contextmanager
def probing(model: PreTrainedModel, run_stack: StackFunction) -> Iterator[Session]:
    """While the context is open, probes stand in place of the model's layers; `run_stack` is called at the last one."""
    stack = find_layers(model)
    if any(isinstance(layer, Probe) for layer in stack):
        raise InvalidInput(
            "a chain is active on this model already; leave its context first, or load the model a second time"
        )
    layers = list(stack)
    session = Session(layers, _FORMS.setdefault(stack, [None] * len(layers)), run_stack)
    try:
        for index, layer in enumerate(layers):
            stack[index] = Probe(layer, index, session)
        yield session
    finally:
        for index, layer in enumerate(layers):
            stack[index] = layer


def chain_function(
    chain: Chain, cache_policy: CachePolicy = "own", keep: Callable[[int, torch.Tensor], None] | None = None
) -> StackFunction:
    """What `probing` needs to send the whole batch through one chain; `keep` is told the state after each slot."""
    skipped = chain.skipped

    def run(session: Session, hidden: torch.Tensor) -> tuple[torch.Tensor, Any]:
        num_layers = len(session.layers)
        cache = next((cache for call in session.calls if (cache := call.cache()) is not None), None)
        layers = chain.layers
        entries: Sequence[Any] = [None] * len(chain)
        if cache is not None and cache_policy == "own":
            entries = bind(cache, layers, num_layers)
        elif cache is not None:
            layers, entries = bind_shared(cache, layers, num_layers, cache_policy)
        raw: Any = None
        state, carry = hidden, None
        for slot, (layer, entry, step) in enumerate(zip(layers, entries, steps(layers), strict=True)):
            view = slot_view(cache, entry, num_layers) if cache is not None else None
            raw = session.calls[layer].replay(session.layers[layer], state, view)
            state, carry = after_slot(step, state, hidden_of(raw), carry)
            if keep is not None:
                keep(slot, state)
        if cache is not None:
            advance_ghosts(cache, skipped, hidden)
        return state, raw

    return run


@contextmanager
def run_chain(model: PreTrainedModel, chain: Chain, *, cache_policy: CachePolicy = "own") -> Iterator[PreTrainedModel]:
    """While the context is open, the model's `forward` and `generate` run `chain`.

    Exact: the identity gives the model's own logits bit for bit, any other chain those of a model physically rebuilt
    from the chain; each slot has its own keys and values. Caches made inside the context belong to this chain and are
    of no use outside it. If hidden states or attentions are requested, there is one entry for each
    slot, on models that collect them by hooks (those of transformers 5); a few older architectures (GPT-J, GPT-Neo,
    BLOOM, MPT, CodeGen, Mamba) collect hidden states in a loop of their own and get the embeddings instead. While the
    context is open the model belongs to one thread; its `state_dict`, what `save_pretrained` writes, and a copy of it
    are the model's own, without the chain.

    Args:
        model: any decoder-only or encoder-only model of transformers with one stack of layers.
        chain: of as many layers as the model has.
        cache_policy: which keys and values the runs of a looped layer leave for later tokens, see
            `skiploop.chains.policy`.

    Raises:
        InvalidInput: the chain is for another number of layers, the policy is unknown, or a chain is active on this
            model already.
        UnsupportedModel: the stack isn't found, or (in the first forward) the model can't be honoured.
    """
    checked_layers(model, chain)
    with probing(model, chain_function(chain, checked_policy(cache_policy))):
        yield model


def checked_layers(model: PreTrainedModel, chain: Chain) -> int:
    """The number of the model's layers; InvalidInput where the chain is for another one."""
    num_layers = len(find_layers(model))
    if chain.num_layers != num_layers:
        raise InvalidInput(
            f"the chain {chain} is for a model of {chain.num_layers} layers, but this model has {num_layers}; "
            f"make it with num_layers={num_layers}"
        )
    return num_layers
