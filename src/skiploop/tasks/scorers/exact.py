"""Scoring `exact`: the final statement is the answer, whatever its case, white space and punctuation."""

from __future__ import annotations

from skiploop.tasks.answers.text import exact_verdict
from skiploop.tasks.example import Example, Verdict
from skiploop.tasks.scorers.protocol import Scorer


class Exact(Scorer):
    """For answers in words."""

    def judge(self, example: Example, text: str) -> Verdict:
        """Judge the final statement, or else the first line."""
        right, answer = exact_verdict(example.answer, text)
        return Verdict(float(right), answer)
