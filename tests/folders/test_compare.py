"""Two runs compared input by input, and which runs can't be."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import skiploop
from skiploop import search, search_static
from skiploop.cli.main import app
from skiploop.errors import InvalidInput
from skiploop.folders.compare import compare
from skiploop.models.layered import LayeredModel
from skiploop.stats.measured import measured_mean
from skiploop.stats.shares import mcnemar, newcombe_paired
from skiploop.studies.execution import Execution
from skiploop.studies.outcomes import outcomes
from skiploop.studies.search import Study
from skiploop.studies.static.settings import StaticSettings
from skiploop.tasks import Task
from skiploop.testing.fakes import FakeModel, FakeRunner, fake_task, options


def run(out: Path, task: Task | None = None, **changes: Any) -> Study:
    task = fake_task(40) if task is None else task
    settings = options(searcher="random", budget=4, nearby_peer=False) | changes
    return search(FakeModel(), task, out=out, execution=Execution(FakeRunner()), **settings)


def renamed(**patterns: str) -> Task:
    """The task with other texts in some fields of its examples."""
    task = fake_task(40)
    texts = [{name: pattern.format(each) for name, pattern in patterns.items()} for each in task.examples]
    changed = [replace(each, **own) for each, own in zip(task.examples, texts, strict=True)]
    return replace(task, examples=tuple(changed))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs")
    run(place / "a")
    run(place / "b", searcher="cola", seed=1)
    return place


def test_figures_are_paired_over_the_same_inputs(folder: Path) -> None:
    studies = [skiploop.load_study(folder / name) for name in "ab"]
    found = compare(folder / "a", folder / "b")
    first, second = ([each.search.right for each in study.inputs] for study in studies)
    pairs = list(zip(second, first, strict=True))
    counts = [pairs.count(each) for each in ((True, True), (True, False), (False, True), (False, False))]
    assert counts[1] and counts[2], "or the comparison shows little"
    oracle = found.figures["oracle accuracy"]
    assert oracle.difference.value == pytest.approx((counts[1] - counts[2]) / 40)
    assert oracle.difference.interval == newcombe_paired(*counts)
    assert oracle.mcnemar_p == mcnemar(counts[1], counts[2])
    assert (oracle.first, oracle.second) == tuple(study.figures.oracle_accuracy for study in studies)
    gaps = [
        float(len(two.search.best[0]) - len(one.search.best[0]))
        for one, two in zip(studies[0].inputs, studies[1].inputs, strict=True)
    ]
    assert found.figures["mean depth of the best chain"].difference == measured_mean(gaps)
    assert found.settings["search.searcher"] == ("random", "cola") and found.settings["search.seed"] == (0, 1)
    assert (found.kind, found.inputs, found.only_first, found.only_second) == ("search", 40, 0, 0)


def test_the_other_way_round_differences_have_the_other_sign(folder: Path) -> None:
    one, two = (compare(folder / a, folder / b).figures["oracle accuracy"].difference for a, b in ("ab", "ba"))
    assert one.value == -(two.value or 0.0) and one.interval is not None and two.interval is not None
    assert one.interval == pytest.approx((-two.interval[1], -two.interval[0]))


def test_inputs_of_one_run_alone_are_left_out(folder: Path, tmp_path: Path) -> None:
    run(tmp_path / "few", limit=15)
    found = compare(folder / "a", tmp_path / "few")
    assert (found.inputs, found.only_first, found.only_second) == (15, 25, 0)
    assert found.figures["oracle accuracy"].first.count == 15


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"budget": 5}, "oracle accuracies grow with the evaluations per input \\(budget 4 and 5\\)"),
        ({"verify": False}, "run again, alone"),
        ({"task": fake_task(40, "exact")}, "answers are judged differently \\(scoring 'verbatim' and 'exact'"),
        ({"task": replace(fake_task(40), max_new_tokens=9)}, "max_new_tokens 8 and 9"),
        (
            {"task": renamed(prompt="!{0.prompt}")},
            "40 inputs of the same name, such as 'e0', have another prompt",
        ),
        (
            {"task": renamed(id="x{0.id}")},
            "no input in common",
        ),
    ],
)
def test_runs_that_are_not_comparable_are_refused(
    changes: dict[str, Any], reason: str, folder: Path, tmp_path: Path
) -> None:
    run(tmp_path / "other", **changes)
    with pytest.raises(InvalidInput, match=f"can't be compared: .*{reason}"):
        compare(folder / "a", tmp_path / "other")


def test_an_unfinished_run_is_refused(folder: Path, tmp_path: Path) -> None:
    run(tmp_path / "s")
    (tmp_path / "s" / "summary.json").unlink()
    with pytest.raises(InvalidInput, match="isn't finished"):
        compare(folder / "a", tmp_path / "s")


def test_static_chains_are_compared_on_test_inputs_and_not_with_searches(folder: Path, tmp_path: Path) -> None:
    for name in ("cola", "random"):
        search_static(
            FakeModel(), fake_task(40), out=tmp_path / name, searcher=name, budget=4,
            static=StaticSettings(train=12, test=20), execution=Execution(FakeRunner()),
        )  # fmt: skip
    found = compare(tmp_path / "cola", tmp_path / "random")
    assert (found.kind, found.inputs) == ("static", 20)
    assert set(found.figures) == {"test accuracy, identity", "test accuracy, chosen by search"}
    assert found.figures["test accuracy, identity"].difference.value == 0
    study = skiploop.load_static(tmp_path / "cola")
    assert found.figures["test accuracy, chosen by search"].first == study.figures.chosen["search"].test
    assert set(outcomes(study)) == set(found.figures)
    with pytest.raises(InvalidInput, match="the first is of the kind search, the second static"):
        compare(folder / "a", tmp_path / "cola")


def test_evaluations_are_compared_by_every_metric(tmp_path: Path) -> None:
    nano = LayeredModel.from_pretrained("nano")
    for name, changes in {"a": {"chain": "0-6"}, "b": {"chain": "0-5 7"}, "c": {"shots": 1}}.items():
        skiploop.evaluate(nano, "nano", limit=8, out=tmp_path / name, **changes)
    found = compare(tmp_path / "a", tmp_path / "b")
    assert set(found.figures) == {"accuracy, identity", "accuracy, chain"}
    assert found.figures["accuracy, identity"].difference.value == 0
    assert found.settings["evaluate.chain"] == ("0-6", "0-5 7")
    with pytest.raises(InvalidInput, match="the tasks aren't the same, prompts included"):
        compare(tmp_path / "a", tmp_path / "c")


def test_the_command(folder: Path) -> None:
    done = CliRunner().invoke(app, ["compare", str(folder / "a"), str(folder / "b")])
    assert done.exit_code == 0, done.output
    assert "search.searcher: random and cola" in done.output and "oracle accuracy" in done.output
    assert "40 inputs in both" in done.output
    told = json.loads(CliRunner().invoke(app, ["compare", str(folder / "a"), str(folder / "b"), "--json"]).stdout)
    assert told["figures"]["oracle accuracy"]["difference"]["n"] == 40
    refused = CliRunner().invoke(app, ["compare", str(folder / "a"), str(folder)])
    assert refused.exit_code == 2 and "holds no study" in refused.stderr
