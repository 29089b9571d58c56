"""What a task asks of its scorer."""

from __future__ import annotations

from typing import Protocol

from skiploop.tasks.example import Example, Verdict


class Scorer(Protocol):
    """Judges generated text. Those that judge log-likelihoods of options, too, are an `OptionScorer`."""

    @property
    def checker(self) -> str | None:
        """What judges answers, with its version, where the verdict depends on it."""
        return None

    @property
    def cuts_repeats(self) -> bool:
        """Whether a text is cut where it starts the pattern of the prompt over again, before it is judged."""
        return True

    @property
    def lists_options(self) -> bool:
        """Whether the prompt of an example with options has to list them by letter."""
        return True

    def judge(self, example: Example, text: str) -> Verdict:
        """Judge a generated text (without the EOS token)."""
