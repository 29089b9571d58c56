"""A study on the embedded model, from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skiploop import Study, search


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return search("nano", "nano", limit=5, budget=8, out=tmp_path_factory.mktemp("runs") / "auto")


def rewards(study: Study) -> list[tuple[str, str, tuple[int, ...], float]]:
    lines = [json.loads(line) for line in (study.out / "journal.jsonl").read_text().splitlines()]
    return [(line["input"], line["arm"], tuple(line["chain"]), line["reward"]) for line in lines if "input" in line]


@pytest.mark.slow  # test_decoding has the same of single requests
def test_the_engine_finds_what_one_chain_after_another_finds(study: Study, tmp_path: Path) -> None:
    plain = search("nano", "nano", limit=5, budget=8, engine="plain", out=tmp_path / "plain")
    assert rewards(plain) == rewards(study)
    assert plain.figures == study.figures


@pytest.mark.slow
def test_two_runs_with_one_seed_are_equal_and_with_another_are_not(study: Study, tmp_path: Path) -> None:
    again = search("nano", "nano", limit=5, budget=8, out=tmp_path / "again")
    assert (again.out / "journal.jsonl").read_bytes() == (study.out / "journal.jsonl").read_bytes()
    other = search("nano", "nano", limit=5, budget=8, seed=1, out=tmp_path / "other")
    assert rewards(other) != rewards(study)


def test_the_summary_has_what_reports_need(study: Study) -> None:
    figures = study.figures
    assert figures.inputs == 5
    assert figures.evaluations == 5 * 8
    assert 0 <= (figures.base_accuracy.value or 0.0) <= (figures.oracle_accuracy.value or 0.0) <= 1
    assert figures.peers["random"].oracle_accuracy.value is not None
    assert {row.group for row in figures.by_level} == {1, 2, 3, 4, 5}
    assert figures.transitions.right + figures.transitions.wrong == 5
    assert None not in (figures.shorter_share.value, figures.corrected_share.value, figures.control.excess.value)
    assert figures.mean_base_depth == 8 and figures.mean_best_depth and figures.layer_calls and study.seconds


def test_options_are_scored_where_a_task_says_so(tmp_path: Path) -> None:
    task = tmp_path / "choices.jsonl"
    row = {"question": "largest:A 12 B 99 C 34 D 50=", "choices": ["12", "99", "34", "50"], "answer": 1}
    task.write_text("\n".join(json.dumps({**row, "id": f"q{i}"}) for i in range(2)))
    study = search("nano", f"jsonl:{task}", limit=2, budget=6, out=tmp_path / "run")
    assert study.figures.inputs == 2
    assert study.figures.format_failures is None
