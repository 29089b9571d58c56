"""The guide: told to searchers beside verdicts, in the journal, and never a verdict itself."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from skiploop import search
from skiploop.engine.request import Request, Result
from skiploop.storage.files import Line
from skiploop.studies import guide as guide_module
from skiploop.studies.arms import Arm
from skiploop.studies.execution import Execution
from skiploop.studies.guide import guide_of, guided_reward
from skiploop.testing.fakes import FakeModel, FakeRunner, digest, fake_task, options

SCORINGS = ("verbatim", "choice", "exact")


def lines(out: Path) -> list[Line]:
    found = map(json.loads, (out / "journal.jsonl").read_text().splitlines())
    return [line for line in found if "reward" in line]


@pytest.fixture
def short_texts_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    """The texts of fakes are short; that they are guided isn't worth its cost but is the same code."""
    monkeypatch.setattr(guide_module, "LONG", 8)


def test_no_guide_makes_a_wrong_answer_a_right_one() -> None:
    assert [guided_reward(0.0, guide) for guide in (None, 0.0, 0.5, 1.0)] == [0.0, 0.0, 0.25, 0.5]
    assert [guided_reward(1.0, guide) for guide in (None, 0.0, 1.0)] == [1.0, 1.0, 1.0]


def test_the_guide_of_options_is_the_share_of_the_wanted_one() -> None:
    task = fake_task(1, "choice")
    result = Result(loglikelihoods=tuple(math.log(p) for p in (0.1, 0.2, 0.3, 0.4)), num_tokens=(1, 1, 1, 1))
    assert guide_of(task, task.examples[0], result) == pytest.approx(0.1)
    broken = Result(loglikelihoods=(math.nan,) * 4, num_tokens=(1, 1, 1, 1))
    assert guide_of(task, task.examples[0], broken) == 0.0


@pytest.mark.usefixtures("short_texts_pay")
@pytest.mark.parametrize("scoring", SCORINGS)
def test_verdicts_and_guides_stay_apart(scoring: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, float, float | None]] = []
    tell = Arm.tell

    def noted(arm: Arm, chain: object, reward: float, least: int | None, guide: float | None = None) -> None:
        told.append((arm.name, reward, guide))
        tell(arm, chain, reward, least, guide)  # type: ignore[arg-type]

    monkeypatch.setattr(Arm, "tell", noted)
    search(
        FakeModel(),
        fake_task(10, scoring),
        out=tmp_path / "s",
        execution=Execution(FakeRunner()),
        **options(searcher="gp"),
    )
    found = [line for line in lines(tmp_path / "s") if line["arm"] != "identity"]
    assert {line["reward"] for line in found} <= {0.0, 1.0}
    if scoring == "exact":  # a pass of its own, which peers and right texts don't take
        found = [line for line in found if line["arm"] in ("search", "control") and line["reward"] < 1]
    assert all(0 <= line["guide"] <= 1 for line in found)
    assert len({line["guide"] for line in found}) > 20
    assert all(guide is not None for name, reward, guide in told if name in ("search", "control") and reward < 1)


def test_the_control_is_guided_to_its_wrong_answer(tmp_path: Path) -> None:
    search(FakeModel(), fake_task(10), out=tmp_path / "s", execution=Execution(FakeRunner()), **options(searcher="gp"))
    prompts = {each.id: each.prompt for each in fake_task(10).examples}
    control = [line for line in lines(tmp_path / "s") if line["arm"] == "control"]
    assert control
    for line in control:
        nats = -(digest(prompts[line["input"]], tuple(line["chain"]), line["target"]) % 1000) / 100.0
        assert line["guide"] == pytest.approx(math.exp(nats / (len(line["target"]) + 1)), abs=1e-5)


@pytest.mark.usefixtures("short_texts_pay")
@pytest.mark.parametrize("scoring", SCORINGS)
def test_a_resumed_study_tells_the_same_guides(scoring: str, tmp_path: Path) -> None:
    def run(name: str) -> bytes:
        search(
            FakeModel(),
            fake_task(10, scoring),
            out=tmp_path / name,
            execution=Execution(FakeRunner()),
            **options(searcher="gp"),
        )
        return (tmp_path / name / "journal.jsonl").read_bytes()

    whole = run("whole")
    run("cut")
    (tmp_path / "cut" / "summary.json").unlink()
    (tmp_path / "cut" / "journal.jsonl").write_bytes(whole[: len(whole) // 2])
    assert run("cut") == whole


@pytest.mark.parametrize("searcher, guide", [("cola", "auto"), ("gp", "none")])
def test_the_paper_and_none_are_told_verdicts_alone(searcher: str, guide: str, tmp_path: Path) -> None:
    search(
        FakeModel(),
        fake_task(10),
        out=tmp_path,
        execution=Execution(FakeRunner()),
        **options(searcher=searcher, guide=guide),
    )
    assert not any("guide" in line or "other_guide" in line for line in lines(tmp_path))


def passes_of_texts(out: Path, searcher: str) -> list[Request]:
    runner = FakeRunner()
    search(FakeModel(), fake_task(10, "exact"), out=out, execution=Execution(runner), **options(searcher=searcher))
    return [request for call in runner.calls for request in call if request.continuations]


def test_a_short_text_takes_no_further_pass(tmp_path: Path) -> None:
    assert not passes_of_texts(tmp_path, "gp")
    assert not any("guide" in line or "other_guide" in line for line in lines(tmp_path))


@pytest.mark.usefixtures("short_texts_pay")
def test_a_text_is_guided_once_where_it_is_wrong_and_for_those_who_learn(tmp_path: Path) -> None:
    passes = passes_of_texts(tmp_path, "gp")
    keys = [(each.prompt, each.chain.layers, each.continuations) for each in passes]
    assert len(set(keys)) == len(keys) > 100
    wrong = [line for line in lines(tmp_path) if line["reward"] < 1]
    learning = [line for line in wrong if line["arm"] in ("search", "control")]
    assert all("guide" in line for line in learning)
    assert len(keys) <= len(learning) + sum(line["arm"] == "identity" for line in wrong) * 2


@pytest.mark.usefixtures("short_texts_pay")
def test_who_learns_nothing_takes_no_pass(tmp_path: Path) -> None:
    assert not passes_of_texts(tmp_path, "cola")
