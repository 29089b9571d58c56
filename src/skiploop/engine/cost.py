"""What an engine has run, in layer calls and in tokens."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Cost:
    """Adds up layer calls: one layer on one sequence. Part of a sequence counts by its share of the tokens.

    A layer that runs on the 300 tokens of a preamble, once for many sequences of 400, counts as 3/4, and on the rest of
    each of them as 1/4; without preambles every layer call counts as one.
    """

    calls: float = 0.0
    tokens: int = 0  # one layer on one token; padding included

    @property
    def layer_calls(self) -> int:
        """To the nearest whole number."""
        return round(self.calls)

    def add(self, rows: int, tokens: int, *, of: int) -> None:
        """A layer on `rows` rows of `tokens` tokens each, which belong to sequences of `of` tokens."""
        self.calls += rows * tokens / of
        self.tokens += rows * tokens

    def include(self, other: Cost) -> None:
        """Everything that `other` has added up."""
        self.calls += other.calls
        self.tokens += other.tokens
