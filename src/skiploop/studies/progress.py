"""What a study reports its progress to. Those that show it belong to the command line."""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Progress:
    """Says nothing; the base of those that do. Used in a `with` statement."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def update(self, done: int, total: int, figure: float, *, replayed: bool = False) -> None:
        """After each part.

        Args:
            done: evaluations so far, in all arms.
            total: evaluations that there will be at most.
            figure: the share that is shown, such as oracle accuracy so far.
            replayed: the evaluations came from the journal, so they say nothing about the speed.
        """

    def note(self, text: str) -> None:
        """Something worth a line of its own."""
