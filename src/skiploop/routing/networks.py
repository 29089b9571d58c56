"""The networks of PoLar and of Dr.LLM, as their papers describe them, on one state for each input.

PoLar (arXiv 2606.06574) segments the layers into runs of at most four, and says of each whether it is skipped, kept or
run twice: a learnable query for each layer attends to the encoded question (four heads), a transformer encoder of two
layers goes over the layers, and two heads give the probability that a segment starts at a layer, and what is done with
it. The loss of a chain is binary cross-entropy of the starts plus cross-entropy of the operations at the starts.

Dr.LLM (arXiv 2510.12773) has a router for each layer, a network of one hidden layer of 128, that says skip, run or run
twice; focal loss with weights of classes by their effective number.

In the papers PoLar reads a text encoder's tokens, and Dr.LLM what enters each layer. A table has one state of each
question, that of the model after half of its layers, so both read that here.

Shapes: N inputs, K chains, L layers, F features, d width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skiploop.chains.chain import Chain
from skiploop.routing.regression import Standard, standard
from skiploop.routing.table import Bools, Floats, Ints

SKIP, KEEP, TWICE = range(3)
LONGEST = 4
"""Layers of a segment, at most."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive layers, and what is done with them.

    Attributes:
        first: layer.
        length: layers.
        operation: `SKIP`, `KEEP` or `TWICE`.
    """

    first: int
    length: int
    operation: int


def segments(chain: Chain) -> tuple[Segment, ...] | None:
    """A chain as segments, as few as there can be from the front; None for one that isn't made of these operations."""
    run, layer, place = list(map(int, chain.layers)), 0, 0
    if any(type(each) is not int for each in chain.layers):  # damped
        return None
    found: list[Segment] = []
    while layer < chain.num_layers:
        twice = next((n for n in range(LONGEST, 0, -1) if _repeats(run, place, layer, n)), 0)
        if twice:
            found.append(Segment(layer, twice, TWICE))
            layer, place = layer + twice, place + 2 * twice
            continue
        operation = KEEP if place < len(run) and run[place] == layer else SKIP
        last = found[-1] if found else None
        if last is not None and last.operation == operation and last.length < LONGEST:
            found[-1] = Segment(last.first, last.length + 1, operation)
        else:
            found.append(Segment(layer, 1, operation))
        layer, place = layer + 1, place + (operation == KEEP)
    return tuple(found) if place == len(run) else None


def _repeats(run: Sequence[int], place: int, layer: int, length: int) -> bool:
    block = list(range(layer, layer + length))
    return list(run[place : place + length]) == block and list(run[place + length : place + 2 * length]) == block


@dataclass(frozen=True, slots=True)
class NetworkTraining:
    """How a network is trained, with the values of the papers where they give them.

    Attributes:
        width: d of PoLar, or of Dr.LLM's hidden layer.
        epochs: over all pairs of an input and a chain that is valid on it.
        rate: of AdamW, which falls along a cosine.
        batch: pairs.
        seed: of the initial weights, and of the order of the pairs.
    """

    width: int
    epochs: int
    rate: float
    batch: int = 128
    seed: int = 0


POLAR = NetworkTraining(width=256, epochs=10, rate=5e-4)
LAYERWISE = NetworkTraining(width=128, epochs=25, rate=1e-3)
_HEADS = 4
_IDENTITY = 0.3  # weight of the identity where a shorter chain is valid
_FOCUS, _EFFECTIVE = 2.0, 0.999


@dataclass(frozen=True, slots=True, eq=False)
class ChainNetwork:
    """A trained network as a classifier of a menu's chains.

    Attributes:
        kind: `polar` or `layerwise`.
        standard: of the features.
        weights: of the network, one after another.
        width: d.
        starts: whether a segment of each chain starts at each layer, 0 or 1, [K, L].
        operations: of each layer, [K, L]; of a chain that isn't made of these operations -1.
    """

    kind: str
    standard: Standard
    weights: Floats
    width: int
    starts: Ints
    operations: Ints

    def log_probabilities(self, features: Floats) -> Floats:
        """Of the chains of the menu among each other, [N, F] -> [N, K]; of others the smallest number there is."""
        import torch

        states = torch.from_numpy(self.standard(features)).float()
        network = _network(self.kind, states.shape[1], self.operations.shape[1], self.width)
        torch.nn.utils.vector_to_parameters(torch.from_numpy(self.weights).float(), network.parameters())
        with torch.no_grad():
            logs = _log_likelihoods(self.kind, network(states), self.starts, self.operations).double().numpy()
        top = logs.max(axis=1, keepdims=True)
        shares = logs - top - np.log(np.exp(logs - top).sum(axis=1, keepdims=True))
        return np.asarray(np.maximum(shares, -1e30))


def fit_network(
    kind: str, features: Floats, right: Bools, chains: Sequence[Chain], training: NetworkTraining
) -> ChainNetwork:
    """A network that has seen which chains are valid on inputs.

    Args:
        kind: `polar` or `layerwise`.
        features: [N, F].
        right: whether each chain is right on each input, [N, K].
        chains: the first is the identity. One that isn't made of segments that are skipped, kept or run twice is never
            chosen.
        training: how.
    """
    import torch

    scale, (starts, operations) = standard(features), targets(chains)
    states = torch.from_numpy(scale(features)).float()
    rows, columns = np.nonzero(right & (operations[:, 0] >= 0))
    depths = np.array([len(chain) for chain in chains])
    shorter = (right & (depths < depths[0])).any(axis=1)
    weight = np.where((columns == 0) & shorter[rows], _IDENTITY, 1.0)
    with torch.random.fork_rng():
        torch.manual_seed(training.seed)
        network = _network(kind, states.shape[1], operations.shape[1], training.width)
    loss = _polar_loss if kind == "polar" else _layerwise_loss(operations[columns])
    wanted = (torch.from_numpy(starts[columns]).float(), torch.from_numpy(operations[columns]))
    _train(network, states[rows], wanted, torch.from_numpy(weight).float(), loss, training)
    flat = torch.nn.utils.parameters_to_vector(network.parameters()).detach().double().numpy()
    return ChainNetwork(kind, scale, flat, training.width, starts, operations)


