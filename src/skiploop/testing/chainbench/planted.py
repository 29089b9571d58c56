"""Tables without a model, whose optimum is planted."""

from __future__ import annotations

import numpy as np

from skiploop.chains.chain import Chain
from skiploop.testing.chainbench.table import COUNTS, AnswerTable, Floats, all_chains
from skiploop.validate import whole_number


def additive(num_layers: int, seed: int = 0, *, inputs: int = 40, noise: float = 0.0) -> AnswerTable:
    """Each layer adds an effect of its own for each number of runs; the best chain takes the best number of each.

    p(true) = sigmoid(sum of the effects of all layers), where the effects of an input are half shared by all
    inputs and half its own. There are two answers, the right one being 1.

    Args:
        num_layers: L; the table has 3^L - 1 chains.
        seed: of the effects.
        inputs: I.
        noise: standard deviation of what is added to each cell, before the sigmoid.
    """
    whole_number("inputs", inputs, 1)
    rng = np.random.default_rng(seed)
    chains = all_chains(num_layers)
    shared = rng.normal(size=(1, num_layers, len(COUNTS)))
    effects = (shared + rng.normal(size=(inputs, num_layers, len(COUNTS)))) / np.sqrt(2)
    runs = np.array([_runs(chain) for chain in chains])  # [C, L]
    sums = effects[:, np.arange(num_layers), runs].sum(axis=2)  # [I, C]
    sums = sums + noise * rng.normal(size=sums.shape)
    return _two_answers(chains, 1 / (1 + np.exp(-sums)), effects.reshape(inputs, -1))


def clustered(
    num_layers: int, clusters: int = 6, seed: int = 0, *, inputs: int = 200, own: float = 0.3, scatter: float = 0.3
) -> AnswerTable:
    """Inputs of several kinds, each kind with best chains of its own, and features that tell the kinds apart.

    p(true) = sigmoid(2 * sum of the effects of all layers): those of the kind, and a share of the input's own.

    Args:
        num_layers: L.
        clusters: number of kinds; `levels` says which an input is of.
        seed: of kinds and effects.
        inputs: I.
        own: standard deviation of an input's own effects, where those of its kind have 1.
        scatter: of the features around the centre of their kind, which is a random unit vector of length 16.
    """
    whole_number("clusters", clusters, 1)
    rng = np.random.default_rng(seed)
    chains = all_chains(num_layers)
    kinds = rng.integers(0, clusters, whole_number("inputs", inputs, 1))
    shared = rng.normal(size=(clusters, num_layers, len(COUNTS)))
    effects = shared[kinds] + own * rng.normal(size=(inputs, num_layers, len(COUNTS)))
    runs = np.array([_runs(chain) for chain in chains])
    sums = effects[:, np.arange(num_layers), runs].sum(axis=2) / np.sqrt(num_layers)  # [I, C]
    centres = rng.normal(size=(clusters, 16))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    features = centres[kinds] + scatter / 4 * rng.normal(size=(inputs, 16))
    table = _two_answers(chains, 1 / (1 + np.exp(-2 * sums)), features)
    return AnswerTable(table.chains, table.answers, table.gold, kinds, features)


def harmful_layer(
    num_layers: int, layer: int, *, inputs: int = 40, share: float = 1.0, seed: int = 0, keeps: float = 0.3
) -> AnswerTable:
    """One layer spoils inputs; the chains without it are right, unless they leave out too much.

    Args:
        num_layers: L.
        layer: the harmful one.
        inputs: I.
        share: of the inputs that it spoils; the others are right with it and without it.
        seed: which inputs those are, and which other layers each input needs.
        keeps: probability that an input needs a layer, each of the others.
    """
    chains = all_chains(num_layers)
    rng = np.random.default_rng(seed)
    spoiled = rng.random(inputs) < share
    needed = rng.random((inputs, num_layers)) < keeps
    needed[:, layer] = False
    runs = np.array([_runs(chain) for chain in chains])
    missing = (needed[:, None, :] & (runs == 0)[None]).any(axis=2)  # [I, C]
    wrong = missing | (spoiled[:, None] & (runs[:, layer] > 0)[None])
    return _two_answers(chains, np.where(wrong, 0.1, 0.9), needed.astype(np.float64))


def null(num_layers: int, seed: int = 0, *, inputs: int = 40, answers: int = 4) -> AnswerTable:
    """Answers that have nothing to do with the question: a search finds the right one by chance alone."""
    chains = all_chains(num_layers)
    rng = np.random.default_rng(seed)
    scores = rng.gumbel(size=(inputs, len(chains), answers))
    odds = np.exp(scores - scores.max(axis=2, keepdims=True))
    gold = rng.integers(0, answers, inputs)
    zeros = np.zeros((inputs, 1))
    return AnswerTable(chains, odds / odds.sum(axis=2, keepdims=True), gold, np.ones(inputs, dtype=np.int64), zeros)


def _runs(chain: Chain) -> list[int]:
    return [chain.layers.count(layer) for layer in range(chain.num_layers)]


def _two_answers(chains: tuple[Chain, ...], p_true: Floats, features: Floats) -> AnswerTable:
    ones = np.ones(len(p_true), dtype=np.int64)
    return AnswerTable(chains, np.stack([1 - p_true, p_true], axis=2), ones, ones, features)
