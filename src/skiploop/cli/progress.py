"""How far a study is: a bar on a terminal, a line now and then elsewhere, or nothing. Always on stderr."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as RichProgress

from skiploop.studies.progress import Progress

SECONDS_BETWEEN_LINES = 10.0


class Rate:
    """Evaluations per second since the work (or its resumption) began, and the seconds left."""

    def __init__(self) -> None:
        self._begun, self._at_start = time.monotonic(), 0
        self.per_second = 0.0

    def update(self, done: int, *, replayed: bool) -> None:
        """Takes the count into account, or forgets what was before if it came from the journal."""
        if replayed:
            self._begun, self._at_start = time.monotonic(), done
        else:
            self.per_second = (done - self._at_start) / max(time.monotonic() - self._begun, 1e-9)

    def text(self, done: int, total: int) -> str:
        """Such as `412/s, 0:01:30 left`."""
        if not self.per_second:
            return "starting"
        seconds = round(max(0, total - done) / self.per_second)
        left = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        return f"{self.per_second:.{0 if self.per_second >= 10 else 1}f}/s, {left} left"


class Lines(Progress):
    """A plain line every ten seconds, for logs."""

    def __init__(self, figure: str = "oracle accuracy", every: float = SECONDS_BETWEEN_LINES) -> None:
        self._figure = figure
        self._rate, self._every, self._last = Rate(), every, time.monotonic()

    def __enter__(self) -> Self:
        self._last = time.monotonic()
        return self

    def update(self, done: int, total: int, figure: float, *, replayed: bool = False) -> None:
        """Writes a line if it is time."""
        self._rate.update(done, replayed=replayed)
        if time.monotonic() - self._last >= self._every:
            self._last = time.monotonic()
            self.note(f"{done} of {total} evaluations, {self._rate.text(done, total)}, {self._figure} {figure:.1%}")

    def note(self, text: str) -> None:
        """Writes a line."""
        print(text, file=sys.stderr, flush=True)


class Bar(Progress):
    """A bar for a terminal."""

    def __init__(self, figure: str = "oracle accuracy") -> None:
        self._rate = Rate()
        self._bar = RichProgress(
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f} evaluations"),
            TextColumn("{task.fields[rate]}"),
            TextColumn(f"{figure} {{task.fields[figure]}}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("", total=1, rate="starting", figure="-")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def update(self, done: int, total: int, figure: float, *, replayed: bool = False) -> None:
        """Moves the bar."""
        self._rate.update(done, replayed=replayed)
        rate = self._rate.text(done, total)
        self._bar.update(self._task, completed=done, total=total, rate=rate, figure=f"{figure:.1%}")

    def note(self, text: str) -> None:
        """Writes a line above the bar."""
        self._bar.console.print(text, markup=False, highlight=False)


def make_progress(*, quiet: bool = False, figure: str = "oracle accuracy") -> Progress:
    """What suits stderr; nothing if `quiet`. `figure` names the share that is shown."""
    if quiet:
        return Progress()
    return Bar(figure) if sys.stderr.isatty() else Lines(figure)
