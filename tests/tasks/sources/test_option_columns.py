"""Options that stand elsewhere than in a list `choices`: read, or refused, and never dropped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from skiploop.errors import InvalidInput
from skiploop.tasks import Task, make_task


def task(tmp_path: Path, row: dict[str, Any], name: str = "jsonl") -> Task:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    return make_task(f"{name}:{path}")


@pytest.mark.parametrize(
    "row",
    [
        {"A": "stone", "B": "apple", "answer": "B"},
        {"A": "stone", "B": "apple", "C": "iron", "D": "sand", "answer": "apple"},
        {"A": "stone", "B": "apple", "C": None, "answer": "B"},
        {"a": "stone", "b": "apple", "answer": "b"},
        {"option_a": "stone", "option_b": "apple", "answer": "b"},
        {"option_a": "stone", "option_b": "apple", "answer": "option_b"},
        {"Option A": "stone", "Option B": "apple", "answer": "B"},
        {"choice1": "stone", "choice2": "apple", "answer": 2},
        {"option0": "stone", "option1": "apple", "answer": 1},
        {"1": "stone", "2": "apple", "answer": "2"},
        {"options": ["stone", "apple"], "answer": "B"},
        {"options": {"A": "stone", "B": "apple"}, "answer": "B"},
        {"choices": {"A": "stone", "B": "apple"}, "answer": "apple"},
    ],
)
def test_options_are_found(tmp_path: Path, row: dict[str, Any]) -> None:
    (example,) = task(tmp_path, {"question": "Which is a fruit?", **row}).examples
    assert example.choices[:2] == ("stone", "apple")
    assert example.gold == 1


@pytest.mark.parametrize(
    "row",
    [
        {"A": "stone", "B": "apple", "answer": "C"},
        {"A": "stone", "C": "apple", "answer": "C"},
        {"A": "B", "B": "apple", "answer": "B"},
        {"answer": "apple", "distractor1": "stone", "distractor2": "iron"},
        {"answer": "apple", "incorrect_answers": ["stone", "iron"]},
        {"answer": "apple", "endings": ["stone", "apple"]},
        {"answer": "B", "choices": {"text": ["stone", "apple"]}},
    ],
)
def test_options_that_cannot_be_told_are_refused(tmp_path: Path, row: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"rows\.jsonl, line 1: "):
        task(tmp_path, {"question": "Which is a fruit?", **row})


def test_numbers_of_a_problem_are_no_options(tmp_path: Path) -> None:
    assert task(tmp_path, {"question": "a + b?", "a": 3, "b": 5, "answer": "8"}).scoring == "numeric"


@pytest.mark.parametrize("labels", ["ABCD", "1234"])
@pytest.mark.parametrize("name", ["arc-easy", "arc-challenge", "commonsenseqa"])
def test_the_form_of_arcs_own_download(tmp_path: Path, name: str, labels: str) -> None:
    choices = [{"text": text, "label": label} for text, label in zip("wxyz", labels, strict=True)]
    row = {"id": "M1", "question": {"stem": "Which?", "choices": choices}, "answerKey": labels[2]}
    (example,) = task(tmp_path, row, name).examples
    assert (example.choices, example.gold, example.question) == (("w", "x", "y", "z"), 2, "Which?")


def test_one_word_among_numbers_leaves_the_numbers_numbers(tmp_path: Path) -> None:
    path = tmp_path / "mixed.jsonl"
    rows = [{"question": f"q{i}", "answer": answer} for i, answer in enumerate(["1000", "yes", "Paris"])]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    mixed = make_task(f"jsonl:{path}")
    number, word, name = mixed.examples
    assert all(mixed.judge_text(number, text).reward for text in (" 1,000", " $1000", " It is 1000.", " 1000.0"))
    assert [mixed.judge_text(word, text).reward for text in ("Yes.", "no", "The answer is yes.")] == [1.0, 0.0, 1.0]
    assert [mixed.judge_text(name, text).reward for text in ("paris", "London", "Paris or London")] == [1.0, 0.0, 0.0]
