"""Workers as actors of Ray, held directly: whoever is lost is replaced by us, so that it is known what it was doing.

Ray is imported when a cluster is opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from skiploop.distributed.chunks import Chunk
from skiploop.distributed.dispatch import Advanced, Event, Finished, Lost, Ready
from skiploop.distributed.extra import require_ray
from skiploop.distributed.mirror import apply, contents, mark
from skiploop.distributed.settings import LOCAL, RaySettings
from skiploop.distributed.worker import Assignment, ChunkReport, Placement, Replica
from skiploop.errors import InvalidInput
from skiploop.studies.spread import Job

SECONDS = 1.0
"""After which a wait is begun again, so that Ctrl-C is heard."""
_STORE_BYTES = 100 * 2**20  # of a local object store: what goes through it are reports


@contextmanager
def open_cluster(settings: RaySettings) -> Iterator[None]:
    """Ray, connected; one that was started here is ended, one that was connected before stays.

    Raises:
        InvalidInput: Ray isn't installed, or the cluster isn't there.
    """
    require_ray()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    import ray

    if ray.is_initialized():
        yield
        return
    own = {"num_cpus": _cpus(settings), "object_store_memory": _STORE_BYTES} if settings.where == LOCAL else {}
    try:
        ray.init(
            address=settings.where, include_dashboard=False, logging_level="ERROR", log_to_driver=False,
            configure_logging=False, **own,
        )  # fmt: skip
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InvalidInput(
            f"--address {settings.where}: no cluster of Ray can be joined there ({str(error).splitlines()[0]}); start "
            "one with `ray start --head`, or use --address local"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def workers_and_gpus(settings: RaySettings) -> tuple[int, float]:
    """How many workers there are, and how many GPUs each takes, on the cluster that is open.

    Raises:
        InvalidInput: not even one fits.
    """
    import ray

    there = ray.cluster_resources()
    gpus, cpus = there.get("GPU", 0.0), there.get("CPU", 0.0)
    each = settings.gpus_per_worker if settings.gpus_per_worker is not None else float(gpus > 0)
    fit = int(min(gpus / each if each else cpus, cpus / settings.cpus_per_worker))
    if fit < 1:
        raise InvalidInput(
            f"no worker fits: each takes {settings.cpus_per_worker} CPUs and {each:g} GPUs, and the cluster has "
            f"{cpus:g} and {gpus:g}; change --cpus-per-worker or --gpus-per-worker, or add machines"
        )
    return settings.workers or fit, each


@dataclass
class _Actor:
    handle: Any
    waited: Any  # what tells of it next: a reference, or a generator of them
    working: bool = False
    place: Path | None = None  # of the shard that it works on


@dataclass
class RayCrew:
    """Workers of one study, see `skiploop.distributed.dispatch.Crew`.

    Args:
        job: what they work on.
        where: they are.
        gpus: that each takes.
    """

    job: Job
    where: Placement
    gpus: float
    _study: tuple[Path, dict[str, Any]] | None = None
    _token: str = field(default_factory=lambda: uuid4().hex)
    _actors: dict[int, _Actor] = field(default_factory=dict)
    _hired: int = 0

    def begin(self, out: Path, run: dict[str, Any]) -> None:
        """Keeps what actors are told of the study."""
        self._study = (out, run)
        mark(out, self._token)

    def hire(self) -> int:
        """Starts an actor, and has it open the model."""
        import ray

        kind: Any = ray.remote(Replica)
        handle = kind.options(num_cpus=self.where.threads, num_gpus=self.gpus, max_restarts=0).remote(
            self.job, self.where
        )
        self._hired += 1
        self._actors[self._hired] = _Actor(handle, handle.open.remote())
        return self._hired

    def give(self, worker: int, chunk: Chunk) -> None:
        """Has an actor work on a chunk."""
        assert self._study is not None, "a study has begun before anybody works on it"
        (out, run), actor = self._study, self._actors[worker]
        place = chunk.place(out)
        given = Assignment(chunk, place, run, self._token, contents(place))
        actor.waited = actor.handle.work.options(num_returns="streaming").remote(given)
        actor.working, actor.place = True, place

    def dismiss(self, worker: int) -> None:
        """Ends an actor's process, whatever it does; its folder is in order at any moment."""
        import ray

        ray.kill(self._actors.pop(worker).handle, no_restart=True)

    def next(self) -> Event:
        """What happens next to any of them.

        Raises:
            InvalidInput: or whatever else an actor raised.
        """
        import ray

        while True:
            waited = {id(actor.waited): number for number, actor in self._actors.items() if actor.waited is not None}
            there = [self._actors[number].waited for number in waited.values()]
            assert there, "somebody is starting or working"
            ready, _ = ray.wait(there, num_returns=1, timeout=SECONDS)
            for each in ready:
                return self._event(waited[id(each)])

    def _event(self, number: int) -> Event:
        import ray
        from ray.exceptions import RayActorError, RayTaskError

        actor = self._actors[number]
        try:
            if not actor.working:
                opening = ray.get(actor.waited)
                actor.waited = None
                return Ready(number, opening)
            report: ChunkReport = ray.get(next(actor.waited))
            assert actor.place is not None, "it was given a chunk"
            apply(actor.place, report.changes)
            return Advanced(number, replace(report, changes=()))
        except StopIteration:
            actor.waited, actor.working = None, False
            return Finished(number)
        except RayTaskError as error:
            raise (error.cause if isinstance(error.cause, Exception) else error) from None
        except RayActorError as error:
            self.dismiss(number)  # one that can't be reached, say, which may be alive
            return Lost(number, _reason(error))


def _reason(error: Exception) -> str:
    """The first sentence of what Ray says of a death."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    details = [line for line in lines if "Worker exit" in line or "died" in line or "memory" in line]
    return (details or lines or ["no reason given"])[-1][:160]


def _cpus(settings: RaySettings) -> int:
    """Of a local cluster: enough for the workers that are wanted, also where they share processors."""
    return max(
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        (settings.workers or 1) * settings.cpus_per_worker,
    )
