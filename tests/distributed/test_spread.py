"""A search in several processes is the one of a single process, whoever is lost on the way."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from skiploop.distributed.chunks import Chunk, cut, kept_size, suitable_size
from skiploop.distributed.dispatch import STRIKES, Advanced, Event, Finished, Ready
from skiploop.distributed.spread import RaySpread, done_by
from skiploop.distributed.worker import Assignment, Placement, Replica
from skiploop.errors import InvalidInput
from skiploop.studies.execution import Execution
from skiploop.studies.progress import Interrupted, Progress
from skiploop.studies.search import load_study, search
from skiploop.studies.search_job import SearchJob
from skiploop.studies.settings import StudySettings
from skiploop.studies.shards import SHARDS
from skiploop.testing.fakes import FakeModel, FakeRunner, fake_task, options
from tests.distributed.crews import FakeSearch, LocalCrew

FILES = ("inputs.jsonl", "journal.jsonl", "verified.jsonl", "metrics.jsonl", "summary.json")


def contents(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() if (out / name).exists() else b"" for name in FILES}


def searching(scoring: str = "verbatim", runner: FakeRunner | None = None, **changes: object) -> SearchJob:
    return FakeSearch("fake", fake_task(scoring=scoring), None, StudySettings().changed(**options(**changes)), runner)


def alone(out: Path, scoring: str = "verbatim", **changes: object) -> dict[str, bytes]:
    search(FakeModel(), fake_task(scoring=scoring), out=out, execution=Execution(FakeRunner()), **options(**changes))
    return contents(out)


@pytest.mark.parametrize(
    ("scoring", "chunk", "changes"),
    [
        ("verbatim", 1, {"budget": 6}),
        ("exact", 4, {"per_call": 7, "stop_early": True}),
        ("choice", 3, {"per_call": 3}),  # three files to merge: the identity is judged by every metric
        ("choice", 4, {"searcher": "gp", "budget": 8, "verify": False}),
    ],
)
def test_files_are_byte_for_byte_those_of_one_process(
    tmp_path: Path, scoring: str, chunk: int, changes: dict[str, object]
) -> None:
    crew = LocalCrew(searching(scoring, **changes))
    done_by(crew, 2, crew.job, tmp_path / "several", Progress(), chunk)
    assert contents(tmp_path / "several") == alone(tmp_path / "one", scoring, **changes)
    assert {worker for worker, _ in crew.given} == {1, 2}
    assert not (tmp_path / "several" / SHARDS).exists()


def often(event: Event, rng: random.Random) -> bool:
    if isinstance(event, Advanced):
        return not event.report.at.replayed and rng.random() < 0.15
    return rng.random() < 0.05


@pytest.mark.parametrize("blind", [False, True])
def test_nothing_is_lost_with_workers_that_are(tmp_path: Path, blind: bool) -> None:
    """Whether they see the study's folder or their shards are brought to it."""
    crew = LocalCrew(searching("choice", budget=12), 1, often, blind)
    done_by(crew, 3, crew.job, tmp_path / "several", Progress(), 2)
    assert crew.lost > 3 and (crew.brought > 0) == blind
    assert contents(tmp_path / "several") == alone(tmp_path / "one", "choice", budget=12)


def test_the_same_call_goes_on_after_the_driver_has_died(tmp_path: Path) -> None:
    """With other workers, who keep to the chunks that there are, and evaluate nothing again that is complete."""
    out, runner = tmp_path / "several", FakeRunner()
    job = searching(runner=runner)

    def dies(event: Event, rng: random.Random) -> bool:
        if isinstance(event, Finished):
            raise KeyboardInterrupt
        return False

    for _ in range(3):  # each of them ends with its first chunk that is done
        with pytest.raises(Interrupted, match="what is done is kept"):
            done_by(LocalCrew(job, loses=dies), 1, job, out, Progress(), 2)
    study = load_study(out)
    assert not study.complete and 0 < len(study.inputs) < 10
    crew = LocalCrew(job)
    done_by(crew, 2, crew.job, out, Progress(), 5)
    assert {chunk for _, chunk in crew.given} == set(cut(10, 2)[3:])
    one, single = alone(tmp_path / "one"), FakeRunner()
    assert contents(out) == one
    search(FakeModel(), fake_task(), out=tmp_path / "again", execution=Execution(single), **options())
    assert runner.layer_calls == single.layer_calls


