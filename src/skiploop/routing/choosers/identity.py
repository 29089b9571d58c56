"""The opponents that run nothing but the identity, and the best static chain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skiploop.routing.chooser import MIXED, RuleAnswers, answers_of, need_scores
from skiploop.routing.features import identity_option_features
from skiploop.routing.regression import OptionModel, fit_options
from skiploop.routing.runs import Runs, TableRuns
from skiploop.routing.table import Floats, Labelled

METRICS = ("acc", "acc_norm", "acc_per_token", "acc_mutual_info")
"""As in `skiploop.tasks.metrics`."""
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class OneMetric:
    """The answer of one pass, by one metric of options.

    Attributes:
        index: of the pass.
        metric: one of `METRICS`; empty: the pass's own answer.
    """

    index: int
    metric: str = ""

    def choose(self, runs: Runs) -> RuleAnswers:
        """The same pass for every input."""
        chosen = np.full(len(runs), self.index, dtype=np.int64)
        if self.metric in ("", "acc"):
            return answers_of(runs, chosen)
        scores, options = runs.run(self.index).scores, runs.options
        if scores is None or options is None:
            raise ValueError("generated answers have no metrics of options")
        if self.metric == "acc_mutual_info":
            scores = scores - runs.prior()
        else:
            scores = scores / {"acc_norm": options.characters, "acc_per_token": options.tokens}[self.metric]
        best = np.where(np.isnan(scores), -np.inf, scores).argmax(axis=1)
        return RuleAnswers(best, chosen)


def identity(train: Labelled, validation: Labelled) -> OneMetric:
    """The model as it is."""
    return OneMetric(0)


def strongest_identity(train: Labelled, validation: Labelled) -> OneMetric:
    """The identity by the metric that is best on the validation inputs; the first of equal ones."""
    if train.table.options is None:
        return OneMetric(0)
    return max((OneMetric(0, metric) for metric in METRICS), key=lambda rule: accuracy(rule, validation))


def static(train: Labelled, validation: Labelled) -> OneMetric:
    """The pass, and the metric, that is best on the training inputs; what was seen first where equal."""
    metrics = ("",) if train.table.options is None else METRICS
    rules = [OneMetric(index, metric) for metric in metrics for index in range(len(train.table.passes))]
    return max(rules, key=lambda rule: accuracy(rule, train))


@dataclass(frozen=True, slots=True, eq=False)
class IdentityFeatures:
    """The option with the highest score, linear in what the identity says of it.

    Attributes:
        model: fitted on the training inputs.
    """

    model: OptionModel

    def choose(self, runs: Runs) -> RuleAnswers:
        """Runs the identity and the priors of the options."""
        best = self.model.scores(identity_option_features(runs)).argmax(axis=1)
        return RuleAnswers(best, np.full(len(runs), MIXED, dtype=np.int64))


def identity_features(train: Labelled, validation: Labelled) -> IdentityFeatures:
    """Fitted by `fit_options`; the penalty is the one with the least log loss on the validation inputs."""
    need_scores(train, "features")
    columns, unseen = (identity_option_features(TableRuns(part.table)) for part in (train, validation))
    models = [fit_options(columns, train.right, penalty) for penalty in PENALTIES]
    return IdentityFeatures(min(models, key=lambda model: log_loss(model, unseen, validation)))


def log_loss(model: OptionModel, features: Floats, data: Labelled) -> float:
    """Mean negative log share of the right option."""
    scores = model.scores(features)
    scores = scores - scores.max(axis=1, keepdims=True)
    logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return float(-np.where(data.right, np.maximum(logs, -50.0), 0.0).sum() / max(1, data.right.any(axis=1).sum()))


def accuracy(rule: OneMetric, data: Labelled) -> float:
    """Share of inputs that a rule gets right."""
    return float(data.judge(rule.choose(TableRuns(data.table)).answers).mean())
