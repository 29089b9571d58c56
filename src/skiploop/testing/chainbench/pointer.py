"""The model behind ChainBench: six layers, trained to chase pointers. Imports torch.

A question is a permutation of 0..5, a start, and a number of hops k in 1..4; the answer is where k hops lead. More hops
need more layers, so k is the difficulty. All 17,280 questions exist once; those of the table are kept out of training.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import permutations

import torch
from torch import Tensor, nn
from torch.nn import functional

LAYERS, WIDTH, HEADS, ELEMENTS, HOPS = 6, 48, 4, 6, 4
LENGTH = ELEMENTS + 2  # the permutation, the start, the number of hops


@dataclass(frozen=True)
class Recipe:
    """How the model is trained, and on how many inputs it is evaluated.

    Attributes:
        layer_drop: probability that a layer is left out of a training step.
        steps: training steps of 256 questions.
        inputs: questions of the table, equally many for each number of hops.
        seed: of weights, batches and the split.
    """

    layer_drop: float
    steps: int
    inputs: int = 400
    seed: int = 0


class Layer(nn.Module):
    """A pre-norm transformer block; all positions see each other."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.qkv, self.out = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.mlp = nn.Sequential(
            nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH)
        )

    def forward(self, hidden: Tensor) -> Tensor:  # [B, S, D]
        """Attention, then the perceptron, each added to what comes in."""
        batch, length, _ = hidden.shape
        heads = self.qkv(self.norm(hidden)).view(batch, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(heads[0], heads[1], heads[2])
        hidden = hidden + self.out(mixed.transpose(1, 2).reshape(batch, length, WIDTH))
        added: Tensor = self.mlp(hidden)
        return hidden + added


class PointerModel(nn.Module):
    """Embeds a question, runs a chain of layers, and reads the answer at the last position."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(ELEMENTS + HOPS, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.layers = nn.ModuleList([Layer() for _ in range(LAYERS)])
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, ELEMENTS)

    def embed(self, questions: Tensor) -> Tensor:
        """[B, S] -> [B, S, D]."""
        embedded: Tensor = self.tokens(questions) + self.positions.weight
        return embedded

    def answer(self, hidden: Tensor) -> Tensor:
        """Logits of the answers, [B, S, D] -> [B, ELEMENTS]."""
        logits: Tensor = self.head(self.norm(hidden[:, -1]))
        return logits

    def forward(self, questions: Tensor, chain: Iterable[int] = range(LAYERS)) -> Tensor:
        """Logits of the answers under a chain."""
        hidden = self.embed(questions)
        for index in chain:
            hidden = self.layers[index](hidden)
        return self.answer(hidden)


def all_questions() -> tuple[Tensor, Tensor, Tensor]:
    """Every question [Q, S], its answer [Q], its number of hops [Q]."""
    orders = torch.tensor(list(permutations(range(ELEMENTS))))
    starts = torch.arange(ELEMENTS).repeat_interleave(HOPS).repeat(len(orders))[:, None]
    hops = torch.arange(HOPS).repeat(ELEMENTS * len(orders))
    questions = torch.cat([orders.repeat_interleave(ELEMENTS * HOPS, 0), starts, hops[:, None] + ELEMENTS], 1)
    answers = questions[:, ELEMENTS]
    for hop in range(HOPS):
        onwards = questions.gather(1, answers[:, None])[:, 0]
        answers = torch.where(hops >= hop, onwards, answers)
    return questions, answers, hops + 1


def held_out(hops: Tensor, recipe: Recipe) -> tuple[Tensor, Tensor]:
    """Indices of the table's questions, as many of each number of hops, and of all others."""
    order = torch.randperm(len(hops), generator=torch.Generator().manual_seed(recipe.seed))
    each = recipe.inputs // HOPS
    test = torch.cat([order[hops[order] == count][:each] for count in range(1, HOPS + 1)])
    rest = torch.ones(len(hops), dtype=torch.bool)
    rest[test] = False
    return test, rest.nonzero()[:, 0]


def train(recipe: Recipe) -> PointerModel:
    """The trained model; the global generator of torch is left as it was."""
    questions, answers, hops = all_questions()
    _, pool = held_out(hops, recipe)
    generator = torch.Generator().manual_seed(recipe.seed + 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = PointerModel()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=max(recipe.steps, 2), pct_start=0.1)
    for _ in range(recipe.steps):
        batch = pool[torch.randint(len(pool), (256,), generator=generator)]
        kept = (torch.rand(LAYERS, generator=generator) >= recipe.layer_drop).nonzero()[:, 0].tolist()
        loss = functional.cross_entropy(model(questions[batch], kept), answers[batch])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return model.eval()


@torch.inference_mode()
def evaluate(model: PointerModel, questions: Tensor) -> Tensor:
    """Probabilities of the answers under all chains, [I, 3^L - 1, ELEMENTS], in the order of `all_chains`.

    Chains that begin alike share what they have in common: each layer is run on all states so far, twice.
    """
    states = model.embed(questions)[None]  # [prefixes, I, S, D]
    for layer in model.layers:
        once = layer(states.flatten(0, 1)).view_as(states)
        twice = layer(once.flatten(0, 1)).view_as(states)
        states = torch.stack([states, once, twice], 1).flatten(0, 1)
    logits = model.answer(states.flatten(0, 1)).view(len(states), len(questions), ELEMENTS)
    return logits.softmax(-1)[1:].transpose(0, 1)  # the first is the empty chain


@torch.inference_mode()
def input_features(model: PointerModel, questions: Tensor) -> Tensor:
    """The mean hidden state after the first layer, [I, D]."""
    features: Tensor = model.layers[0](model.embed(questions)).mean(1)
    return features
