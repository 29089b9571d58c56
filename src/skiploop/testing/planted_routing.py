"""Planted tables on which it is known what a chooser can find: a positive and a negative control.

A layer harms half of the inputs and helps the other half, so the identity and the chain without that layer are right
on complementary halves: together always, each half of the time. In the positive control an input's hidden state says
which half it is in, and a pass is more sure of its answer where it is right. In the negative one the effects are
permuted between inputs: states and certainty have nothing to do with them, nothing can be learned, and whoever is more
than noise away from the identity has looked at the answers. Three further chains are right by chance.
"""

from __future__ import annotations

import numpy as np

from skiploop.chains.chain import Chain
from skiploop.routing.load import picked
from skiploop.routing.passes import passes_for
from skiploop.routing.table import Floats, Ints, Labelled, Options, Table

LAYERS, OPTIONS, WIDTH = 8, 4, 12
HARMFUL = 5
"""The planted layer."""
SURE, UNSURE = 4.0, 1.0  # nats between the picked option and the others


def planted(inputs: int = 5000, *, predictable: bool = True, seed: int = 0) -> Labelled:
    """A planted table.

    Args:
        inputs: number of inputs.
        predictable: the positive control; False: the negative one.
        seed: of everything drawn; other seeds have other inputs.
    """
    draw = np.random.default_rng(seed)
    without = Chain(tuple(layer for layer in range(LAYERS) if layer != HARMFUL), LAYERS)
    others = [Chain(tuple(layer for layer in range(LAYERS) if layer != gone), LAYERS) for gone in (0, 1, 2)]
    passes = passes_for([without, *others], LAYERS)[:5]
    gold = draw.integers(0, OPTIONS, inputs)
    half = draw.random(inputs) < 0.5
    right = np.stack([~half, half, *(draw.random((3, inputs)) < 1 / OPTIONS)], axis=1)
    seen = half if predictable else draw.permutation(half)
    states = draw.normal(size=(inputs, WIDTH))
    states[:, 3] += np.where(seen, 4.0, -4.0)
    sure = right if predictable else np.stack([draw.permutation(column) for column in right.T], axis=1)
    scores = _scores(gold, right, np.where(sure, SURE, UNSURE), draw)
    tokens = draw.integers(1, 6, (inputs, OPTIONS)).astype(float)
    options = Options(tokens, tokens * 5, tokens * 5, -2.0 * tokens, np.full(inputs, 1.0))
    answers, logprobs = picked(scores, np.ones_like(tokens))
    labels = np.zeros((inputs, OPTIONS), dtype=bool)
    labels[np.arange(inputs), gold] = True
    ids, lengths = tuple(f"planted-{seed}-{i}" for i in range(inputs)), draw.integers(10, 40, inputs).astype(float)
    return Labelled(Table(ids, passes, answers, logprobs, scores, options, states, lengths, LAYERS), labels)


def _scores(gold: Ints, right: Floats, lead: Floats, draw: np.random.Generator) -> Floats:
    """Scores of options, [N, K, O]: the picked option leads, by so much; the rest is noise."""
    inputs, passes = right.shape
    wrong = (gold[:, None] + draw.integers(1, OPTIONS, (inputs, passes))) % OPTIONS
    best = np.where(right, gold[:, None], wrong)
    scores = -6.0 + 0.1 * draw.normal(size=(inputs, passes, OPTIONS))
    np.put_along_axis(scores, best[..., None], -6.0 + lead[..., None], axis=2)
    return np.asarray(scores)
