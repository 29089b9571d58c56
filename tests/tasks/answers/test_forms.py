"""The table of forms of answers, in both directions."""

from __future__ import annotations

import pytest

from skiploop.tasks.answers import math as answers_math
from skiploop.tasks.answers.letters import extract_letter
from skiploop.tasks.answers.math import math_equal, math_verdict
from skiploop.tasks.answers.text import numeric_verdict
from tests.tasks.answers.forms import LETTER, MATH, NUMERIC


@pytest.fixture(params=[True, False], ids=["with math-verify", "without"])
def checker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.param:
        monkeypatch.setattr(answers_math, "checker_version", lambda: None)
    elif answers_math.checker_version() is None:
        pytest.skip("math-verify isn't installed")


@pytest.mark.parametrize(("gold", "text"), [(gold, text) for gold, right, _ in NUMERIC for text in right])
def test_numeric_right(gold: str, text: str) -> None:
    assert numeric_verdict(gold, text)[0]


@pytest.mark.parametrize(("gold", "text"), [(gold, text) for gold, _, wrong in NUMERIC for text in wrong])
def test_numeric_wrong(gold: str, text: str) -> None:
    assert not numeric_verdict(gold, text)[0]


@pytest.mark.parametrize(("gold", "answer"), [(gold, answer) for gold, right, _ in MATH for answer in right])
def test_math_right(gold: str, answer: str, checker: None) -> None:
    assert math_equal(gold, answer)
    assert math_verdict(gold, f"So it is $\\boxed{{{answer}}}$.")[0]


@pytest.mark.parametrize(("gold", "answer"), [(gold, answer) for gold, _, wrong in MATH for answer in wrong])
def test_math_wrong(gold: str, answer: str, checker: None) -> None:
    assert not math_equal(gold, answer)
    assert not math_verdict(gold, f"So it is $\\boxed{{{answer}}}$.")[0]


@pytest.mark.parametrize(("gold", "text"), [(gold, text) for gold, _, wrong in NUMERIC[:1] for text in wrong])
def test_math_doubts_what_numeric_doubts(gold: str, text: str) -> None:
    assert not math_verdict(gold, text)[0]


@pytest.mark.parametrize(("letter", "text"), [(letter, text) for letter, texts in LETTER for text in texts])
def test_letters(letter: str | None, text: str) -> None:
    assert extract_letter(text, 4) == letter
