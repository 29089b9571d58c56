"""Scoring `math`: like `numeric`, and math-verify decides where it is installed and the answers differ in form."""

from __future__ import annotations

from skiploop.tasks.answers.math import checker, math_verdict
from skiploop.tasks.example import Example, Verdict
from skiploop.tasks.scorers.protocol import Scorer


class Mathematics(Scorer):
    """For answers that are mathematical expressions."""

    @property
    def checker(self) -> str | None:
        """This package, then math-verify where it is installed."""
        return checker()

    def judge(self, example: Example, text: str) -> Verdict:
        """Judge the final expression."""
        right, answer = math_verdict(example.answer, text)
        return Verdict(float(right), answer)
