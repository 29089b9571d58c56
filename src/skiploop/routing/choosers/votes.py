"""Choosers that run several passes on each input and let them vote. Ties go to the pass that comes first: the identity.

    vote            one vote for each pass (self-consistency, arXiv 2203.11171)
    cisc            votes weighted by soft-max(confidence / T) within a question (CISC, arXiv 2502.06233)
    self_certainty  Borda votes by rank of KL(uniform, p) over the options (arXiv 2502.18581)

The passes are those with the best vote on the validation inputs; weights are within a question, since confidence that
is calibrated between questions need not tell right from wrong within one.

Shapes: N inputs, K passes of the menu, O answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np

from skiploop.routing.chooser import MIXED, RuleAnswers, answers_of, need_scores
from skiploop.routing.choosers.gain import most_gaining
from skiploop.routing.features import log_shares
from skiploop.routing.runs import PassOutputs, Runs
from skiploop.routing.table import NO_ANSWER, Floats, Ints, Labelled

Weighing = Literal["equal", "confidence", "certainty"]
SIZES = (3, 5)
TEMPERATURES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Of confidences, for CISC."""
POWERS = (0.3, 0.7, 1.2, 2.0)
"""Of Borda ranks, as in the paper's table of p."""


@dataclass(frozen=True, slots=True, eq=False)
class Vote:
    """The answer with most votes among a menu of passes.

    Attributes:
        menu: passes by number, the identity first.
        weighing: how votes are weighed, see the module.
        sharpness: temperature of `confidence`, power of `certainty`; unused for `equal`.
    """

    menu: tuple[int, ...]
    weighing: Weighing
    sharpness: float

    def choose(self, runs: Runs) -> RuleAnswers:
        """Runs every pass of the menu."""
        if len(self.menu) == 1:
            return answers_of(runs, np.full(len(runs), self.menu[0], dtype=np.int64))
        outputs = [runs.run(index) for index in self.menu]
        answers = np.stack([output.answers for output in outputs], axis=1)
        weights = WEIGHINGS[self.weighing](outputs, self.sharpness)
        return RuleAnswers(elected(answers, weights), np.full(len(runs), MIXED, dtype=np.int64))


def elected(answers: Ints, weights: Floats) -> Ints:
    """The answer with the largest sum of weights, that of the first pass where equal, [N, K] twice -> [N]."""
    support = np.stack([np.where(answers == column[:, None], weights, 0).sum(axis=1) for column in answers.T], axis=1)
    support = np.where(answers == NO_ANSWER, -1.0, np.round(support, 12))
    return np.asarray(answers[np.arange(len(answers)), support.argmax(axis=1)])


def _equal(outputs: list[PassOutputs], _: float) -> Floats:
    return np.ones((len(outputs[0].answers), len(outputs)))


def _confidence(outputs: list[PassOutputs], temperature: float) -> Floats:
    """CISC's weights: the soft-max over the passes of one question of their confidence, over a temperature.

    Confidence is the length-normalised probability of the answer, the paper's response probability.
    """
    sure = np.stack([np.exp(np.nan_to_num(output.logprobs, nan=-50.0)) for output in outputs], axis=1) / temperature
    sure = np.exp(sure - sure.max(axis=1, keepdims=True))
    return np.asarray(sure / sure.sum(axis=1, keepdims=True))


def _certainty(outputs: list[PassOutputs], power: float) -> Floats:
    """Borda: (K - rank + 1) ^ power, ranks from the most self-certain pass; of equal ones the earlier ranks first."""
    levels = np.stack([self_certainty_of(output) for output in outputs], axis=1)
    order = np.argsort(-levels, axis=1, kind="stable")
    ranks = np.argsort(order, axis=1, kind="stable")
    return np.asarray((len(outputs) - ranks).astype(float) ** power)


def self_certainty_of(output: PassOutputs) -> Floats:
    """KL(uniform, p) over an input's options, in nats, [N]: -mean(log p) - log(number of options)."""
    assert output.scores is not None
    logs = log_shares(output.scores)
    count = np.isfinite(logs).sum(axis=1)
    mean = np.nansum(logs, axis=1) / np.maximum(count, 1)
    return np.where(count > 0, -mean - np.log(np.maximum(count, 1)), 0.0)


WEIGHINGS: dict[Weighing, Callable[[list[PassOutputs], float], Floats]] = {
    "equal": _equal,
    "confidence": _confidence,
    "certainty": _certainty,
}


def vote(train: Labelled, validation: Labelled) -> Vote:
    """One vote for each of three or five passes."""
    return _best_vote(train, validation, "equal", (1.0,))


def cisc(train: Labelled, validation: Labelled) -> Vote:
    """Votes weighted by confidence within a question."""
    return _best_vote(train, validation, "confidence", TEMPERATURES)


def self_certainty(train: Labelled, validation: Labelled) -> Vote:
    """Borda votes by self-certainty."""
    need_scores(train, "self_certainty")
    return _best_vote(train, validation, "certainty", POWERS)


def _best_vote(train: Labelled, validation: Labelled, weighing: Weighing, sharpness: tuple[float, ...]) -> Vote:
    """The vote with the best cautious gain on validation (see `gain`); the identity alone where none is above 0."""
    menus = dict.fromkeys(best_passes(train, size) for size in SIZES)
    rules = [Vote((0,), "equal", 1.0), *(Vote(menu, weighing, value) for menu, value in product(menus, sharpness))]
    return most_gaining(rules, validation)


def best_passes(data: Labelled, size: int) -> tuple[int, ...]:
    """The identity and the other passes that are most often right."""
    shares = data.pass_right[:, 1:].mean(axis=0)
    return (0, *(int(index) + 1 for index in np.argsort(-shares, kind="stable")[: size - 1]))
