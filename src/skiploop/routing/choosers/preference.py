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

from skiploop.routing.choosers.menu import Selector, best_selector
from skiploop.routing.features import directions, input_features
from skiploop.routing.regression import fit_preferences
from skiploop.routing.runs import TableRuns
from skiploop.routing.table import Labelled

BETA = 0.1
"""b of the paper."""
NOISES = (0.0, 0.1)
PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2)
"""Of the squared scores' weights; small, as b is in front of the scores."""


def preference(train: Labelled, validation: Labelled) -> Selector:
    """Noise, penalty and margin are those with the best cautious gain on the validation inputs, see `gain`."""
    axes = directions(train.table.states)
    columns, right = input_features(TableRuns(train.table), axes), train.pass_right
    every = tuple(range(len(train.table.passes)))
    models = (
        (every, fit_preferences(columns, right, penalty, beta=BETA, noise=noise))
        for noise in NOISES
        for penalty in PENALTIES
    )
    return best_selector(models, axes, validation)
