"""Claims are run again, alone, the best first, until one holds."""

from __future__ import annotations

import math
from pathlib import Path

from skiploop.chains.chain import Chain
from skiploop.engine.request import Request, Result
from skiploop.studies.execution import Execution
from skiploop.studies.search import Study, search
from skiploop.testing.fakes import FakeModel, FakeRunner, fake_task, gold, options


class Claiming(FakeRunner):
    """Every chain but the identity seems right; run alone, so many of each input don't hold."""

    def __init__(self, refuted: float) -> None:
        super().__init__()
        self._refuted = refuted
        self.alone: dict[str, list[Chain]] = {}

    def run_alone(self, request: Request) -> Result:
        again = self.alone.setdefault(request.prompt, [])
        again.append(request.chain)
        return Result(text="wrong" if len(again) <= self._refuted else gold(request.prompt))

    def text(self, request: Request) -> str:
        return "1" if request.chain.is_identity else gold(request.prompt)


def study_of(out: Path, runner: Claiming) -> Study:
    search_only = {"random_peer": False, "nearby_peer": False, "control": False}
    return search(FakeModel(), fake_task(), out=out, execution=Execution(runner), **options(**search_only))


def test_verification_stops_at_the_first_claim_that_holds(tmp_path: Path) -> None:
    runner = Claiming(refuted=0)
    study = study_of(tmp_path / "s", runner)
    assert [len(again) for again in runner.alone.values()] == [1] * 10
    for result in study.inputs:
        assert len(result.search.claims) == 19, "there was more to run again"
        assert runner.alone[result.example["prompt"]] == result.search.claims[:1]
    assert study.figures.verification.reruns == 10 and study.figures.verification.flips == 0


def test_verification_goes_on_where_a_claim_does_not_hold(tmp_path: Path) -> None:
    runner = Claiming(refuted=2)
    study = study_of(tmp_path / "s", runner)
    assert [len(again) for again in runner.alone.values()] == [3] * 10
    for result in study.inputs:
        again = runner.alone[result.example["prompt"]]
        assert [len(chain) for chain in again] == sorted(len(chain) for chain in again), "the best first"
        assert result.search.best[0] == again[2], "the one that holds"
    assert study.figures.verification.reruns == 30 and study.figures.verification.flips == 20
    assert study.figures.oracle_accuracy.value == 1


def test_verification_runs_every_claim_where_none_holds(tmp_path: Path) -> None:
    runner = Claiming(refuted=math.inf)
    study = study_of(tmp_path / "s", runner)
    assert [len(set(again)) for again in runner.alone.values()] == [19] * 10
    assert study.figures.verification.reruns == study.figures.verification.flips == 190
    assert study.figures.oracle_accuracy.value == 0
