"""`skiploop evaluate`: every metric of the identity and of a chain, kept in a folder and resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import skiploop
from skiploop.cli.main import app
from skiploop.errors import InvalidInput
from skiploop.folders.open import open_folder
from skiploop.models.layered import LayeredModel
from skiploop.stats.shares import newcombe_paired, wilson
from skiploop.storage.journal import JsonlJournal
from skiploop.studies.evaluate.figures import metric_figures
from skiploop.studies.evaluate.settings import EvaluateSettings
from skiploop.studies.evaluate.study import load_evaluated
from skiploop.studies.settings import EngineSettings
from skiploop.tasks import Example, Task
from skiploop.tasks.metrics import METRICS

CHAIN = "0-1 2-3x2 4-7"


@pytest.fixture(scope="module")
def nano() -> LayeredModel:
    return LayeredModel.from_pretrained("nano", dtype="float32", device="cpu")


def quiz(count: int = 6) -> Task:
    texts = ("3", "4 apples", "the number 5", "6 é")
    examples = [Example(f"q{i}", f"{i} + 2 =", texts[i % 4], texts, i % 4) for i in range(count)]
    return Task("quiz", tuple(examples), "choice")


def test_metrics_have_wilson_intervals_and_paired_differences() -> None:
    base, other = [1, 1, 1, 0, 0], [1, 0, 0, 1, 0]
    lines: list[dict[str, Any]] = [
        {"input": f"e{i}", "chain": chain, "metrics": {"acc": float(value)}}
        for chain, values in (([0, 1], base), ([0], other))
        for i, value in enumerate(values)
    ]
    found = metric_figures(lines, [0, 1], [0])["acc"]
    assert (found.identity.value, found.identity.interval) == (0.6, wilson(3, 5))
    assert found.difference is not None and found.difference.difference.value == pytest.approx(-0.2)
    assert found.difference.difference.interval == newcombe_paired(1, 1, 2, 1)


def test_a_damped_chain_is_told_from_its_plain_loop(nano: LayeredModel, tmp_path: Path) -> None:
    found = skiploop.evaluate(nano, quiz(), chain="0-1 2-3x2~.5 4-7", out=tmp_path / "run")
    figures = found.figures
    assert found.chain_spent is not None and found.chain_spent.layer_calls > found.identity_spent.layer_calls
    assert all(each.chain is not None and each.chain.count == 6 for each in figures.metrics.values())
    lines = [json.loads(line) for line in (tmp_path / "run" / "journal.jsonl").read_text().splitlines()]
    assert [0, 1, "2~.5:2x2", "3~.5:2x2", "2~.5:2x2", "3~.5:2x2", 4, 5, 6, 7] in [line.get("chain") for line in lines]


def test_every_metric_of_the_identity_and_a_chain_is_kept_and_resumed(nano: LayeredModel, tmp_path: Path) -> None:
    found = skiploop.evaluate(nano, quiz(), chain=CHAIN, out=tmp_path / "run")
    figures = found.figures
    assert tuple(figures.metrics) == METRICS
    assert (figures.inputs, figures.depth, figures.notation) == (6, 10, CHAIN)
    assert found.chain_spent is not None and found.chain_spent.layer_calls > found.identity_spent.layer_calls > 0
    journal = tmp_path / "run" / "journal.jsonl"
    whole = journal.read_text()
    (tmp_path / "run" / "summary.json").unlink()
    journal.write_text(whole[: whole.index('{"end"') + 10])  # killed after the identity
    again = skiploop.evaluate(nano, quiz(), chain=CHAIN, out=tmp_path / "run")
    assert again.figures.metrics == figures.metrics
    assert open_folder(tmp_path / "run") == load_evaluated(tmp_path / "run") == again


def test_a_generated_answer_is_right_or_wrong(tmp_path: Path, nano: LayeredModel) -> None:
    found = skiploop.evaluate(nano, "nano", limit=10, out=tmp_path / "run").figures
    assert list(found.metrics) == ["accuracy"]
    assert found.metrics["accuracy"].chain is None and found.notation is None


def test_the_command_prints_a_table_and_show_reads_it(tmp_path: Path) -> None:
    out = str(tmp_path / "run")
    done = CliRunner().invoke(app, ["evaluate", "--limit", "5", "--chain", CHAIN, "--out", out])
    assert done.exit_code == 0, done.output
    assert "accuracy" in done.output and "layer calls" in done.output
    shown = CliRunner().invoke(app, ["show", out, "--json"])
    assert json.loads(shown.stdout)["notation"] == CHAIN


@pytest.mark.filterwarnings("default")  # those of the harness and of datasets
def test_a_task_of_the_harness_by_its_name(nano: LayeredModel, tmp_path: Path) -> None:
    pytest.importorskip("lm_eval", reason='needs the extra: pip install "skiploop[eval]"')
    from tests.lm_eval.tasks import CHOICE, write_task
    from tests.lm_eval.test_model import rows

    write_task(tmp_path, "tiny_evaluated", CHOICE, rows(16))
    settings = {"chain": CHAIN, "limit": 3, "include_path": tmp_path}
    found = skiploop.evaluate(nano, "lm:tiny_evaluated", out=tmp_path / "run", **settings).figures
    assert set(found.metrics) == {"acc", "acc_norm"} and found.inputs == 3
    assert found.metrics["acc"].difference is not None


@pytest.mark.filterwarnings("default")
def test_shots_of_a_task_of_the_harness(nano: LayeredModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    harness = pytest.importorskip("skiploop.lm_eval.harness", reason='needs the extra: pip install "skiploop[eval]"')
    from tests.lm_eval.tasks import CHOICE, write_task
    from tests.lm_eval.test_model import rows

    run, found = harness.run_harness, []
    monkeypatch.setattr(harness, "run_harness", lambda *a, **k: found.append(run(*a, **k)) or found[-1])
    write_task(tmp_path, "tiny_shown", CHOICE, rows(16))
    settings = {"limit": 2, "include_path": tmp_path, "shots": 2}
    evaluated = skiploop.evaluate(nano, "lm:tiny_shown", out=tmp_path / "run", **settings)
    assert found[0].shots == {"tiny_shown": 2} == {"tiny_shown": evaluated.run["settings"]["evaluate"]["shots"]}


def test_what_makes_no_sense_is_refused(nano: LayeredModel, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="include-path"):
        skiploop.evaluate(nano, quiz(), include_path=tmp_path)
    with pytest.raises(InvalidInput, match="give them to make_task"):
        skiploop.evaluate(nano, quiz(), settings=EvaluateSettings(shots=2))
    with pytest.raises(InvalidInput, match="unknown setting 'budget'"):
        skiploop.evaluate(nano, quiz(), budget=3)


@pytest.mark.parametrize(
    "policy", [*(pytest.param(name, marks=pytest.mark.slow) for name in ("first", "last")), "prefill"]
)
def test_engine_and_replay_agree_on_a_policy_and_it_is_on_record(
    policy: str, nano: LayeredModel, tmp_path: Path
) -> None:
    found, lines = {}, {}
    for engine in ("auto", "plain"):
        settings = EvaluateSettings(engine=EngineSettings(cache_policy=policy, engine=engine))
        found[engine] = skiploop.evaluate(
            nano, "nano", chain="0-3x3 4-7", limit=12, settings=settings, out=tmp_path / engine
        )
        journal = JsonlJournal(tmp_path / engine / "journal.jsonl")
        lines[engine] = [line["metrics"] for line in journal.lines()]
    assert lines["auto"] == lines["plain"] and len(lines["auto"]) == 24
    assert found["auto"].run["settings"]["engine"]["cache_policy"] == policy


def test_a_policy_that_cannot_matter_is_refused(nano: LayeredModel, tmp_path: Path) -> None:
    settings = EvaluateSettings(engine=EngineSettings(cache_policy="first"))
    for task, chain, message in ((quiz(), CHAIN, "one forward"), ("nano", "0-5", "no layer more than once")):
        with pytest.raises(InvalidInput, match=message):
            skiploop.evaluate(nano, task, chain=chain, settings=settings, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(InvalidInput, match="'middle'; use one of own"):
        EngineSettings(cache_policy="middle")
