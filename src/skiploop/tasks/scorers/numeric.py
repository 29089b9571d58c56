"""Scoring `numeric`: the final number is the answer, the final expression or word where the gold answer is one."""

from __future__ import annotations

from skiploop.tasks.answers.text import numeric_verdict
from skiploop.tasks.example import Example, Verdict
from skiploop.tasks.scorers.protocol import Scorer


class Numeric(Scorer):
    """For answers that are numbers; words among them are judged as by `exact`, row by row."""

    def judge(self, example: Example, text: str) -> Verdict:
        """Compare the final number exactly, or what the gold answer is instead."""
        right, answer = numeric_verdict(example.answer, text)
        return Verdict(float(right), answer)
