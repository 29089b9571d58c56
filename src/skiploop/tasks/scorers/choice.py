"""Scoring `choice`: the continuation with the highest log-likelihood is the text of the right option."""

from __future__ import annotations

from skiploop.tasks.answers.text import exact_verdict, extract_choice, letters, normalise
from skiploop.tasks.example import Example, Verdict
from skiploop.tasks.scorers.protocol import Scorer


class OptionScorer(Scorer):
    """Options are scored by the log-likelihoods of their texts."""

    @property
    def lists_options(self) -> bool:
        """The options are scored as continuations of the question alone."""
        return False

    def names(self, example: Example) -> tuple[str, ...]:
        """What each option is called in an answer; these are the texts that are scored."""
        return example.choices

    def judge(self, example: Example, text: str) -> Verdict:
        """Judge a text that names an option by its letter, or else by its text."""
        named = extract_choice(text, example.choices)
        if named is not None:
            return Verdict(float(named == example.gold), letters(len(example.choices))[named])
        _, answer = exact_verdict(example.answer, text)
        for index, choice in enumerate(example.choices):
            if answer is not None and normalise(choice) == normalise(answer):
                return Verdict(float(index == example.gold), choice)
        return Verdict(0.0, None)
