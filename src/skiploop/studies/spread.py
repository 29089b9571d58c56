"""Work on inputs that don't depend on each other: what one process does alone, or several of them in parts. No torch.

A `Job` says what is to be done, so that any process can be told; an `OpenedJob` is that job with the model opened. A
part of the inputs is worked on in a folder of its own, which is an ordinary study of these inputs.
`skiploop.distributed` gives parts to processes; `work_alone` does all of it here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from skiploop.engine.request import Runner
from skiploop.storage.files import Line
from skiploop.studies.clock import Clock
from skiploop.studies.folder import StudyFolder, read_run
from skiploop.studies.progress import Interrupted, Progress


@dataclass(frozen=True, slots=True)
class JobStep:
    """How far some work is.

    Attributes:
        done: evaluations so far.
        total: evaluations that there will be at most.
        share: of what the job shows, on its inputs.
        replayed: the evaluations came from the folder's journal.
    """

    done: int = 0
    total: int = 0
    share: float = 0.0
    replayed: bool = False


class OpenedJob(Protocol):
    """A job in a process that has opened the model for it."""

    @property
    def run(self) -> dict[str, Any]:
        """What goes into run.json."""

    @property
    def inputs(self) -> list[Line]:
        """What goes into inputs.jsonl."""

    @property
    def runner(self) -> Runner:
        """Evaluates."""

    def steps(self, folder: StudyFolder, first: int, last: int, clock: Clock) -> Iterator[JobStep]:
        """Works on the inputs from `first` up to `last`, which isn't among them, or on what the folder lacks of that.

        Yields:
            After each step, when all that was evaluated is on the disk.
        """


class Job(Protocol):
    """What is to be done, as it is sent to a process."""

    @property
    def share(self) -> str:
        """Name of the share that a step tells."""

    @property
    def multiple(self) -> int:
        """Inputs are given away in multiples of it: those that are run together."""

    def open(self, *, several_gpus: bool = False) -> OpenedJob:
        """Opens the model, over several GPUs where no device is named, and prepares the work.

        Raises:
            InvalidInput: for everything that is wrong with it.
            UnsupportedModel: the model can't run chains exactly.
        """

    def evaluations(self, run: dict[str, Any]) -> int:
        """Of an input, at most."""

    def finish(self, folder: StudyFolder, shards: Sequence[Path]) -> None:
        """Puts complete shards, in the order of the inputs, together as one process would have written them, and writes
        the summary. Needs no model.

        Raises:
            InvalidInput: a shard isn't complete, or was damaged.
        """


class Spread(Protocol):
    """Has a job done in several processes, see `skiploop.distributed`."""

    def __call__(self, job: Job, out: Path | None) -> Path:
        """The folder (None: one below `runs/`) of the finished study, which is the one of a single process."""


def work_alone(work: OpenedJob, out: Path, progress: Progress, finish: Callable[[StudyFolder], None]) -> None:
    """Does all of a job in this process, or what is left of it.

    Args:
        work: the job, opened.
        out: its folder.
        progress: receives progress updates.
        finish: writes the summary.

    Raises:
        InvalidInput: the folder is used for something else.
        Interrupted: on Ctrl-C; what was evaluated is kept.
    """
    with StudyFolder(out, work.run, work.inputs) as folder:
        if folder.complete:
            return
        note_versions(folder, work.run, progress)
        clock, step = Clock(folder, work.runner), JobStep()
        try:
            with progress:
                for step in work.steps(folder, 0, len(work.inputs), clock):
                    progress.update(step.done, step.total, step.share, replayed=step.replayed)
        except KeyboardInterrupt:
            raise Interrupted(out, work.run["kind"], step.done, step.total) from None
        finally:
            clock.save()
        finish(folder)


def note_versions(folder: StudyFolder, run: dict[str, Any], progress: Progress) -> None:
    """Says where a study was begun with other versions of what it is computed with."""
    before = read_run(folder.path)["versions"]
    for name, now in run["versions"].items():
        if before.get(name) != now:
            progress.note(f"{folder.path} was begun with {name} {before.get(name)}, this is {now}: rounding may differ")
