"""Work whose inputs are spread over workers; the result is the one of a single process, byte for byte.

    study = search("nano", "nano", execution=Execution(spread=RaySpread(RaySettings(workers=2))))

The driver, which is the process that calls this, opens no model and holds no tensors: the first worker says what goes
into run.json and inputs.jsonl. It may die: the same call goes on from the shards.
"""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from skiploop.distributed.chunks import Chunk, cut, kept_size, suitable_size
from skiploop.distributed.dispatch import Crew, Dispatcher
from skiploop.distributed.extra import require_ray
from skiploop.distributed.ray_crew import RayCrew, open_cluster, workers_and_gpus
from skiploop.distributed.settings import RaySettings
from skiploop.distributed.worker import ChunkReport, Placement, Preparation, read_report
from skiploop.studies.clock import Clock
from skiploop.studies.folder import StudyFolder, read_timing
from skiploop.studies.progress import Interrupted, MakeProgress, Progress, silent
from skiploop.studies.record import default_out
from skiploop.studies.shards import SHARDS
from skiploop.studies.spread import Job, note_versions


@dataclass(frozen=True, slots=True)
class RaySpread:
    """Has jobs done by workers of Ray; an `Execution` with it as `spread` does so with all that can be spread.

    Attributes:
        settings: where the workers run, and how many there are.
        progress: makes what shows the progress.
    """

    settings: RaySettings = field(default_factory=RaySettings)
    progress: MakeProgress = silent

    def __call__(self, job: Job, out: Path | None) -> Path:
        """Does a job, or what is left of it.

        Args:
            job: what is to be done, of a model that all workers can open by its name.
            out: the study's folder; None: one below `runs/`. One that holds the same study is resumed.

        Returns:
            The folder of the finished study, which is the one of a single process.

        Raises:
            InvalidInput: for everything that is wrong with the job, before any work starts; Ray isn't installed;
                workers are lost again and again.
            UnsupportedModel: the model can't run chains exactly.
            Interrupted: on Ctrl-C.
        """
        require_ray()
        with open_cluster(self.settings):
            workers, gpus = workers_and_gpus(self.settings)
            place = Placement(str(Path.cwd()), self.settings.cpus_per_worker, gpus > 1)
            return done_by(RayCrew(job, place, gpus), workers, job, out, self.progress(job.share), self.settings.chunk)


def done_by(
    crew: Crew, workers: int, job: Job, out: str | Path | None, progress: Progress, chunk: int | None = None
) -> Path:
    """Has a crew do a job, or what is left of it.

    Args:
        crew: its workers.
        workers: of them at a time.
        job: what they do.
        out: the study's folder; None: one below `runs/`.
        progress: receives progress updates.
        chunk: inputs of a chunk; None: what suits the number of workers.

    Returns:
        The folder of the finished study.
    """
    dispatcher = Dispatcher(crew, workers, progress.note)
    try:
        opening = dispatcher.first()
        place = (default_out(opening.run) if out is None else Path(out)).absolute()
        with StudyFolder(place, opening.run, opening.inputs, sharded=True) as folder:
            if not folder.complete:
                note_versions(folder, opening.run, progress)
                wanted = chunk or suitable_size(len(opening.inputs), workers)
                size = kept_size(place, math.ceil(wanted / job.multiple) * job.multiple)
                crew.begin(place, opening.run)
                _work(folder, cut(len(opening.inputs), size), dispatcher, job, opening, progress)
            shutil.rmtree(place / SHARDS, ignore_errors=True)
    finally:
        dispatcher.close()
    return place if out is None else Path(out)


def _work(
    folder: StudyFolder,
    chunks: list[Chunk],
    dispatcher: Dispatcher,
    job: Job,
    opening: Preparation,
    progress: Progress,
) -> None:
    """Has all chunks done, and puts their shards together."""
    spent = _LayerCalls()
    clock = Clock(folder, spent)  # type: ignore[arg-type]
    tally = _Tally(job.evaluations(opening.run), chunks, progress)
    waiting = []
    for chunk in chunks:
        known = read_report(chunk.place(folder.path))
        if known is None:
            waiting.append(chunk)
        else:
            tally.add(chunk, known)
    try:
        with progress:
            dispatcher.run(waiting, tally.add, lambda chunk: clock.tick())
    except KeyboardInterrupt:
        raise Interrupted(folder.path, opening.run["kind"], tally.done, tally.total) from None
    finally:
        clock.save()
    shards = [chunk.place(folder.path) for chunk in chunks]
    job.finish(folder, shards)
    spent.layer_calls = int(sum(read_timing(shard).get("engine_layer_calls", 0) for shard in shards))
    clock.save()


@dataclass
class _LayerCalls:
    """Those of all workers, once their shards are put together."""

    layer_calls: int = 0


@dataclass
class _Tally:
    """How far all chunks are together.

    Attributes:
        evaluations: of an input, at most.
        chunks: all of them.
        progress: receives updates.
        reports: the last of each chunk that was begun.
    """

    evaluations: int
    chunks: list[Chunk]
    progress: Progress
    reports: dict[Chunk, ChunkReport] = field(default_factory=dict)

    def add(self, chunk: Chunk, report: ChunkReport) -> None:
        """Takes into account how far a chunk is."""
        self.reports[chunk] = report
        inputs = sum(map(len, self.reports))
        share = sum(each.at.share * len(chunk) for chunk, each in self.reports.items())
        self.progress.update(self.done, self.total, share / inputs, replayed=report.at.replayed)

    @property
    def done(self) -> int:
        """Evaluations so far."""
        return sum(report.at.done for report in self.reports.values())

    @property
    def total(self) -> int:
        """Evaluations that there will be at most."""
        unknown = sum(len(chunk) for chunk in self.chunks if chunk not in self.reports)
        return sum(report.at.total for report in self.reports.values()) + unknown * self.evaluations
