"""Scoring `letter`: the continuation with the highest log-likelihood is the letter of the right option."""

from __future__ import annotations

from skiploop.tasks.answers.text import letters
from skiploop.tasks.example import Example
from skiploop.tasks.scorers.choice import OptionScorer


class Letter(OptionScorer):
    """Options are scored by the log-likelihoods of the letters A, B, ... that name them."""

    @property
    def lists_options(self) -> bool:
        """A letter means nothing without the list."""
        return True

    def names(self, example: Example) -> tuple[str, ...]:
        """The letters."""
        return letters(len(example.choices))
