"""Evaluations of collected folders: on their own inputs, and on those of another task."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from skiploop.chains.chain import Chain
from skiploop.cli.main import app
from skiploop.errors import InvalidInput
from skiploop.routing.collect import collect
from skiploop.routing.passes import passes_for
from skiploop.routing.train import evaluate_folder, evaluate_folder_elsewhere
from skiploop.routing.work import Forms
from skiploop.studies.execution import Execution
from skiploop.tasks import Example, Task
from skiploop.testing.fakes import LAYERS, FakeModel, FakeRunner, digest

PASSES = passes_for([Chain((0, 1, 2, 4), LAYERS)], LAYERS)


class Other(FakeModel):
    name = "other"

    def __init__(self, fingerprint: str = "beef") -> None:
        super().__init__(fingerprint)


def collected(out: Path, name: str, model: FakeModel | None = None) -> Path:
    rows = (Example(f"{name}-{i}", f"{name} {i}:", "b", ("a", "b", "ccc"), 1) for i in range(40))
    task = Forms((Task(name, tuple(rows), scoring="choice"),))
    run = Execution(FakeRunner(), embed=lambda prompt: [digest(prompt, i) % 100 for i in range(3)])
    return collect(model or FakeModel(), task, PASSES, out=out / name, execution=run)


def test_a_folder_is_tested_on_another_task(tmp_path: Path) -> None:
    own, other = collected(tmp_path, "own"), collected(tmp_path, "other")
    within = evaluate_folder(own, choosers=["vote"], folds=1)
    assert within.task == "own" and within.file == own / "result.json"
    found = evaluate_folder_elsewhere(own, other, choosers=["vote"])
    assert found.task == "other" and found.figures.inputs == 40
    line = json.loads((own / "result_elsewhere.json").read_text())
    assert [each["input"] for each in line["figures"]["votes"]] == [f"other-{i}" for i in range(40)]
    assert json.loads((own / "result.json").read_text())["task"]["name"] == "own"  # both are kept


def test_the_command_line_tests_on_another_folder_and_has_no_folds_then(tmp_path: Path) -> None:
    own, other = collected(tmp_path, "own"), collected(tmp_path, "other")
    words = ["route", "eval", str(own), "--on", str(other), "--chooser", "vote"]
    told = CliRunner().invoke(app, [*words, "--json"])
    assert told.exit_code == 0 and json.loads(told.output)["task"] == "other"
    refused = CliRunner().invoke(app, [*words, "--folds", "3"])
    assert refused.exit_code == 2 and "--folds has no effect with --on" in refused.output


def test_another_model_is_refused(tmp_path: Path) -> None:
    own, other = collected(tmp_path, "own"), collected(tmp_path, "other", Other())
    with pytest.raises(InvalidInput, match="is of the model 'other'"):
        evaluate_folder_elsewhere(own, other)
    renamed = collected(tmp_path, "renamed", Other("f00d"))
    assert evaluate_folder_elsewhere(own, renamed, choosers=["vote"]).model == "other", "the same checkpoint elsewhere"
