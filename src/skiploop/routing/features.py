"""What a chooser knows of an input: of its options, and of the input as a whole.

Shapes: N inputs, O options, F features, D width, P principal components.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skiploop.routing.runs import PassOutputs, Runs
from skiploop.routing.table import Floats

COMPONENTS = 16
"""Directions of the hidden state that are kept: most of its variance over a few hundred inputs."""


def log_shares(scores: Floats) -> Floats:
    """Log of the soft-max over options, [..., O]; NaN beyond them."""
    top = np.nanmax(np.where(np.isnan(scores), -np.inf, scores), axis=-1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    total = np.log(np.maximum(np.nansum(np.exp(scores - top), axis=-1, keepdims=True), 1e-300))
    return np.asarray(scores - top - total)


def identity_option_features(runs: Runs) -> Floats:
    """All that the identity says of each option, [N, O, 7].

    Log-likelihood: sum, by token, by byte, over the prior (PMI); the prior; tokens; bytes. Runs the identity and
    the priors.
    """
    options = runs.options
    scores = runs.run(0).scores
    if options is None or scores is None:
        raise ValueError("generated answers have no scores of options")
    prior = runs.prior()
    parts = (
        scores,
        scores / options.tokens,
        scores / options.bytes,
        scores - prior,
        prior,
        options.tokens,
        options.bytes,
    )
    return np.stack(parts, axis=-1)


def certainty(outputs: PassOutputs) -> Floats:
    """How sure a pass is of its answers: mean log-probability, and of options share, margin, entropy, [N, F]."""
    columns = [np.nan_to_num(outputs.logprobs, nan=-20.0)]
    if outputs.scores is not None:
        logs = np.nan_to_num(log_shares(outputs.scores), nan=-50.0)
        ordered = np.sort(logs, axis=1)
        columns += [ordered[:, -1], ordered[:, -1] - ordered[:, -2], -(np.exp(logs) * logs).sum(axis=1)]
    return np.stack(columns, axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """Principal components of the hidden states of the training inputs.

    Attributes:
        mean: of the states, [D].
        axes: orthonormal, [D, P].
    """

    mean: Floats
    axes: Floats

    def __call__(self, states: Floats) -> Floats:
        """[N, D] -> [N, P]."""
        return np.asarray((states - self.mean) @ self.axes)


def directions(states: Floats, components: int = COMPONENTS) -> Directions:
    """Those of some states, [N, D]."""
    mean = states.mean(axis=0)
    axes = np.linalg.svd(states - mean, full_matrices=False)[2][: min(components, *states.shape)]
    return Directions(mean, axes.T)


def input_features(runs: Runs, axes: Directions) -> Floats:
    """Of an input before anything but half of the identity was run: its state, and its length, [N, P + 1]."""
    return np.concatenate([axes(runs.state()), np.log1p(runs.prompt_tokens)[:, None]], axis=1)
