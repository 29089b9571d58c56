"""`gain`: what each chain gains over the identity on this input, with its uncertainty, from right and wrong runs.

Imitating valid chains collapses to the identity, which is valid most often (Re-PoLar, arXiv 2609.31360). The gain of a
chain, right(chain) - right(identity), says what leaving the identity is worth: the identity is left where the predicted
gain is above z posterior standard deviations. Effects of treatments given the input (TransTEE, arXiv 2202.01336), with
a linear model; here every chain was run on every training input, so nothing has to be weighted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from skiploop.routing.chooser import Rule, RuleAnswers, answers_of
from skiploop.routing.features import Directions, directions, input_features
from skiploop.routing.regression import GainModel, fit_gain
from skiploop.routing.runs import Runs, TableRuns
from skiploop.routing.table import Floats, Ints, Labelled

R = TypeVar("R", bound=Rule)
PENALTIES = (0.01, 0.1, 1.0)
CAUTION = (0.0, 0.5, 1.0, 2.0, np.inf)
"""Posterior standard deviations that a gain has to exceed; infinity never leaves the identity."""


@dataclass(frozen=True, slots=True, eq=False)
class Gain:
    """Leaves the identity where the least likely gain of a chain is above 0.

    Attributes:
        axes: of the hidden states.
        model: predicts the gain of every pass but the identity; None in a rule that never leaves it.
        caution: see `CAUTION`.
    """

    axes: Directions
    model: GainModel
    caution: float

    def choose(self, runs: Runs) -> RuleAnswers:
        """Half of the identity for the features (unless it is never left), then one pass."""
        if not np.isfinite(self.caution):
            return answers_of(runs, np.zeros(len(runs), dtype=np.int64))
        return answers_of(runs, chosen_passes(*self.model.predict(input_features(runs, self.axes)), self.caution))


def chosen_passes(means: Floats, spreads: Floats, caution: float) -> Ints:
    """The pass with the highest mean - caution x spread, the identity (0) where none is above 0; [N, K] -> [N]."""
    least = means - caution * spreads
    best = least.argmax(axis=1)
    return np.asarray(np.where(least.max(axis=1) > 0, best + 1, 0))


def gain(train: Labelled, validation: Labelled) -> Gain:
    """Penalty and caution are those with the best `cautious_gain` on the validation inputs."""
    axes = directions(train.table.states)
    columns, unseen = (input_features(TableRuns(part.table), axes) for part in (train, validation))
    targets = _gains(train)
    right = validation.pass_right.astype(float)
    best: tuple[float, Gain] | None = None
    for penalty in PENALTIES:
        model = fit_gain(columns, targets, penalty)
        for caution in reversed(CAUTION):
            chosen = chosen_passes(*model.predict(unseen), caution) if np.isfinite(caution) else 0
            worth = cautious_gain(right[np.arange(len(right)), chosen] - right[:, 0])
            if best is None or worth > best[0]:
                best = worth, Gain(axes, model, caution)
    assert best is not None
    return best[1]


def cautious_gain(differences: Floats) -> float:
    """The mean of paired differences less its standard error: a gain that is within its noise isn't one."""
    return float(differences.mean() - differences.std() / np.sqrt(len(differences)))


def most_gaining(rules: Iterable[R], validation: Labelled) -> R:
    """The rule with the best `cautious_gain` over the identity on the validation inputs, the first of equal ones."""
    own = validation.pass_right[:, 0].astype(float)

    def worth(rule: R) -> float:
        answers = rule.choose(TableRuns(validation.table)).answers
        return cautious_gain(validation.judge(answers).astype(float) - own)

    return max(rules, key=worth)


def _gains(data: Labelled) -> Floats:
    right = data.pass_right.astype(float)
    return np.asarray(right[:, 1:] - right[:, :1])
