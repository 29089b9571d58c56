"""Each pair is evaluated once, in parts, and what the journal has isn't run again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from skiploop.chains.chain import Chain
from skiploop.engine.request import Request, Result
from skiploop.storage.journal import JsonlJournal
from skiploop.studies.evaluations import Evaluations, Pair
from skiploop.studies.progress import Progress
from skiploop.testing.fakes import LAYERS, FakeRunner, fake_task

IDENTITY, SHORT = Chain.identity(LAYERS), Chain((0, 1), LAYERS)


def pairs(count: int = 5) -> list[Pair]:
    return [(f"e{i}", chain) for i in range(count) for chain in (IDENTITY, SHORT)]


def make(out: Path, runner: FakeRunner, scoring: str = "verbatim", **more: object) -> Evaluations:
    return Evaluations(fake_task(10, scoring), runner, JsonlJournal(out / "j.jsonl"), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("scoring", ["verbatim", "exact", "letter"])
def test_a_pair_is_run_once_however_often_it_is_asked_for(tmp_path: Path, scoring: str) -> None:
    runner = FakeRunner()
    evaluate = make(tmp_path, runner, scoring)
    first = evaluate([*pairs(), *pairs()])
    assert first[:10] == first[10:] == evaluate(pairs()) and set(first) <= {0.0, 1.0}
    assert sum(map(len, runner.calls)) == evaluate.new == len(evaluate) == 10
    again = FakeRunner()
    resumed = make(tmp_path, again, scoring)
    assert resumed(pairs()) == first[:10] and not again.calls and resumed.new == 0 and len(resumed) == 10


def test_alone_is_another_evaluation_in_a_call_of_its_own(tmp_path: Path) -> None:
    runner = FakeRunner()
    evaluate = make(tmp_path, runner)
    evaluate(pairs(2))
    evaluate(pairs(2), alone=True)
    assert [len(call) for call in runner.calls] == [4, 1, 1, 1, 1]
    lines = JsonlJournal(tmp_path / "j.jsonl").lines()
    assert [line["alone"] for line in lines] == [False] * 4 + [True] * 4
    assert list(lines[0]) == ["input", "chain", "alone", "reward"]


def test_what_is_known_from_elsewhere_is_not_run_and_wins(tmp_path: Path) -> None:
    make(tmp_path, FakeRunner())([("e0", SHORT)])
    runner = FakeRunner()
    evaluate = make(tmp_path, runner, known={("e0", SHORT.layers): 0.25, ("e1", SHORT.layers): 0.5})
    assert evaluate([("e0", SHORT), ("e1", SHORT)]) == [0.25, 0.5] and not runner.calls


def test_a_part_is_kept_as_a_whole_and_the_progress_follows(tmp_path: Path) -> None:
    class Told(Progress):
        calls: list[tuple[int, int]] = []  # noqa: RUF012

        def update(self, done: int, total: int, figure: float, *, replayed: bool = False) -> None:
            self.calls.append((done, total))

    class Killed(FakeRunner):
        def run(self, requests: Sequence[Request]) -> list[Result]:
            if len(self.calls) == 2:
                raise KeyboardInterrupt
            return super().run(requests)

    told = Told()
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, Killed(), per_call=4, progress=told)(pairs())
    assert told.calls == [(4, 10), (8, 10)]
    assert [len(batch) for batch in JsonlJournal(tmp_path / "j.jsonl").read()] == [4, 4]
    rest = FakeRunner()
    make(tmp_path, rest, per_call=4)(pairs())
    assert [len(call) for call in rest.calls] == [2]
