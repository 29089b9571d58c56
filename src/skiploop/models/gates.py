"""Gates on the layers, trained by gradient: the baseline for chains that skip, one for all inputs.

Continuous sparsification (Savarese et al. 2020, arXiv 1912.04427), as Bigram subnetworks uses it (arXiv 2504.15471),
with one gate for each whole layer in place of each weight:

    x  ->  x + g * (layer(x) - x),    g = sigmoid(tau * m),    loss = task loss + penalty * mean(g)

Only the m are learned; the model doesn't change. tau grows from 1 to `tau_end`, so that gates end up open or
closed; the layers with gates above 1/2 form the resulting chain. A layer's residual update is what its gate scales, not
its output, so that g = 0 is exactly a skipped layer. A gate can't loop a layer, nor differ between inputs.

    result = train_gates(model, [(input_ids, labels), ...], GateSettings(steps=200, penalty=0.1))
    with run_chain(model, result.chain): ...

Shapes: B sequences, T tokens, D width, V vocabulary, L layers of the model.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput, UnsupportedModel
from skiploop.models.replay import LayerCall, OutputForm, Probe, find_layers, hidden_of
from skiploop.validate import whole_number

LabelledBatch = tuple[torch.Tensor, torch.Tensor]  # input ids [B, T] and labels [B, T]

IGNORED = -100  # a label that isn't counted
_START = 1.0  # of m: gates start at sigmoid(1) = .73, open enough for the model to work, and with a slope
_JITTER = 0.01  # so that no two layers start alike


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """How gates are trained.

    Attributes:
        steps: of Adam, one batch each.
        lr: Adam's.
        penalty: lambda, in nats of the task loss: what all gates open would cost.
        tau_end: how steep the gates are at the end.
        seed: for the order of the batches, and tiny differences between gates at the start.

    Raises:
        InvalidInput: a number out of range.
    """

    steps: int = 200
    lr: float = 0.1
    penalty: float = 0.1
    tau_end: float = 20.0
    seed: int = 0

    def __post_init__(self) -> None:
        whole_number("seed", self.seed, 0)
        whole_number("steps", self.steps, 1)
        for name, least in (("lr", 0.0), ("penalty", 0.0), ("tau_end", 1.0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < math.inf:
                raise InvalidInput(f"{name}={value!r} doesn't work; use a finite number of at least {least:g}")


@dataclass(frozen=True, slots=True)
class GateStep:
    """One step of the training: the task loss, without the penalty, and the mean gate."""

    task_loss: float
    mean_gate: float
    tau: float


@dataclass(frozen=True, slots=True)
class GateResult:
    """What was learned.

    Attributes:
        chain: the layers whose gates are above 1/2, or the one with the largest gate where none is.
        gates: at the end, one for each layer.
        history: one entry for each step.
    """

    chain: Chain
    gates: tuple[float, ...]
    history: tuple[GateStep, ...]


def train_gates(
    model: PreTrainedModel,
    batches: Iterable[LabelledBatch],
    settings: GateSettings | None = None,
) -> GateResult:
    """Learn which layers of a frozen model a task needs.

    Args:
        model: a causal language model that `skiploop.check_model` accepts; left unchanged, even after an error.
        batches: input ids [B, T] and labels [B, T], the same ids with -100 where they aren't counted; padding, if
            any, on the right with labels of -100. Kept in memory and visited in a new order each epoch.
        settings: of the training.

    Raises:
        InvalidInput: no batches, a batch without labels, or a chain active on the model.
        UnsupportedModel: not a causal language model, or no stack of layers was found.
    """
    given = list(batches)
    settings = settings or GateSettings()
    _check_batches(given)
    layers = _layers_of(model)
    generator = torch.Generator().manual_seed(settings.seed)
    with _frozen(model), torch.inference_mode(False), torch.enable_grad():
        start = _START + _JITTER * torch.randn(len(layers), generator=generator)
        scores = start.to(model.device).requires_grad_()
        optimizer = torch.optim.Adam([scores], lr=settings.lr)
        history = []
        for step, batch in enumerate(_in_turn(given, settings.steps, generator)):
            tau = settings.tau_end ** (step / max(settings.steps - 1, 1))  # Savarese et al.: exponential, from 1
            gates = torch.sigmoid(tau * scores)
            with gated(layers, gates):
                task_loss = _task_loss(model, *batch)
            optimizer.zero_grad()
            (task_loss + settings.penalty * gates.mean()).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            history.append(GateStep(float(task_loss.detach()), float(gates.detach().mean()), tau))
    final = torch.sigmoid(settings.tau_end * scores.detach()).tolist()
    return GateResult(_chain_of(final), tuple(final), tuple(history))


@contextmanager
def gated(layers: Iterable[nn.Module], gates: torch.Tensor) -> Iterator[None]:
    """While the context is open, each layer adds `gates[i]` [L] times its update of the hidden states [B, T, D].

    A gate of exactly 1 gives the layer's own output bit for bit, one of exactly 0 its input.
    """
    handles = []
    try:
        for layer, gate in zip(layers, gates, strict=True):
            handles.append(layer.register_forward_hook(_hook(gate), with_kwargs=True))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _hook(gate: torch.Tensor) -> Any:
    def scale(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        before, _ = LayerCall.record(args, kwargs)
        after = hidden_of(output)
        # lerp is before + gate * (after - before), computed from the nearer end, and so exact at both.
        mixed = torch.lerp(before.to(after.device), after, gate.to(after))
        return OutputForm.of(output).wrap(mixed, like=output)

    return scale


@contextmanager
def _frozen(model: PreTrainedModel) -> Iterator[None]:
    """No weight takes gradients and dropout is off; both are restored on leaving."""
    wanted = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    training = [(module, module.training) for module in model.modules()]
    try:
        model.requires_grad_(False)
        model.eval()
        yield
    finally:
        for parameter, flag in wanted:
            parameter.requires_grad_(flag)
        for module, mode in training:
            module.training = mode


def _task_loss(model: PreTrainedModel, input_ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of the labels that count, each predicted from the tokens before it."""
    logits = model(input_ids=input_ids.to(model.device), use_cache=False).logits[:, :-1]  # [B, T-1, V]
    targets = labels[:, 1:].to(logits.device).clone()  # a tensor made in inference mode can't take part in autograd
    return cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED)


