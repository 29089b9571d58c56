"""`preference`: of two passes on the same input, which one is to be preferred; learned from right and wrong siblings.

Conservative direct preference optimisation, as MCTS-DPO (arXiv 2405.00451) has it for siblings of a search tree: with
z = b ((s_w - s_l) - (s_w - s_l of the reference)) for a right pass w and a wrong one l of the same input,

    loss = -(1 - noise) log sigmoid(z) - noise log sigmoid(-z)

Here the policy is a soft-max of scores that are linear in the input's features, the reference is uniform, so that its
scores cancel, and the siblings are the passes of a table: all that are right on an input against all that are wrong.
In the paper `noise` comes from visit counts; where every pass was run on every input there are none, and it is chosen
on the validation inputs, with the penalty and the margin.

Shapes: N inputs, K passes, F features.
"""

from __future__ import annotations

import numpy as np

from skiploop.routing.choosers.gain import cautious_gain
from skiploop.routing.choosers.menu import MARGINS, Selector, picked
from skiploop.routing.features import directions, input_features
from skiploop.routing.regression import ClassModel, standard
from skiploop.routing.runs import TableRuns
from skiploop.routing.table import Bools, Floats, Labelled

BETA = 0.1
"""b of the paper."""
NOISES = (0.0, 0.1)
PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2)
"""Of the squared scores' weights; small, as b is in front of the scores."""
_STEPS = 200


def fit_preferences(features: Floats, right: Bools, noise: float, penalty: float) -> ClassModel:
    """Scores whose differences, times b, are the log-odds that one pass is to be preferred.

    Args:
        features: [N, F].
        right: whether each pass is right, [N, K]; an input on which all are, or none, says nothing.
        noise: share of the preferences that are taken to be wrong.
        penalty: of the squared weights of standardised features, the constants' left out.

    Returns:
        The model with b in its weights: its log-odds are those of the preferences.
    """
    from scipy.optimize import minimize

    decisive = right.any(axis=1) & ~right.all(axis=1)
    scale = standard(features)
    columns, won = scale(features)[decisive], right[decisive]
    pairs = won[:, :, None] & ~won[:, None, :]  # [N, winner, loser]
    weigh = pairs / np.maximum(pairs.sum(axis=(1, 2), keepdims=True), 1)  # each input counts once
    shape = columns.shape[1], right.shape[1]
    free = np.ones(shape)
    free[-1] = 0

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(shape)
        scores = columns @ weights
        z = BETA * (scores[:, :, None] - scores[:, None, :])
        value = weigh * ((1 - noise) * np.logaddexp(0, -z) + noise * np.logaddexp(0, z))
        slope = weigh * (1 / (1 + np.exp(-z)) - (1 - noise)) * BETA  # of z
        by_score = slope.sum(axis=2) - slope.sum(axis=1)
        count = max(1, len(columns))
        total = value.sum() / count + penalty / 2 * (free * weights**2).sum()
        return float(total), (columns.T @ by_score / count + penalty * free * weights).ravel()

    found = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    return ClassModel(scale, BETA * found.x.reshape(shape))


def preference(train: Labelled, validation: Labelled) -> Selector:
    """Noise, penalty and margin are those with the best cautious gain on the validation inputs, see `gain`."""
    axes = directions(train.table.states)
    columns, unseen = (input_features(TableRuns(part.table), axes) for part in (train, validation))
    held = validation.pass_right.astype(float)
    every = tuple(range(len(train.table.passes)))
    best: tuple[float, Selector] | None = None
    for noise in NOISES:
        for penalty in PENALTIES:
            model = fit_preferences(columns, train.pass_right, noise, penalty)
            logs = model.log_probabilities(unseen)
            for margin in reversed(MARGINS):
                chosen = picked(logs, every, margin)
                worth = cautious_gain(held[np.arange(len(held)), chosen] - held[:, 0])
                if best is None or worth > best[0]:
                    best = worth, Selector(axes, model, every, margin)
    assert best is not None
    return best[1]
