"""The protocol of choosers: fitted on labelled inputs, then choosing on inputs whose right answer they can't see.

rule = CHOOSERS["gain"](train, validation)      # a Chooser makes a Rule
choice = rule.choose(TableRuns(test.table))     # no right answers in there
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from skiploop.errors import InvalidInput
from skiploop.routing.runs import Runs
from skiploop.routing.table import Ints, Labelled

MIXED = -1
"""In place of a pass: the answer is that of several."""


@dataclass(frozen=True, slots=True, eq=False)
class RuleAnswers:
    """What a rule answers.

    Attributes:
        answers: number of the answer to each input, [N].
        chosen: the pass whose answer it is, [N]; `MIXED` where several decided.
    """

    answers: Ints
    chosen: Ints


class Rule(Protocol):
    """A fitted chooser: a frozen dataclass of arrays, plain values and other rules, so that it can be saved."""

    def choose(self, runs: Runs) -> RuleAnswers:
        """An answer to every input, from what the passes that it runs give."""


class Chooser(Protocol):
    """Fits a rule; whatever has to be decided is decided on the validation inputs, before a test."""

    def __call__(self, train: Labelled, validation: Labelled) -> Rule: ...


def answers_of(runs: Runs, chosen: Ints) -> RuleAnswers:
    """Runs on each input the pass that was chosen for it."""
    answers = np.zeros(len(runs), dtype=np.int64)
    for index in np.unique(chosen):
        rows = np.flatnonzero(chosen == index)
        answers[rows] = runs.run(int(index), rows).answers
    return RuleAnswers(answers, chosen)


def need_scores(data: Labelled, name: str) -> None:
    """Raises InvalidInput where there are no scores of options."""
    if data.table.scores is None or data.table.options is None:
        raise InvalidInput(f"{name} needs the scores of options, and here answers are generated; use gain or vote")
