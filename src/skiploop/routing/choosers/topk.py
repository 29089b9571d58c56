"""`topk`: the passes that an imitating router finds most likely to be valid, and a vote among them.

Top-1 of such a router collapses to what is valid most often, while the set of its k best is good (Re-PoLar, arXiv
2609.31360). So k passes are run and each has a vote; of equally many votes those of the identity count, then those of
the pass that comes first. Where no k is shown to be better on validation inputs, the identity is never left.

Shapes: N inputs, K passes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skiploop.routing.chooser import MIXED, RuleAnswers, answers_of
from skiploop.routing.choosers.gain import most_gaining
from skiploop.routing.choosers.menu import imitate
from skiploop.routing.choosers.votes import elected
from skiploop.routing.features import Directions, input_features
from skiploop.routing.regression import PassModel
from skiploop.routing.runs import Runs
from skiploop.routing.table import NO_ANSWER, Bools, Floats, Labelled

SIZES = (2, 3, 5)


@dataclass(frozen=True, slots=True, eq=False)
class TopSet:
    """A vote among the most likely passes of each input.

    Attributes:
        axes: of the hidden states.
        model: how likely each pass is to be valid.
        size: passes that vote; 0: the identity alone.
    """

    axes: Directions
    model: PassModel
    size: int

    def choose(self, runs: Runs) -> RuleAnswers:
        """Half of the identity for the features, then `size` passes of each input."""
        if not self.size:
            return answers_of(runs, np.zeros(len(runs), dtype=np.int64))
        members = most_likely(self.model.log_probabilities(input_features(runs, self.axes)), self.size)
        answers = np.full(members.shape, NO_ANSWER, dtype=np.int64)
        for index in range(members.shape[1]):
            rows = np.flatnonzero(members[:, index])
            if len(rows):
                answers[rows, index] = runs.run(index, rows).answers
        return RuleAnswers(elected(answers, members.astype(float)), np.full(len(runs), MIXED, dtype=np.int64))


def most_likely(logs: Floats, size: int) -> Bools:
    """Which passes are among the `size` most likely, the first of equal ones, [N, K] -> [N, K]."""
    order = np.argsort(-logs, axis=1, kind="stable")[:, :size]
    members = np.zeros(logs.shape, dtype=bool)
    np.put_along_axis(members, order, True, axis=1)
    return members


def topk(train: Labelled, validation: Labelled) -> TopSet:
    """The router of `imitate`; the number of passes has the best cautious gain on validation, see `gain`."""
    router = imitate(train, validation)
    sizes = (0, *SIZES)
    rules = (TopSet(router.axes, router.model, size) for size in sizes if size <= len(train.table.passes))
    return most_gaining(rules, validation)