def targets(chains: Sequence[Chain]) -> tuple[Ints, Ints]:
    """Where segments start and what is done with each layer, [K, L] both; -1 in a chain without segments."""
    layers = chains[0].num_layers
    starts, operations = np.zeros((len(chains), layers), dtype=np.int64), np.full((len(chains), layers), -1)
    for row, chain in enumerate(chains):
        for each in segments(chain) or ():
            starts[row, each.first] = 1
            operations[row, each.first : each.first + each.length] = each.operation
    return starts, operations


def _network(kind: str, features: int, layers: int, width: int) -> Any:
    from torch import nn

    if kind == "layerwise":
        return _layerwise(features, layers, width)
    import torch

    class Polar(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encode = nn.Linear(features, width)
            self.layers = nn.Parameter(0.02 * torch.randn(layers, width))
            self.attend = nn.MultiheadAttention(width, _HEADS, batch_first=True)
            block = nn.TransformerEncoderLayer(width, _HEADS, 4 * width, dropout=0.0, batch_first=True)
            self.over_layers = nn.TransformerEncoder(block, 2, enable_nested_tensor=False)
            self.start, self.operation = nn.Linear(width, 1), nn.Linear(width, 3)

        def forward(self, states: torch.Tensor) -> torch.Tensor:
            """Scores of a start and of the three operations, [N, F] -> [N, L, 4]."""
            question = self.encode(states)[:, None]
            queries = self.layers.expand(len(states), -1, -1)
            seen = self.over_layers(queries + self.attend(queries, question, question, need_weights=False)[0])
            return torch.cat([self.start(seen), self.operation(seen)], dim=-1)

    return Polar()


def _layerwise(features: int, layers: int, width: int) -> Any:
    import torch
    from torch import nn

    class Layerwise(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            routers = (nn.Sequential(nn.Linear(features, width), nn.GELU(), nn.Linear(width, 3)) for _ in range(layers))
            self.routers = nn.ModuleList(routers)

        def forward(self, states: torch.Tensor) -> torch.Tensor:
            """Scores of the three operations, [N, F] -> [N, L, 3]."""
            return torch.stack([router(states) for router in self.routers], dim=1)

    return Layerwise()


def _train(
    network: Any, states: Any, wanted: tuple[Any, Any], weight: Any, loss: Callable[..., Any], how: NetworkTraining
) -> None:
    import torch

    batches = max(1, -(-len(states) // how.batch))
    optimizer = torch.optim.AdamW(network.parameters(), lr=how.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, how.epochs * batches)
    generator = torch.Generator().manual_seed(how.seed)
    for _ in range(how.epochs if len(states) else 0):
        order = torch.randperm(len(states), generator=generator)
        for chosen in torch.split(order, how.batch):
            each = loss(network(states[chosen]), *(target[chosen] for target in wanted))
            optimizer.zero_grad()
            (weight[chosen] * each).mean().backward()
            optimizer.step()
            schedule.step()


def _polar_loss(scores: Any, starts: Any, operations: Any) -> Any:
    """Of pairs, [M]: binary cross-entropy of the starts, and cross-entropy of the operations where one starts."""
    from torch.nn import functional

    begins = functional.binary_cross_entropy_with_logits(scores[..., 0], starts, reduction="none").mean(1)
    does = functional.cross_entropy(scores[..., 1:].flatten(0, 1), operations.flatten(), reduction="none")
    return begins + (does.view_as(starts) * starts).sum(1) / starts.sum(1)


def _layerwise_loss(operations: Ints) -> Callable[..., Any]:
    """Focal loss (gamma 2) with each class weighed by its effective number, (1 - b) / (1 - b^n) with b = .999."""
    import torch

    counts = np.array([max(1, int((operations == each).sum())) for each in (SKIP, KEEP, TWICE)])
    weights = (1 - _EFFECTIVE) / (1 - _EFFECTIVE**counts)
    by_class = torch.from_numpy(weights / weights.sum() * 3).float()

    def loss(scores: Any, starts: Any, operations: Any) -> Any:
        logs = scores.log_softmax(-1).gather(2, operations[..., None])[..., 0]
        return (-by_class[operations] * (1 - logs.exp()) ** _FOCUS * logs).mean(1)

    return loss


def _log_likelihoods(kind: str, scores: Any, starts: Ints, operations: Ints) -> Any:
    """Of each chain of the menu, [N, L, ...] -> [N, K]."""
    import torch
    from torch.nn import functional

    begun, done = torch.from_numpy(starts).float(), torch.from_numpy(np.maximum(operations, 0))
    logs = scores[..., -3:].log_softmax(-1)[:, None].expand(-1, len(done), -1, -1)
    does = logs.gather(3, done[None, ..., None].expand(len(scores), -1, -1, 1))[..., 0]
    if kind == "polar":
        first = scores[:, None, :, 0]
        does = does * begun - functional.binary_cross_entropy_with_logits(
            first.expand_as(does), begun.expand_as(does), reduction="none"
        )
    return does.sum(-1).masked_fill(torch.from_numpy(operations[:, 0] < 0), -1e30)
