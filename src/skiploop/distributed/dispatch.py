"""Who works on which chunk, and what happens when a worker is lost. Knows nothing of Ray, models or files.

A worker takes a chunk once it is ready, and the next one when it is done with that, so a slow worker holds up nobody
but the chunk it has. A chunk whose worker is lost goes back to the front of the line; what it left on the disk is where
its next worker begins. Whoever is lost again and again without getting anywhere ends the study.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from skiploop.distributed.chunks import Chunk
from skiploop.distributed.worker import ChunkReport, Preparation
from skiploop.errors import InvalidInput

STRIKES = 5
"""Losses in a row, of the same chunk or before anybody is ready, after which a study gives up."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker has opened the model."""

    worker: int
    opening: Preparation


@dataclass(frozen=True, slots=True)
class Advanced:
    """A worker has come further with its chunk."""

    worker: int
    report: ChunkReport


@dataclass(frozen=True, slots=True)
class Finished:
    """A worker is done with its chunk."""

    worker: int


@dataclass(frozen=True, slots=True)
class Lost:
    """A worker is gone, with what it was doing."""

    worker: int
    reason: str


Event = Ready | Advanced | Finished | Lost


class Crew(Protocol):
    """Workers, wherever they are."""

    def begin(self, out: Path, run: dict[str, Any]) -> None:
        """Says which study it is, before anybody is given a chunk: its folder, and its run.json."""

    def hire(self) -> int:
        """Starts a worker, which says when it is ready; its number, which no other worker has."""

    def give(self, worker: int, chunk: Chunk) -> None:
        """Has a worker that is ready work on a chunk."""

    def dismiss(self, worker: int) -> None:
        """Ends a worker."""

    def next(self) -> Event:
        """Waits for what happens next; raises what a worker raised."""


class Dispatcher:
    """Gives chunks to workers.

    Args:
        crew: the workers.
        workers: as many as there are at a time.
        note: is told what is worth a line.
    """

    def __init__(self, crew: Crew, workers: int, note: Callable[[str], None]) -> None:
        self.lost = 0
        self._crew, self._workers, self._note = crew, workers, note
        self._starting: set[int] = set()
        self._idle: list[int] = []
        self._busy: dict[int, Chunk] = {}
        self._failed_starts = 0
        self._strikes: Counter[Chunk] = Counter()
        self._steps: Counter[Chunk] = Counter()

    def first(self) -> Preparation:
        """Starts all workers; what the first of them that is ready says of the study."""
        self._hire(self._workers)
        while True:
            event = self._crew.next()
            self._note_event(event)
            if isinstance(event, Ready):
                return event.opening
            self._hire(self._workers)

    def run(
        self,
        chunks: Sequence[Chunk],
        on_report: Callable[[Chunk, ChunkReport], None],
        on_finished: Callable[[Chunk], None],
    ) -> None:
        """Has all chunks done.

        Raises:
            InvalidInput: workers are lost again and again without getting anywhere, or one of them refused its work.
        """
        waiting = deque(chunks)
        while waiting or self._busy:
            while waiting and self._idle:
                worker = self._idle.pop(0)
                self._busy[worker] = waiting.popleft()
                self._crew.give(worker, self._busy[worker])
            self._dismiss_idle()
            self._hire(min(self._workers, len(waiting) + len(self._busy)))
            event = self._crew.next()
            chunk = self._busy.get(event.worker)
            if isinstance(event, Advanced) and chunk is not None:
                self._count_steps(chunk, event.report.steps)
                on_report(chunk, event.report)
            elif isinstance(event, Finished) and chunk is not None:
                on_finished(chunk)
            elif isinstance(event, Lost) and chunk is not None:
                waiting.appendleft(chunk)
            self._note_event(event)

    def close(self) -> None:
        """Ends all workers."""
        for worker in [*self._starting, *self._idle, *self._busy]:
            self._crew.dismiss(worker)
        self._starting, self._idle, self._busy = set(), [], {}

    def _hire(self, wanted: int) -> None:
        while len(self._starting) + len(self._idle) + len(self._busy) < wanted:
            self._starting.add(self._crew.hire())

    def _dismiss_idle(self) -> None:
        """There is nothing left for them; where a worker is lost later on, another one is started."""
        for worker in self._idle:
            self._crew.dismiss(worker)
        self._idle = []

    def _note_event(self, event: Event) -> None:
        """Who is where after an event."""
        match event:
            case Ready(worker):
                self._starting.discard(worker)
                self._idle.append(worker)
                self._failed_starts = 0
            case Finished(worker):
                del self._busy[worker]
                self._idle.append(worker)
            case Lost(worker, reason):
                self._lose(worker, reason)

    def _count_steps(self, chunk: Chunk, steps: int) -> None:
        """A chunk that has come further than ever begins its strikes anew."""
        if steps > self._steps[chunk]:
            self._steps[chunk] = steps
            del self._strikes[chunk]

    def _lose(self, worker: int, reason: str) -> None:
        self.lost += 1
        chunk = self._busy.pop(worker, None)
        if worker in self._idle:
            self._idle.remove(worker)
            return
        if chunk is None:
            self._starting.discard(worker)
            self._failed_starts += 1
            what, count = "before it was ready", self._failed_starts
        else:
            self._strikes[chunk] += 1
            what, count = f"on inputs {chunk.first} to {chunk.last - 1}", self._strikes[chunk]
        if count >= STRIKES:
            raise InvalidInput(
                f"{count} workers in a row were lost {what} without getting anywhere, the last because: {reason}. What "
                "was evaluated is kept. If memory ran out: fewer workers, a narrower dtype, or a smaller --chunk"
            )
        self._note(f"a worker was lost {what} ({reason}); another one goes on")
