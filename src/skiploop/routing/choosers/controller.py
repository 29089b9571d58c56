"""`controller`: a recurrent network writes chains layer by layer; the pass of the menu that it finds likeliest is run.

It is taught the passes that are right on each training input, in equal shares, and by its auxiliary loss that after a
layer comes the next one, see `skiploop.routing.controller`. It sees the same state at each step: a pass that has begun
can't be taken back, so the chain is chosen before it is run. Chains that differ in damping alone are one to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skiploop.routing.choosers.menu import Selector, best_selector
from skiploop.routing.controller import NOTHING, Controller, ControllerTraining, Lesson, fit_controller
from skiploop.routing.features import directions, input_features
from skiploop.routing.passes import ModelPass
from skiploop.routing.regression import Standard, standard
from skiploop.routing.runs import TableRuns
from skiploop.routing.table import Bools, Floats, Ints, Labelled

AUXILIARY = (0.0, 0.3)
_STEPS, _WIDTH, _RATE = 80, 16, 0.03


@dataclass(frozen=True, slots=True, eq=False)
class ControllerModel:
    """A controller as a classifier of passes.

    Attributes:
        standard: of the features.
        controller: chooses layers.
        actions: of each pass: its layers, then that it stops, `NOTHING` beyond that, [K, T].
    """

    standard: Standard
    controller: Controller
    actions: Ints

    def log_probabilities(self, features: Floats) -> Floats:
        """Of the passes among those of the menu, [N, F] -> [N, K]."""
        states = self.standard(features)
        logs = np.stack([self.controller.log_likelihood(states, row[row != NOTHING]) for row in self.actions], axis=1)
        top = logs.max(axis=1, keepdims=True)
        return np.asarray(logs - top - np.log(np.exp(logs - top).sum(axis=1, keepdims=True)))


def controller(train: Labelled, validation: Labelled) -> Selector:
    """Auxiliary weight and margin are those with the best cautious gain on the validation inputs, see `gain`."""
    axes = directions(train.table.states)
    columns, right = input_features(TableRuns(train.table), axes), train.pass_right
    scale, actions = standard(columns), written(train.table.passes, train.table.num_layers)
    every = tuple(range(len(train.table.passes)))
    taught = lessons(scale(columns), right, actions, train.table.num_layers)
    if not taught:  # nothing is right on any input
        taught = lessons(scale(columns), np.ones_like(right), actions[:1], train.table.num_layers)
    models = (
        (every, ControllerModel(scale, _fitted(taught, train.table.num_layers, weight), actions))
        for weight in AUXILIARY
    )
    return best_selector(models, axes, validation)


def _fitted(taught: Sequence[Lesson], num_layers: int, weight: float) -> Controller:
    training = ControllerTraining(width=_WIDTH, steps=_STEPS, rate=_RATE, auxiliary=weight)
    return fit_controller(taught, num_layers + 1, training)


def written(passes: Sequence[ModelPass], num_layers: int) -> Ints:
    """Passes as actions, [K, T]; the action after the layers' is to stop."""
    rows = [[*map(int, each.chain.layers), num_layers] for each in passes]
    longest = max(map(len, rows))
    return np.array([row + [NOTHING] * (longest - len(row)) for row in rows], dtype=np.int64)


def lessons(states: Floats, right: Bools, actions: Ints, num_layers: int) -> list[Lesson]:
    """One for each right pass of an input [N, K] whose states are [N, F]; those of one input count as one together."""
    found = []
    for row, state in enumerate(states):
        known = [actions[index][actions[index] != NOTHING] for index in np.flatnonzero(right[row, : len(actions)])]
        for each in known:
            after = np.concatenate([[0], np.minimum(each[:-1] + 1, num_layers)])
            found.append(Lesson(np.repeat(state[None], len(each), axis=0), each, after, 1 / len(known)))
    return found
