"""`values`: N passes are run, and the answer with the highest learned value is taken (best of N).

The value of an output is how likely it is to be right, by logistic regression on how sure its pass is and on which
pass it is. ReST-MCTS* (arXiv 2406.03816) learns such a value from finished search trees, with the targets

    v_k = max(0, v_(k-1) + (1 - v_(k-1)) / (m_k + 1) x (1 - 2 r_k))

for m_k further steps to a right end, and r_k = 1 where no right end is below. A pass is a chain of one step: v_0 = 0,
m_1 = 0, so that its target is 1 where it is right and 0 where it isn't.

Shapes: N inputs, K passes, F features.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from skiploop.routing.chooser import RuleAnswers, answers_of
from skiploop.routing.choosers.gain import most_gaining
from skiploop.routing.choosers.votes import best_passes
from skiploop.routing.features import certainty
from skiploop.routing.regression import ClassModel, fit_classes
from skiploop.routing.runs import PassOutputs, Runs, TableRuns
from skiploop.routing.table import NO_ANSWER, Floats, Labelled

SIZES = (2, 3, 5)
PENALTIES = (0.001, 0.01, 0.1)


@dataclass(frozen=True, slots=True, eq=False)
class BestOf:
    """The output with the highest value among a few passes.

    Attributes:
        menu: passes by number, the identity first.
        model: of outputs, right or not.
    """

    menu: tuple[int, ...]
    model: ClassModel

    def choose(self, runs: Runs) -> RuleAnswers:
        """Runs every pass of the menu; of equal values the first pass counts, which is the identity."""
        if len(self.menu) == 1:
            return answers_of(runs, np.full(len(runs), self.menu[0], dtype=np.int64))
        outputs = [runs.run(index) for index in self.menu]
        best = self.values(outputs).argmax(axis=1)
        answers = np.stack([output.answers for output in outputs], axis=1)
        return RuleAnswers(answers[np.arange(len(runs)), best], np.array(self.menu)[best])

    def values(self, outputs: list[PassOutputs]) -> Floats:
        """Of the outputs of the menu's passes, in nats, [N, K]; minus infinity where there is no answer."""
        columns = [
            self.model.log_probabilities(output_features(output, place, len(self.menu)))[:, 1]
            for place, output in enumerate(outputs)
        ]
        missing = np.stack([output.answers == NO_ANSWER for output in outputs], axis=1)
        missing[:, 0] = False  # where nothing has an answer, it is the identity's
        return np.where(missing, -np.inf, np.stack(columns, axis=1))


def output_features(output: PassOutputs, place: int, passes: int) -> Floats:
    """How sure the pass is, and which it is, [N, F]."""
    sure = certainty(output)
    which = np.zeros((len(sure), passes))
    which[:, place] = 1
    return np.concatenate([sure, which], axis=1)


def fit_values(data: Labelled, menu: tuple[int, ...], penalty: float) -> BestOf:
    """The value of outputs of the menu's passes, from all outputs of the training inputs."""
    runs, right = TableRuns(data.table), data.pass_right
    features = [output_features(runs.run(index), place, len(menu)) for place, index in enumerate(menu)]
    targets = np.concatenate([np.stack([~right[:, index], right[:, index]], axis=1) for index in menu])
    return BestOf(menu, fit_classes(np.concatenate(features), targets.astype(float), penalty))


def values(train: Labelled, validation: Labelled) -> BestOf:
    """Number of passes and penalty have the best cautious gain on validation, see `gain`; else the identity alone."""
    menus = dict.fromkeys(best_passes(train, size) for size in SIZES)
    alone = fit_values(train, (0,), PENALTIES[0])  # whatever its model says, there is one pass to take
    return most_gaining([alone, *(fit_values(train, *each) for each in product(menus, PENALTIES))], validation)
