"""Scoring `verbatim`: the text up to EOS is the answer, character by character: one forced pass can decide it."""

from __future__ import annotations

from skiploop.tasks.answers.text import letters
from skiploop.tasks.example import Example, Verdict
from skiploop.tasks.scorers.protocol import Scorer


class Verbatim(Scorer):
    """Exactly one text is right."""

    @property
    def cuts_repeats(self) -> bool:
        """The whole text counts."""
        return False

    def judge(self, example: Example, text: str) -> Verdict:
        """Right where the text equals the answer; a format failure where it couldn't be any answer."""
        return Verdict(float(text == example.answer), text if _well_formed(example, text) else None)


def _well_formed(example: Example, text: str) -> bool:
    """Whether a text could be an answer: not empty, and a letter where a letter is asked for."""
    if example.choices and example.gold is not None:
        names = letters(len(example.choices))
        if example.answer == names[example.gold]:
            return text in names
    return bool(text.strip())
