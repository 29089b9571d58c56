"""Workers in this process, one step at a time in a seeded order, that can be lost."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skiploop.distributed.chunks import Chunk
from skiploop.distributed.dispatch import Advanced, Event, Finished, Lost, Ready
from skiploop.distributed.mirror import apply, contents, mark
from skiploop.distributed.worker import Assignment, ChunkReport, Preparation, work_on_chunk
from skiploop.studies.execution import Execution
from skiploop.studies.prepared import PreparedSearch, prepare
from skiploop.studies.search_job import SearchJob
from skiploop.studies.spread import Job, OpenedJob
from skiploop.testing.fakes import FakeModel, FakeRunner


@dataclass(frozen=True)
class FakeSearch(SearchJob):
    """A search without a model, all of whose workers have one runner, or each its own."""

    runner: FakeRunner | None = None

    def open(self, *, several_gpus: bool = False) -> PreparedSearch:
        return prepare(FakeModel(), self.pool, self.given, self.settings, Execution(self.runner or FakeRunner()))


class LocalCrew:
    """Workers that share a model.

    Args:
        job: what they work on; opened by each worker that is hired.
        seed: of the order of events.
        loses: of each event that would be next, whether its worker is lost instead.
        blind: whether the workers don't see the study's folder, so that shards are brought to the driver.
    """

    def __init__(
        self,
        job: Job,
        seed: int = 0,
        loses: Callable[[Event, random.Random], bool] = lambda event, rng: False,
        blind: bool = False,
    ) -> None:
        self.given: list[tuple[int, Chunk]] = []
        self.lost = self.brought = 0
        self._token, self._blind = "of this crew", blind
        self.job, self._rng, self._loses = job, random.Random(seed), loses
        self._workers: dict[int, OpenedJob] = {}
        self._waited: dict[int, Iterator[ChunkReport] | None] = {}
        self._places: dict[int, Path] = {}
        self._hired = 0

    def begin(self, out: Path, run: dict[str, Any]) -> None:
        self._out, self._run = out, run
        mark(out, self._token)

    def hire(self) -> int:
        self._hired += 1
        self._workers[self._hired] = self.job.open()
        self._waited[self._hired] = None
        return self._hired

    def give(self, worker: int, chunk: Chunk) -> None:
        self.given.append((worker, chunk))
        place, token = chunk.place(self._out), "none" if self._blind else self._token
        self._places[worker] = place
        given = Assignment(chunk, place, self._run, token, contents(place))
        self._waited[worker] = work_on_chunk(self._workers[worker], given)

    def dismiss(self, worker: int) -> None:
        self._workers.pop(worker)
        self._close(self._waited.pop(worker, None))

    def next(self) -> Event:
        worker = self._rng.choice(sorted(self._waited))
        event = self._event(worker)
        if self._loses(event, self._rng):
            self.lost += 1
            self._workers.pop(worker)
            self._close(self._waited.pop(worker, None))
            return Lost(worker, "killed")
        return event

    def _event(self, worker: int) -> Event:
        steps = self._waited[worker]
        if steps is None:
            prepared = self._workers[worker]
            del self._waited[worker]
            return Ready(worker, Preparation(prepared.run, prepared.inputs))
        try:
            report = next(steps)
            self.brought += sum(len(change.data) for change in report.changes)
            apply(self._places[worker], report.changes)
            return Advanced(worker, report)
        except StopIteration:
            del self._waited[worker]
            return Finished(worker)

    @staticmethod
    def _close(steps: Any) -> None:
        if steps is not None:
            steps.close()
