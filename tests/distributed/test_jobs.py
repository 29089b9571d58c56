"""An evaluation and what a router is fitted on, done by several processes: those of a single one."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from skiploop.cli.main import app
from skiploop.distributed.chunks import cut
from skiploop.distributed.dispatch import Advanced, Event
from skiploop.distributed.spread import done_by
from skiploop.errors import InvalidInput
from skiploop.routing.collect import CollectJob, finish, wanted_passes
from skiploop.routing.settings import RouteSettings
from skiploop.routing.work import PART, CollectWork, Forms
from skiploop.routing.work import prepare as prepare_passes
from skiploop.storage.journal import JsonlJournal
from skiploop.studies.evaluate.settings import EvaluateSettings
from skiploop.studies.evaluate.study import evaluate, load_evaluated
from skiploop.studies.evaluate.work import EvaluateJob, EvaluateWork
from skiploop.studies.evaluate.work import prepare as prepare_evaluation
from skiploop.studies.execution import Execution
from skiploop.studies.progress import Progress
from skiploop.studies.settings import EngineSettings
from skiploop.studies.spread import work_alone
from skiploop.testing.fakes import LAYERS, FakeModel, FakeRunner, fake_task
from tests.distributed.crews import LocalCrew

FILES = ("inputs.jsonl", "journal.jsonl", "summary.json")


def contents(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in FILES}


def spent(out: Path) -> dict[str, float]:
    """Layer calls of each chain: neither seconds, nor how they were cut into parts."""
    found: dict[str, float] = defaultdict(float)
    for line in JsonlJournal(out / "spent.jsonl").lines():
        found[str(line.get("chain"))] += line["layer_calls"]
    return found


def often(event: Event, rng: random.Random) -> bool:
    return rng.random() < (0.15 if isinstance(event, Advanced) else 0.05)


@dataclass(frozen=True)
class FakeEvaluation(EvaluateJob):
    def open(self, *, several_gpus: bool = False) -> EvaluateWork:
        return prepare_evaluation(FakeModel(), self.task, self.settings, Execution(FakeRunner()))


@pytest.mark.parametrize("scoring", ["exact", "choice"])
def test_an_evaluation_is_the_one_of_one_process(tmp_path: Path, scoring: str) -> None:
    settings = EvaluateSettings(chain="0-2 2-4", engine=EngineSettings(per_call=3))
    job = FakeEvaluation("fake", fake_task(scoring=scoring), settings)
    done_by(LocalCrew(job, 1, often, blind=True), 2, job, tmp_path / "several", Progress(), 2)
    one = evaluate(FakeModel(), job.task, out=tmp_path / "one", settings=settings, execution=Execution(FakeRunner()))
    assert contents(tmp_path / "several") == contents(tmp_path / "one")
    several = load_evaluated(tmp_path / "several")
    assert several.figures == one.figures
    assert several.identity_spent.layer_calls == one.identity_spent.layer_calls == 10 * LAYERS


@dataclass(frozen=True)
class FakeCollection(CollectJob):
    def open(self, *, several_gpus: bool = False) -> CollectWork:
        model, runner = FakeModel(), Execution(FakeRunner(), embed=lambda prompt: [float(len(prompt))])
        return prepare_passes(model, self.forms, wanted_passes(self.settings, LAYERS), EngineSettings(), runner)


def test_what_a_router_is_fitted_on_is_what_one_process_collects(tmp_path: Path) -> None:
    """Inputs are given away as they are run together, eight at a time, so that all batches are the same."""
    job = FakeCollection("fake", Forms((fake_task(20, scoring="choice"),)), RouteSettings())
    crew = LocalCrew(job, 1, often)
    done_by(crew, 2, job, tmp_path / "several", Progress(), 1)
    assert {chunk for _, chunk in crew.given} == set(cut(20, PART))
    work = job.open()
    work_alone(work, tmp_path / "one", Progress(), finish)
    assert contents(tmp_path / "several") == contents(tmp_path / "one")
    assert spent(tmp_path / "several") == spent(tmp_path / "one")


def test_the_harness_runs_its_items_itself(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["evaluate", "--task", "lm:arc_easy", "--ray", "--out", str(tmp_path / "run")])
    assert done.exit_code == 2 and "--ray has no effect with --task lm:arc_easy" in done.stderr
    with pytest.raises(InvalidInput, match="--ray isn't for tasks lm:TASK"):
        EvaluateJob("nano", "lm:arc_easy", EvaluateSettings())
