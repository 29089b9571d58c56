"""What decides between options in a study, and what all metrics say of the identity."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from skiploop import load_study, search
from skiploop.engine.request import Request
from skiploop.errors import InvalidInput
from skiploop.reporting.sentences.search import by_metric
from skiploop.stats.measured import measured_share
from skiploop.studies.execution import Execution
from skiploop.studies.search import Study
from skiploop.tasks.metrics import METRICS, PMI
from skiploop.testing.fakes import FakeModel, FakeRunner, fake_task, options


def run(out: Path, metric: str = "acc", scoring: str = "choice") -> tuple[Study, FakeRunner]:
    runner = FakeRunner()
    task = replace(fake_task(scoring=scoring), metric=metric)
    return search(FakeModel(), task, out=out, execution=Execution(runner), **options(budget=6)), runner


def test_the_identity_is_reported_by_every_metric(tmp_path: Path) -> None:
    study, runner = run(tmp_path / "s")
    lines = [json.loads(line) for line in (tmp_path / "s" / "metrics.jsonl").read_text().splitlines()]
    rewards = {line["input"]: line["metrics"] for line in lines if "end" not in line}
    assert {each["id"] for each in (one.example for one in study.inputs)} == set(rewards)
    figures = study.figures
    assert (tuple(figures.base_by_metric), figures.metric) == (METRICS, "acc")
    assert figures.base_by_metric["acc"] == figures.base_accuracy
    right = sum(metrics[PMI] for metrics in rewards.values())
    assert figures.base_by_metric[PMI] == measured_share(int(right), 10)
    (said,) = by_metric(figures)
    assert all(f"{name} " in said for name in METRICS) and "% (which decides here), acc_norm" in said
    identities = [request for request in runner.calls[0] if request.unconditional]
    assert len(identities) == 10 and not any(each.unconditional for call in runner.calls[1:] for each in call)


def test_mutual_information_decides_which_chains_are_right(tmp_path: Path) -> None:
    study, runner = run(tmp_path / "s", PMI)
    assert all(request.unconditional for call in runner.calls for request in call)
    assert study.figures.base_accuracy == study.figures.base_by_metric[PMI]
    fake = FakeRunner()
    for result in study.inputs:
        for chain, reward in result.search.evaluations:
            texts = ("one", "two", "three", "four")
            found = fake.answer(Request(result.example["prompt"], chain, continuations=texts, unconditional=True))
            scores = [a - b for a, b in zip(found.loglikelihoods, found.unconditional, strict=True)]
            assert reward == (scores.index(max(scores)) == 0)
    other, _ = run(tmp_path / "other")
    assert [each.search.evaluations for each in other.inputs] != [each.search.evaluations for each in study.inputs]


def test_texts_have_no_metrics(tmp_path: Path) -> None:
    study, _ = run(tmp_path / "s", scoring="exact")
    assert (study.figures.metric, study.figures.base_by_metric) == (None, {}) and not list(by_metric(study.figures))
    assert not (tmp_path / "s" / "metrics.jsonl").exists()


def test_another_metric_is_another_study_and_an_edited_file_is_noticed(tmp_path: Path) -> None:
    run(tmp_path / "s")
    with pytest.raises(InvalidInput, match="metric"):
        run(tmp_path / "s", "acc_norm")
    place = tmp_path / "s" / "metrics.jsonl"
    place.write_text(place.read_text().replace('"acc":1.0', '"acc":0.0'))
    with pytest.raises(InvalidInput, match=r"metrics\.jsonl isn't the file"):
        load_study(tmp_path / "s")
    (tmp_path / "s" / "summary.json").unlink()
    place.write_text(place.read_text().replace('"acc":0.0', '"acc":7.0'))
    with pytest.raises(InvalidInput, match="was edited"):
        load_study(tmp_path / "s")
