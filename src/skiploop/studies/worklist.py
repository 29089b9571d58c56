"""A fixed list of things to run, in parts that are journaled as a whole: what a kill can lose is one part. No torch.

What is asked is known before anything is run, so resuming is reading: parts that the journal has are taken from there,
the rest is run in the very batches of an undisturbed run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from skiploop.engine.request import Request, Result, Runner
from skiploop.errors import InvalidInput
from skiploop.storage.files import Line
from skiploop.storage.journal import Journal
from skiploop.studies.progress import Progress


@dataclass(frozen=True, slots=True)
class Unit:
    """Requests whose results become one line of the journal.

    Attributes:
        key: what tells it from all others; the line begins with it.
        requests: at least one.
        judge: makes the rest of the line, with the `rewards` among it.
    """

    key: Line
    requests: tuple[Request, ...]
    judge: Callable[[Sequence[Result]], Line]


class Worklist:
    """Runs units, or reads what the journal has of them.

    Args:
        runner: evaluates.
        journal: what was run already, and where new lines go.
        per_call: about how many requests go into one call of the runner; a unit isn't split.
        progress: receives progress updates after each part.
    """

    def __init__(
        self, runner: Runner, journal: Journal, *, per_call: int = 1024, progress: Progress | None = None
    ) -> None:
        self.done, self.total = 0, 0  # requests
        self._right, self._judged = 0, 0
        self._runner, self._journal, self._per_call = runner, journal, per_call
        self._progress = progress or Progress()
        self._recorded = deque(journal.read())

    def run(self, units: Sequence[Unit]) -> list[Line]:
        """The lines of these units, in order. The progress shows the share of `rewards` in them that are 1."""
        self.total = max(self.total, self.done + sum(len(unit.requests) for unit in units))
        lines: list[Line] = []
        for part in self._parts(units):
            replayed = bool(self._recorded)
            found = self._read(part) if replayed else self._run(part)
            lines += found
            self.done += sum(len(unit.requests) for unit in part)
            rewards = [reward for line in found for reward in line["rewards"]]
            self._right += sum(reward >= 1 for reward in rewards)
            self._judged += len(rewards)
            self._progress.update(self.done, self.total, self._right / max(1, self._judged), replayed=replayed)
        return lines

    def finish(self) -> None:
        """Raises InvalidInput if the journal has more than was asked for."""
        if self._recorded:
            raise _foreign(self._recorded[0])

    def _parts(self, units: Sequence[Unit]) -> Iterator[list[Unit]]:
        part: list[Unit] = []
        used = 0
        for unit in units:
            if part and used >= self._per_call:
                yield part
                part, used = [], 0
            part.append(unit)
            used += len(unit.requests)
        if part:
            yield part

    def _read(self, part: list[Unit]) -> list[Line]:
        lines = self._recorded.popleft()
        keys = [{name: line.get(name) for name in unit.key} for unit, line in zip(part, lines, strict=False)]
        if len(lines) != len(part) or keys != [unit.key for unit in part]:
            raise _foreign(lines)
        return lines

    def _run(self, part: list[Unit]) -> list[Line]:
        results = iter(self._runner.run([request for unit in part for request in unit.requests]))
        lines = [unit.key | unit.judge([next(results) for _ in unit.requests]) for unit in part]
        self._journal.append(lines)
        return lines


def _foreign(lines: Sequence[Line]) -> InvalidInput:
    return InvalidInput(
        f"the journal has other lines than this run asks for, such as {str(lines[0])[:120]}: it was edited, or written "
        "with other settings or by another version of skiploop; choose another --out"
    )
