"""`mix`: a learned log-linear mix of what several passes say of each option.

score(option) = sum over passes k of w_k log p_k(option) + w' x features of the identity. Negative weights are contrast:
DoLa, contrastive decoding and PMI are special cases. The opponent is the same regression on the identity's features
alone, since most of what a mix gains on a weak prompt is calibration.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skiploop.routing.chooser import MIXED, RuleAnswers, need_scores
from skiploop.routing.choosers.identity import log_loss
from skiploop.routing.features import identity_option_features
from skiploop.routing.regression import OptionModel, fit_options
from skiploop.routing.runs import Runs, TableRuns
from skiploop.routing.table import Floats, Labelled

PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)
MOST = 4
"""Passes beside the identity."""
LEAST_GAIN = 0.005
"""Nats of log loss on validation, for each identity's worth of layer calls, below which a pass isn't worth running."""


@dataclass(frozen=True, slots=True, eq=False)
class Mix:
    """The option with the highest mixed score.

    Attributes:
        model: of the identity's features, then of the log-likelihood by each pass of the menu.
        menu: these passes, by number.
    """

    model: OptionModel
    menu: tuple[int, ...]

    def choose(self, runs: Runs) -> RuleAnswers:
        """Runs the identity, the priors, and every pass of the menu."""
        best = self.model.scores(mix_features(runs, self.menu)).argmax(axis=1)
        return RuleAnswers(best, np.full(len(runs), MIXED, dtype=np.int64))


def mix_features(runs: Runs, menu: tuple[int, ...]) -> Floats:
    """Features of each option, [N, O, 7 + len(menu)]; a pass that broke the model says what the identity says."""
    own = identity_option_features(runs)
    columns = [own]
    for index in menu:
        scores = runs.run(index).scores
        assert scores is not None
        columns.append(np.where(np.isnan(scores), own[..., 0], scores)[..., None])
    return np.concatenate(columns, axis=2)


def mix(train: Labelled, validation: Labelled) -> Mix:
    """Passes are added one after another, the one with the highest gain of log loss on validation per layer call."""
    need_scores(train, "mix")
    depths = [each.depth / train.table.num_layers for each in train.table.passes]
    best, loss = _fitted((), train, validation)
    while len(best.menu) < MOST:
        left = [index for index in range(1, len(depths)) if index not in best.menu]
        tried = [(*_fitted((*best.menu, index), train, validation), depths[index]) for index in left]
        if not tried:
            break
        rule, reached, cost = max(tried, key=lambda each: (loss - each[1]) / each[2])
        if (loss - reached) / cost < LEAST_GAIN:
            break
        best, loss = rule, reached
    return best


def _fitted(menu: tuple[int, ...], train: Labelled, validation: Labelled) -> tuple[Mix, float]:
    columns, unseen = (mix_features(TableRuns(part.table), menu) for part in (train, validation))
    models = [fit_options(columns, train.right, penalty) for penalty in PENALTIES]
    losses = [log_loss(model, unseen, validation) for model in models]
    best = int(np.argmin(losses))
    return Mix(models[best], menu), losses[best]
