"""`cascade`: the identity first; only where it is unsure further passes are run, and what all of them say is added up.

Layer calls are spent where they may change an answer, so that a few passes on some inputs cost what one more pass on
all inputs would.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skiploop.routing.chooser import MIXED, RuleAnswers
from skiploop.routing.choosers.gain import cautious_gain
from skiploop.routing.choosers.votes import elected
from skiploop.routing.features import certainty, log_shares
from skiploop.routing.runs import Runs, TableRuns
from skiploop.routing.table import NO_ANSWER, Floats, Ints, Labelled

SHARES = (0.0, 0.1, 0.2, 0.3, 0.5)
"""Of the training inputs that go on, the least certain ones."""
SIZES = (2, 3, 4)
DEAREST = 2.0
"""Layer calls of a cascade over those of the identity, on the validation inputs."""


@dataclass(frozen=True, slots=True, eq=False)
class Cascade:
    """Goes on where the identity's certainty is below a threshold.

    Attributes:
        menu: passes by number, the identity first.
        threshold: of certainty: the share of the identity's option, or the mean log-probability of its text.
    """

    menu: tuple[int, ...]
    threshold: float

    def choose(self, runs: Runs) -> RuleAnswers:
        """Runs the identity everywhere, the rest of the menu where it is unsure."""
        first = runs.run(0)
        sure = certainty(first)[:, 0 if first.scores is None else 1]
        answers, chosen = first.answers.copy(), np.zeros(len(runs), dtype=np.int64)
        rows = np.flatnonzero(sure < self.threshold)
        if len(rows) and len(self.menu) > 1:
            answers[rows], chosen[rows] = _together(runs, self.menu, rows), MIXED
        return RuleAnswers(answers, chosen)


def _together(runs: Runs, menu: tuple[int, ...], rows: Ints) -> Ints:
    """The option with the highest mean log share over the menu; of texts, the elected one."""
    outputs = [runs.run(index, rows) for index in menu]
    scores = [output.scores for output in outputs]
    if any(each is None for each in scores):
        answers = np.stack([output.answers for output in outputs], axis=1)
        return elected(answers, np.ones(answers.shape))
    logs = np.stack([log_shares(each) for each in scores if each is not None])
    broken = np.stack([output.answers == NO_ANSWER for output in outputs])
    logs = np.where(broken[..., None], 0.0, np.nan_to_num(logs, nan=-1e6))
    return np.asarray(logs.sum(axis=0).argmax(axis=1))


def cascade(train: Labelled, validation: Labelled) -> Cascade:
    """Size and threshold have the best `cautious_gain` on validation at no more than twice the identity's layer calls.

    The passes are those that are most often right where the identity is wrong.
    """
    runs = TableRuns(train.table)
    first = runs.run(0)
    sure = certainty(first)[:, 0 if first.scores is None else 1]
    own = validation.pass_right[:, 0].astype(float)
    layers = validation.table.num_layers
    best: tuple[float, Cascade] = (0.0, Cascade((0,), -np.inf))
    for size in SIZES:
        menu = _rescuers(train, size)
        for share in SHARES[1:]:
            rule, held = Cascade(menu, _threshold(sure, share)), TableRuns(validation.table)
            right = validation.judge(rule.choose(held).answers).astype(float)
            worth = cautious_gain(right - own)
            if worth > best[0] and held.layer_calls.mean() <= DEAREST * layers:
                best = worth, rule
    return best[1]


def _threshold(sure: Floats, share: float) -> float:
    return float(np.quantile(sure, share))


def _rescuers(data: Labelled, size: int) -> tuple[int, ...]:
    """The identity and the passes that are most often right where it is wrong."""
    right = data.pass_right
    rescued = (right[:, 1:] & ~right[:, :1]).sum(axis=0)
    return (0, *(int(index) + 1 for index in np.argsort(-rescued, kind="stable")[: size - 1]))
