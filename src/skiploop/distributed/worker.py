"""What a worker does: it opens the model once, and works on one chunk of the inputs at a time, in a shard of its own.

A shard is an ordinary study of its inputs. A worker that is killed leaves at most the batch that it was evaluating
undone, and whoever is given the chunk next goes on from there. No Ray: it makes an actor of the class.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from skiploop.distributed.chunks import Chunk
from skiploop.distributed.mirror import Change, Mirror, sees
from skiploop.errors import InvalidInput
from skiploop.storage.files import Line, read_json
from skiploop.studies.clock import Clock
from skiploop.studies.folder import StudyFolder
from skiploop.studies.record import differing
from skiploop.studies.spread import Job, JobStep, OpenedJob

WAIT = 120.0
"""Seconds for which the process that had a shard before may still be going away."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a worker is.

    Attributes:
        cwd: the driver's folder, from which names of files are meant where a worker has it.
        threads: of torch.
        several_gpus: whether it has several GPUs, over which the layers are spread where no device is named.
    """

    cwd: str
    threads: int = 1
    several_gpus: bool = False


@dataclass(frozen=True, slots=True)
class Preparation:
    """What a worker says of a study once it has prepared it: what goes into run.json and inputs.jsonl."""

    run: dict[str, Any]
    inputs: list[Line]


@dataclass(frozen=True, slots=True)
class Assignment:
    """A chunk as it is given to a worker.

    Attributes:
        chunk: its inputs.
        place: the folder of its shard, in the study's folder.
        run: the study's run.json, which each worker has to agree with.
        token: by which a worker knows the study's folder, if it sees it.
        begun: what the shard has already, for a worker that doesn't see it.
    """

    chunk: Chunk
    place: Path
    run: dict[str, Any]
    token: str
    begun: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class ChunkReport:
    """How far a chunk is.

    Attributes:
        at: evaluations so far, and the share that the job shows.
        steps: of its work, those that were done before it was begun again included; what tells that it gets further.
        changes: what is new in the shard, where the driver has to be brought it.
    """

    at: JobStep
    steps: int = 0
    changes: tuple[Change, ...] = ()


class Replica:
    """A worker: one replica of the model, and one engine.

    Args:
        job: what is to be done. Nothing is opened before `open` is called, so that what is wrong with it is said there.
        place: where the worker is.
    """

    def __init__(self, job: Job, place: Placement) -> None:
        self._job, self._place = job, place
        self._work: OpenedJob | None = None

    def open(self) -> Preparation:
        """Opens the model and prepares the study.

        Raises:
            InvalidInput: for everything that is wrong with it.
            UnsupportedModel: the model can't run chains exactly.
        """
        import torch

        if Path(self._place.cwd).is_dir():
            os.chdir(self._place.cwd)
        torch.set_num_threads(self._place.threads)
        self._work = self._job.open(several_gpus=self._place.several_gpus)
        return Preparation(self._work.run, self._work.inputs)

    def work(self, given: Assignment) -> Iterator[ChunkReport]:
        """Works on a chunk, or on what is left of it, until nothing is.

        Yields:
            After each step, when all that was evaluated is on the disk.

        Raises:
            InvalidInput: this worker's replica is another one than the first worker's; the folder can't be written.
        """
        assert self._work is not None, "a worker is given chunks once it is open"
        _check_replica(self._work.run, given.run)
        yield from work_on_chunk(self._work, given)


def work_on_chunk(work: OpenedJob, given: Assignment) -> Iterator[ChunkReport]:
    """A chunk, in the study's folder, or in one of this machine from which it is brought to the driver."""
    if sees(given.place, given.token):
        yield from work_on_shard(work, given.chunk, given.place, given.run)
        return
    with tempfile.TemporaryDirectory(prefix="skiploop-") as folder:
        place = Path(folder) / given.place.name
        mirror = Mirror(place, given.begun)
        for report in work_on_shard(work, given.chunk, place, given.run):
            yield replace(report, changes=mirror.changes())
        done = read_report(place)
        assert done is not None, "a shard that nothing is left of is complete"
        yield replace(done, changes=mirror.changes())


def work_on_shard(work: OpenedJob, chunk: Chunk, place: Path, run: dict[str, Any]) -> Iterator[ChunkReport]:
    """A shard in a folder that this process sees, or what is left of it."""
    with StudyFolder(place, run, work.inputs[chunk.first : chunk.last], wait=WAIT) as folder:
        if folder.complete:
            return
        clock, step = Clock(folder, work.runner), JobStep()
        try:
            for number, step in enumerate(work.steps(folder, chunk.first, chunk.last, clock), start=1):
                yield ChunkReport(step, number)
        finally:
            clock.save()
        folder.write_summary(asdict(step))


def read_report(place: Path) -> ChunkReport | None:
    """What the shard in a folder came to; None where it isn't complete."""
    summary = place / "summary.json"
    if not summary.exists():
        return None
    found = read_json(summary)
    return ChunkReport(JobStep(found["done"], found["total"], found["share"], replayed=True))


def _check_replica(own: dict[str, Any], first: dict[str, Any]) -> None:
    different = differing(first, own)
    if different:
        named = ", ".join(f"{name} ({one!r} and {two!r})" for name, (one, two) in different.items())
        raise InvalidInput(
            f"two workers have different replicas, so that their results can't be put together: {named}. Give all of "
            "them the same files, devices and versions, or name what differs (--dtype, --device)"
        )
