r"""The table of forms of answers in forms.jsonl: right ones, and wrong ones that are easily taken for right.

They are our own ones, and those that the literature on reading answers knows: GSM8K and its filters in lm-eval
(`####`, "The answer is", the last number, thousands separators), MATH's and Minerva's normalisation (units, `\text`,
`\!`, bases), math-verify's documentation and reported errors (intervals, sets, percent, variables that it takes for
units, tiny numbers), simple-evals (letters, `Answer: X`), and reasoning models. For `letter`, gold null means that no
letter is named.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skiploop.tasks.answers import math as answers_math
from skiploop.tasks.answers.letters import extract_letter
from skiploop.tasks.answers.math import math_equal, math_verdict
from skiploop.tasks.answers.text import numeric_verdict

FORMS = [json.loads(line) for line in (Path(__file__).parent / "forms.jsonl").read_text(encoding="utf-8").splitlines()]


def forms(scoring: str, right: bool | None = None) -> list[tuple[str, str]]:
    return [(f["gold"], f["text"]) for f in FORMS if f["scoring"] == scoring and f.get("right") == right]


@pytest.fixture(params=[True, False], ids=["with math-verify", "without"])
def checker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.param:
        monkeypatch.setattr(answers_math, "checker_version", lambda: None)
    elif answers_math.checker_version() is None:
        pytest.skip("math-verify isn't installed")


@pytest.mark.parametrize(("gold", "text"), forms("numeric", True))
def test_numeric_right(gold: str, text: str) -> None:
    assert numeric_verdict(gold, text)[0]


@pytest.mark.parametrize(("gold", "text"), forms("numeric", False))
def test_numeric_wrong(gold: str, text: str) -> None:
    assert not numeric_verdict(gold, text)[0]


@pytest.mark.parametrize(("gold", "answer"), forms("math", True))
def test_math_right(gold: str, answer: str, checker: None) -> None:
    assert math_equal(gold, answer)
    assert math_verdict(gold, f"So it is $\\boxed{{{answer}}}$.")[0]


@pytest.mark.parametrize(("gold", "answer"), forms("math", False))
def test_math_wrong(gold: str, answer: str, checker: None) -> None:
    assert not math_equal(gold, answer)
    assert not math_verdict(gold, f"So it is $\\boxed{{{answer}}}$.")[0]


@pytest.mark.parametrize(("gold", "text"), [form for form in forms("numeric", False) if form[0] == "18"])
def test_math_doubts_what_numeric_doubts(gold: str, text: str) -> None:
    assert not math_verdict(gold, text)[0]


@pytest.mark.parametrize(("letter", "text"), forms("letter"))
def test_letters(letter: str | None, text: str) -> None:
    assert extract_letter(text, 4) == letter
