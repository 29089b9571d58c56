"""What a study reports its progress to. Those that show it belong to the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
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


MakeProgress = Callable[[str], Progress]
"""Makes what receives the progress of a piece of work, given the name of the share that it shows."""


def silent(figure: str) -> Progress:
    """A `MakeProgress` that shows nothing."""
    return Progress()


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a study. Nothing that was evaluated is lost; the same call goes on from there.

    Attributes:
        out: the study's folder.
        what: was being done: `search`, `static`, or the name of a full study's part.
        done: evaluations of it that are kept.
        total: evaluations of it that there will be at most; 0 where they aren't counted.
    """

    def __init__(self, out: Path, what: str, done: int = 0, total: int = 0) -> None:
        far = f" after {done} of {total} evaluations" if total else ""
        super().__init__(f"Interrupted during {what}{far}; what is done is kept in {out}")
        self.out, self.what, self.done, self.total = out, what, done, total
