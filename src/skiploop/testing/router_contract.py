"""What every chooser keeps to, as a class of tests to inherit from.

    from skiploop.testing.router_contract import RouterContract

    class TestMine(RouterContract):
        chooser = staticmethod(my_chooser)
        reaches = 0.95          # of the oracle on the positive control; None: nothing is promised there

The negative control allows .03 to either side of the identity; see `skiploop.testing.planted_routing`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import ClassVar

import numpy as np

from skiploop.routing.chooser import Chooser, Rule
from skiploop.routing.runs import TableRuns
from skiploop.routing.split import RouteSplit, split
from skiploop.routing.table import Labelled
from skiploop.stats.measured import measured_difference
from skiploop.stats.shares import paired_counts
from skiploop.testing.planted_routing import planted

_NEAR = 0.03


@cache
def _control(predictable: bool) -> RouteSplit:
    return split(planted(predictable=predictable), train=0.2, validation=0.15)


_RULES: dict[tuple[int, bool], Rule] = {}  # fitted once for all tests, as rules are frozen


class RouterContract:
    """Inherit, and name the chooser."""

    chooser: ClassVar[Chooser]
    reaches: ClassVar[float | None] = 0.95
    comes_back: ClassVar[bool] = True
    """Whether the chooser goes back to the identity where nothing else is shown to be better."""

    def _fitted(self, predictable: bool) -> tuple[Rule, Labelled]:
        parts, key = _control(predictable), (id(type(self)), predictable)
        if key not in _RULES:
            _RULES[key] = type(self).chooser(parts.train, parts.validation)
        return _RULES[key], parts.test

    def test_positive_control_comes_near_the_oracle(self) -> None:
        """On held-out inputs whose state says which chain is right."""
        if self.reaches is None:
            return
        rule, test = self._fitted(True)
        right = test.judge(rule.choose(TableRuns(test.table)).answers)
        oracle = test.pass_right.any(axis=1).mean()
        assert right.mean() >= self.reaches * oracle, f"{right.mean():.3f} of an oracle of {oracle:.3f}"

    def test_negative_control_is_near_the_identity_and_claims_nothing(self) -> None:
        """Where effects are permuted there is nothing to find; what imitates wanders between equally good passes."""
        rule, test = self._fitted(False)
        right = test.judge(rule.choose(TableRuns(test.table)).answers)
        own = test.pass_right[:, 0]
        near = abs(right.mean() - own.mean()) <= _NEAR
        assert near or not self.comes_back, f"{right.mean():.3f}, the identity {own.mean():.3f}"
        interval = measured_difference(paired_counts(right, own)).interval
        assert interval is not None and interval[0] <= 0, f"claims a gain of {interval}"

    def test_choices_dont_depend_on_the_other_inputs(self) -> None:
        """An input alone is answered as it is among others."""
        rule, test = self._fitted(True)
        whole = rule.choose(TableRuns(test.table)).answers
        for row in (0, 1, 7):
            one = rule.choose(TableRuns(test.table.rows(np.array([row])))).answers
            assert one[0] == whole[row], f"input {row} is answered {one[0]} alone and {whole[row]} among others"

    def test_every_answer_comes_from_a_pass_that_was_charged(self) -> None:
        """No input is answered for nothing, and a chosen pass was run."""
        rule, test = self._fitted(True)
        runs = TableRuns(test.table)
        choice = rule.choose(runs)
        assert (runs.layer_calls >= min(each.depth for each in runs.passes)).all()
        rows = np.flatnonzero(choice.chosen >= 0)
        assert runs.ran[rows, choice.chosen[rows]].all(), "an answer of a pass that wasn't run"

    def test_a_pass_that_breaks_the_model_is_survived(self) -> None:
        """Scores that aren't numbers are neither an answer nor an error."""
        rule, test = self._fitted(True)
        table = test.table
        assert table.scores is not None
        scores, answers, logprobs = table.scores.copy(), table.answers.copy(), table.logprobs.copy()
        scores[::2, 1], answers[::2, 1], logprobs[::2, 1] = np.nan, -1, np.nan
        choice = rule.choose(TableRuns(replace(table, scores=scores, answers=answers, logprobs=logprobs)))
        assert len(choice.answers) == len(test)