def test_a_slow_worker_holds_up_its_own_chunk_alone(tmp_path: Path) -> None:
    """Chunks that nobody has begun go to whoever is idle."""

    class Slow(LocalCrew):
        def next(self) -> Event:
            others = [worker for worker in self._waited if worker != 1]
            return self._event(min(others, default=1))

    crew = Slow(searching())
    done_by(crew, 2, crew.job, tmp_path / "several", Progress(), 1)
    assert [chunk for worker, chunk in crew.given if worker == 1] in ([Chunk(9, 10)], [])


def test_workers_that_are_lost_again_and_again_end_the_study(tmp_path: Path) -> None:
    def always(event: Event, rng: random.Random) -> bool:
        return not isinstance(event, Ready)

    with pytest.raises(InvalidInput, match=f"{STRIKES} workers in a row were lost on inputs 0 to 4 .*killed.*kept"):
        done_by(LocalCrew(searching(), loses=always), 1, searching(), tmp_path / "several", Progress(), 5)
    with pytest.raises(InvalidInput, match=f"{STRIKES} workers in a row were lost before it was ready"):
        done_by(LocalCrew(searching(), loses=lambda event, rng: True), 1, searching(), tmp_path / "s", Progress(), 5)


def test_a_study_is_gone_on_with_as_it_was_begun(tmp_path: Path) -> None:
    def dies(event: Event, rng: random.Random) -> bool:
        if isinstance(event, Finished):
            raise KeyboardInterrupt
        return False

    with pytest.raises(Interrupted):
        done_by(LocalCrew(searching(), loses=dies), 1, searching(), tmp_path / "several", Progress(), 2)
    with pytest.raises(InvalidInput, match="begun by several processes; give its command with --ray"):
        alone(tmp_path / "several")
    with pytest.raises(InvalidInput, match=r"holds another study. Different: search\.budget"):
        done_by(LocalCrew(searching(budget=21)), 1, searching(budget=21), tmp_path / "several", Progress(), 2)

    alone(tmp_path / "one")
    (tmp_path / "one" / "summary.json").unlink()
    with pytest.raises(InvalidInput, match="begun in one process; give its command without --ray"):
        done_by(LocalCrew(searching()), 1, searching(), tmp_path / "one", Progress(), 2)


def test_another_replica_is_refused(tmp_path: Path) -> None:
    replica = Replica(searching(), Placement("."))
    run = replica.open().run
    other = {**run, "model": {**run["model"], "dtype": "bfloat16"}}
    with pytest.raises(InvalidInput, match=r"different replicas.*model\.dtype \('bfloat16' and 'float32'\)"):
        next(replica.work(Assignment(Chunk(0, 2), tmp_path, other, "")))


@pytest.mark.parametrize("changes", [{"memory": 2}, {"total_budget": 400}])
def test_settings_that_couple_inputs_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(InvalidInput, match="doesn't go with --ray"):
        search("nano", fake_task(), execution=Execution(spread=RaySpread()), **changes)


def test_without_ray_the_extra_is_named_and_nothing_else_needs_it() -> None:
    code = (
        "import sys; sys.modules['ray'] = None\n"
        "import skiploop, skiploop.distributed.spread\n"
        "from skiploop.cli.main import app\n"
        "sys.argv = ['skiploop', 'search', '--ray']\n"
        "try: app()\n"
        "except SystemExit as stop: assert stop.code == 2\n"
        "assert 'torch' not in sys.modules, 'the driver opens no model'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == 'Error: --ray needs the package ray, which isn\'t installed: pip install "skiploop[ray]"\n'


def test_chunks_are_even_and_stay_what_they_were(tmp_path: Path) -> None:
    assert cut(5, 2) == [Chunk(0, 2), Chunk(2, 4), Chunk(4, 5)]
    assert [suitable_size(*each) for each in ((10_000, 8), (100, 8), (3, 8))] == [64, 4, 1]
    assert (kept_size(tmp_path, 7), kept_size(tmp_path, 3)) == (7, 7)
    (tmp_path / SHARDS / "chunks.json").write_text('{"inputs": 0}')
    with pytest.raises(InvalidInput, match=r"chunks\.json"):
        kept_size(tmp_path, 3)