def _in_turn(batches: list[LabelledBatch], steps: int, generator: torch.Generator) -> Iterator[LabelledBatch]:
    """All batches in a random order, then again in another."""
    order: list[int] = []
    for _ in range(steps):
        order = order or torch.randperm(len(batches), generator=generator).tolist()
        yield batches[order.pop()]


def _layers_of(model: PreTrainedModel) -> list[nn.Module]:
    layers = list(find_layers(model))
    if any(isinstance(layer, Probe) for layer in layers):
        raise InvalidInput("a chain is active on this model; leave its context first, or load the model a second time")
    if not model.can_generate():
        raise UnsupportedModel(f"{type(model).__name__} isn't a causal language model, so labels have no meaning here")
    return layers


def _chain_of(gates: list[float]) -> Chain:
    kept = [layer for layer, gate in enumerate(gates) if gate > 0.5]
    return Chain(kept or [max(range(len(gates)), key=gates.__getitem__)], len(gates))


def _check_batches(batches: list[LabelledBatch]) -> None:
    if not batches:
        raise InvalidInput("no batches were given; gates are trained on at least one pair of input ids and labels")
    for number, (input_ids, labels) in enumerate(batches):
        if input_ids.dim() != 2 or input_ids.shape != labels.shape:
            raise InvalidInput(
                f"batch {number} has input ids of shape {tuple(input_ids.shape)} and labels of shape "
                f"{tuple(labels.shape)}; both must be [sequences, tokens]"
            )
        if not bool((labels[:, 1:] != IGNORED).any()):
            raise InvalidInput(f"batch {number} has no label to learn from (the first token has none before it)")
