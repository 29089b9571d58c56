"""The loaders on the published files, where they are at hand.

They are looked for in the folder SKIPLOOP_DATA, else in ../shared/data beside the repository.
"""

from __future__ import annotations

import json
import os
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from skiploop.tasks import Task, make_task
from skiploop.tasks.answers.numeric import parse_number

DATA = Path(os.environ.get("SKIPLOOP_DATA") or Path(__file__).parents[4] / "shared" / "data")
FILES = {
    "arc-easy": ("arc_easy_test.jsonl", 2376),
    "arc-challenge": ("arc_challenge_test.jsonl", 1172),
    "gsm8k": ("gsm8k_test.jsonl", 1319),
    "math": ("math_test.jsonl", 5000),
    "svamp": ("svamp.json", 1000),
}
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no folder {DATA}; set SKIPLOOP_DATA")


@cache
def published(name: str) -> Task:
    """The task of a published file."""
    return make_task(f"{name}:{DATA / FILES[name][0]}")


def raw(name: str) -> list[dict[str, Any]]:
    """The rows of a published JSONL file."""
    return [json.loads(line) for line in (DATA / FILES[name][0]).read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", FILES)
def test_every_row_is_read(name: str) -> None:
    task = published(name)
    assert len(task) == FILES[name][1]
    assert 0.9 * len(task) < len(task.deduplicated()) <= len(task)
    assert task.levels == ((1, 2, 3, 4, 5) if name == "math" else ())


@pytest.mark.parametrize(("name", "field"), [("gsm8k", "answer"), ("math", "solution")])
def test_every_published_solution_is_right(name: str, field: str) -> None:
    task = published(name)
    wrong = [
        example.id
        for example, row in zip(task.examples, raw(name), strict=True)
        if task.judge_text(example, row[field]).reward != 1.0
    ]
    assert not wrong


@pytest.mark.parametrize("name", ["gsm8k", "math", "svamp"])
def test_gold_is_right_in_any_dress_and_its_neighbour_wrong(name: str) -> None:
    task = published(name)
    for example in task.examples[::7]:
        for text in (
            f"\\boxed{{{example.answer}}}",
            f" {example.answer}",
            f"The answer is ${example.answer}$.",
        ):
            assert task.judge_text(example, text).reward == 1.0, (example.id, text)
        number = parse_number(example.answer)
        other = f"{example.answer}+1" if number is None else str(number.value + 1)
        assert task.judge_text(example, f"The answer is $\\boxed{{{other}}}$.").reward == 0.0, example.id


@pytest.mark.parametrize("name", ["arc-easy", "arc-challenge"])
def test_options_and_gold_of_arc(name: str) -> None:
    task = published(name)
    letter = make_task(f"{name}:{DATA / FILES[name][0]}", scoring="letter", rotate=1)
    for example, turned, row in zip(task.examples, letter.examples, raw(name), strict=True):
        gold = row["choices"]["text"][row["choices"]["label"].index(row["answerKey"])]
        assert example.gold is not None
        assert turned.gold is not None
        assert example.choices[example.gold] == example.answer == gold
        assert turned.choices[turned.gold] == gold
        assert f"\n{turned.answer}. {gold}\n" in turned.prompt
        scores = [-1.0 if i == example.gold else -2.0 for i in range(len(example.choices))]
        ones = [1] * len(scores)
        assert task.judge_scores(example, task.option_scores(example, scores, ones)).reward == 1.0
        turned = [-score for score in scores]
        assert task.judge_scores(example, task.option_scores(example, turned, ones)).reward == 0.0


def test_a_sample_of_math_is_balanced() -> None:
    sample = published("math").limit(70)
    assert [sum(e.level == level for e in sample.examples) for level in sample.levels] == [14] * 5
    assert [sum(e.family == family for e in sample.examples) for family in sample.families] == [10] * 7


@pytest.mark.skipif(not (files("skiploop") / "nano" / "test.jsonl").is_file(), reason="nano isn't built")
def test_the_embedded_test_set() -> None:
    task = make_task("nano")
    assert task.verbatim
    assert task.levels == (1, 2, 3, 4, 5)
    assert len(task.families) >= 6
    assert len(task.deduplicated()) == len(task)
    assert all(task.judge_text(e, e.answer).reward == 1.0 for e in task.examples)
    turned = make_task("nano", families=["choice"], rotate=1)
    assert all(e.answer in "ABCD" for e in turned.examples)
