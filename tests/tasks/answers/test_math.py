"""Mathematical answers: our own comparison, math-verify behind it, and what happens when that can't finish."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from threading import Thread

import pytest

from skiploop.tasks import Example, Task
from skiploop.tasks.answers import math as answers_math
from skiploop.tasks.answers.math import checker, math_equal, math_verdict
from skiploop.tasks.answers.numeric import parse_number
from skiploop.tasks.answers.text import numeric_verdict
from tests.tasks.sources.test_files import DATA, published

needs_checker = pytest.mark.skipif(answers_math.checker_version() is None, reason="math-verify isn't installed")
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no folder {DATA}; set SKIPLOOP_DATA")


@pytest.fixture
def without_checker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers_math, "checker_version", lambda: None)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("\\frac{1}{2}", "1/2"),
        ("\\frac{1}{2}", "\\dfrac12"),
        ("\\frac{1}{2}", "0.5"),
        ("50\\%", "50"),
        ("12\\text{ cm}", "12"),
        ("1,234", "1234"),
        ("(4,\\sqrt{5})", "(4, \\sqrt5)"),
        ("90^\\circ", "90"),
    ],
)
def test_spelling_is_settled_without_math_verify(gold: str, answer: str, without_checker: None) -> None:
    assert math_equal(gold, answer)
    assert math_verdict(gold, f"So it is $\\boxed{{{answer}}}$.")[0]


EQUAL = [
    ("(x+1)^2", "x^2+2x+1"),
    ("\\frac{\\sqrt{3}}{3}", "1/\\sqrt{3}"),
    ("3\\sqrt{2}", "\\sqrt{18}"),
    ("5", "\\sqrt{25}"),
    ("\\{1,2\\}", "\\{2,1\\}"),
    ("\\begin{pmatrix}1\\\\2\\end{pmatrix}", "\\begin{bmatrix}1\\\\2\\end{bmatrix}"),
    ("[0,1) \\cup (1,2]", "(1,2] \\cup [0,1)"),
]


@needs_checker
@pytest.mark.parametrize(("gold", "answer"), EQUAL)
def test_math_verify_sees_what_spelling_hides(gold: str, answer: str) -> None:
    right, found = math_verdict(gold, f"The answer is $\\boxed{{{answer}}}$.")
    assert right
    assert found is not None
    assert not numeric_verdict(gold, f"The answer is $\\boxed{{{answer}}}$.")[0]


@pytest.mark.parametrize(("gold", "answer"), EQUAL[:4])
def test_without_math_verify_only_spelling_counts(gold: str, answer: str, without_checker: None) -> None:
    assert not math_equal(gold, answer)
    assert checker() == "skiploop"


@needs_checker
@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("(1,2]", "[1,2]"),
        ("2\\pi", "6.28"),
        ("50", "0.5"),
        ("\\frac{1}{3}", "0.33"),
        ("x+1", "x-1"),
        ("\\{1,2\\}", "\\{1,3\\}"),
        ("\\begin{pmatrix}1\\\\2\\end{pmatrix}", "\\begin{pmatrix}2\\\\1\\end{pmatrix}"),
        ("x", ""),
        ("\\sqrt{2}", "}{\\frac"),
        ("2", "9" * 500),
    ],
)
def test_different_answers_stay_different(gold: str, answer: str) -> None:
    assert not math_equal(gold, answer)


def test_two_numbers_are_never_sent_to_math_verify(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers_math, "_by_math_verify", lambda *_: pytest.fail("asked"))
    assert not math_equal("1000000.5", "1000001")
    assert not math_verdict("4", "Therefore it is 5.")[0]


@needs_checker
def test_no_answer_is_a_format_failure() -> None:
    assert math_verdict("x+1", "I don't know.\nReally.") == (False, None)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    answers_math._by_math_verify.cache_clear()
    assert math_equal("y+z", "z+y") or answers_math.checker_version() is None  # the process is up
    monkeypatch.setattr(answers_math, "TIMEOUT", 0.5)
    yield
    answers_math._by_math_verify.cache_clear()


@needs_checker
def test_what_never_ends_is_cut_off_and_the_next_answer_is_judged(impatient: None) -> None:
    started = time.monotonic()
    assert not math_equal("\\sqrt{2}", "9^{9^{9^9}}")
    assert time.monotonic() - started < 60
    answers_math.TIMEOUT = 20.0
    assert math_equal("a+b", "b+a")


@needs_checker
def test_it_works_outside_of_the_main_thread() -> None:
    found: list[bool] = []
    thread = Thread(target=lambda: found.append(math_equal("p+q+r", "r+q+p")))
    thread.start()
    thread.join()
    assert found == [True]


def test_the_checker_is_part_of_the_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = (Example("a", "1+x?", "1+x"),)
    monkeypatch.setattr(answers_math, "checker_version", lambda: "0.9.0")
    task = Task("t", examples, "math")
    assert task.checker == "skiploop, then math-verify 0.9.0"
    before = task.fingerprint
    monkeypatch.setattr(answers_math, "checker_version", lambda: None)
    assert Task("t", examples, "math").fingerprint != before
    assert Task("t", examples, "exact").checker is None


@needs_data
@needs_checker
def test_gold_answers_of_math_are_equal_to_themselves_and_to_no_other() -> None:
    answers = [example.answer for example in published("math").examples]
    assert all(math_equal(answer, answer) for answer in answers)
    symbolic = [answer for answer in dict.fromkeys(answers) if parse_number(answer) is None]
    assert len(symbolic) > 800
    others = [(a, b) for a, b in pairwise(symbolic[::3]) if not numeric_verdict(a, f"\\boxed{{{b}}}")[0]]
    same = [pair for pair in others if math_equal(*pair)]
    assert not same


@needs_data
@needs_checker
def test_every_published_solution_of_math_is_right_without_asking_math_verify(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers_math, "_by_math_verify", lambda *_: False)
    task = published("math")
    assert task.scoring == "math"
    for example in task.examples[::50]:
        assert task.judge_text(example, f"It is $\\boxed{{{example.answer}}}$.").reward == 1.0
