"""A search whose inputs are spread over workers; the result is the one of a single process, byte for byte.

    study = search("nano", "nano", execution=Execution(spread=RaySearch(RaySettings(workers=2))))

The driver, which is the process that calls this, opens no model and holds no tensors: the first worker says what goes
into run.json and inputs.jsonl. It may die: the same call goes on from the shards.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from skiploop.distributed.chunks import Chunk, cut, kept_size, suitable_size
from skiploop.distributed.dispatch import Crew, Dispatcher
from skiploop.distributed.extra import require_ray
from skiploop.distributed.merge import merge_shards
from skiploop.distributed.ray_crew import RayCrew, open_cluster, workers_and_gpus
from skiploop.distributed.settings import RaySettings
from skiploop.distributed.worker import ChunkReport, Job, Preparation, read_report
from skiploop.errors import InvalidInput
from skiploop.studies.clock import Clock
from skiploop.studies.folder import StudyFolder, read_inputs, read_run, read_timing
from skiploop.studies.lines import read_evaluations
from skiploop.studies.prepared import whole_and_given
from skiploop.studies.progress import Interrupted, MakeProgress, Progress, silent
from skiploop.studies.record import default_out
from skiploop.studies.search_steps import finish, note_versions
from skiploop.studies.settings import StudySettings
from skiploop.studies.shards import SHARDS
from skiploop.tasks import Subset, Task


@dataclass(frozen=True, slots=True)
class RaySearch:
    """Does searches over workers of Ray; an `Execution` with it as `spread` does so wherever a search is to be done.

    Attributes:
        spread: where the workers run, and how many there are.
        progress: makes what shows the progress.
    """

    spread: RaySettings = field(default_factory=RaySettings)
    progress: MakeProgress = silent

    def __call__(self, model: str, task: Task | Subset, out: Path | None, settings: StudySettings) -> Path:
        """Does a search, or what is left of it.

        Args:
            model: `nano`, the name of a model of the hub, or a folder that all workers can read.
            task: whole, or some examples of it.
            out: the study's folder; None: one below `runs/`. One that holds the same study is resumed.
            settings: of the study.

        Returns:
            The folder of the finished study, which is the one of a single process.

        Raises:
            InvalidInput: for everything that is wrong with the arguments, before any work starts; for settings by which
                inputs depend on each other; where workers are lost again and again.
            UnsupportedModel: the model can't run chains exactly.
            Interrupted: on Ctrl-C.
        """
        check_spread(settings)
        pool, given = whole_and_given(task)
        assert isinstance(pool, Task), "a task is made before it is spread"
        job = Job(model, pool, given, settings, self.spread.cpus_per_worker, str(Path.cwd()))
        with open_cluster(self.spread):
            workers, gpus = workers_and_gpus(self.spread)
            return searched(
                RayCrew(replace(job, several=gpus > 1), gpus),
                workers,
                self.spread.chunk,
                out,
                self.progress("oracle accuracy"),
            )


def check_spread(settings: StudySettings) -> None:
    """Raises InvalidInput where a study can't be spread over processes, or Ray isn't there."""
    for flag, given, why in (
        ("--memory", settings.search.memory, "what an input is searched with depends on the inputs before it"),
        ("--total-budget", settings.search.total_budget, "which input is asked depends on all the others"),
    ):
        if given:
            raise InvalidInput(f"{flag} doesn't go with --ray: {why}, so inputs can't be spread; leave one of them out")
    require_ray()


def searched(crew: Crew, workers: int, chunk: int | None, out: str | Path | None, progress: Progress) -> Path:
    """Has a crew do a search, or what is left of it.

    Args:
        crew: its workers.
        workers: of them at a time.
        chunk: inputs of a chunk; None: what suits the number of workers.
        out: the study's folder; None: one below `runs/`.
        progress: receives progress updates.

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
                size = kept_size(place, chunk or suitable_size(len(opening.inputs), workers))
                crew.begin(place, opening.run)
                _work(folder, cut(len(opening.inputs), size), dispatcher, opening, progress)
            shutil.rmtree(place / SHARDS, ignore_errors=True)
    finally:
        dispatcher.close()
    return place if out is None else Path(out)


def _work(
    folder: StudyFolder, chunks: list[Chunk], dispatcher: Dispatcher, opening: Preparation, progress: Progress
) -> None:
    """Has all chunks done, and puts their shards together."""
    settings = StudySettings.from_json(opening.run["settings"])
    spent = _LayerCalls()
    clock = Clock(folder, spent)  # type: ignore[arg-type]
    tally = _Tally(settings, chunks, progress.update)
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
        raise Interrupted(folder.path, "search", tally.done, tally.total) from None
    finally:
        clock.save()
    shards = [chunk.place(folder.path) for chunk in chunks]
    merge_shards(folder.path, shards, settings.engine.per_call)
    run, inputs = read_run(folder.path), read_inputs(folder.path)
    finish(folder, read_evaluations(folder.path, run, inputs))
    spent.layer_calls = int(sum(read_timing(shard).get("engine_layer_calls", 0) for shard in shards))
    clock.save()


@dataclass
class _LayerCalls:
    """Those of all workers, once their shards are put together."""

    layer_calls: int = 0


@dataclass
class _Tally:
    """How far all chunks are together."""

    settings: StudySettings
    chunks: list[Chunk]
    update: Callable[..., None]
    reports: dict[Chunk, ChunkReport] = field(default_factory=dict)

    def add(self, chunk: Chunk, report: ChunkReport) -> None:
        """Takes into account how far a chunk is."""
        self.reports[chunk] = report
        inputs = sum(map(len, self.reports))
        right = sum(report.right * len(chunk) for chunk, report in self.reports.items())
        self.update(self.done, self.total, right / inputs, replayed=report.replayed)

    @property
    def done(self) -> int:
        """Evaluations so far."""
        return sum(report.done for report in self.reports.values())

    @property
    def total(self) -> int:
        """Evaluations that there will be at most; of chunks that nobody has begun, with the control on all inputs."""
        arms = 1 + len(self.settings.peers) + self.settings.controls.control
        unknown = sum(len(chunk) for chunk in self.chunks if chunk not in self.reports)
        known = sum(report.total for report in self.reports.values())
        return known + unknown * arms * self.settings.search.budget
