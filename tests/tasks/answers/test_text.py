"""Answers as models write them: what is found, what counts as equal, and what must not."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skiploop.errors import InvalidInput
from skiploop.tasks.answers.latex import extract_boxed, plain_latex
from skiploop.tasks.answers.marks import boxed_answer
from skiploop.tasks.answers.numeric import canonical_number, numeric_equal, parse_number
from skiploop.tasks.answers.text import (
    cut_at_label,
    exact_verdict,
    extract_letter,
    extract_number,
    letters,
    normalise,
    numeric_verdict,
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,234", "1234"),
        ("It costs $18.00.", "18"),
        ("18.", "18"),
        ("-3.0", "-3"),
        ("−7 degrees", "-7"),
        ("-$3", "-3"),
        ("$-3", "-3"),
        ("is .5", "0.5"),
        ("50%", "50"),
        ("50\\%", "50"),
        ("16 - 3 - 4 = 9 eggs", "9"),
        ("9 eggs * $2 = $18 a day", "18"),
        ("He waits 3-4", None),
        ("a list 1,2,3", None),
        ("(4,5)", None),
        ("1 1/2 cups", "3/2"),
        ("\\frac{1}{2}", "1/2"),
        ("$\\dfrac12$", "1/2"),
        ("-\\frac{3}{4}", "-3/4"),
        ("\\frac{-3}{4}", "-3/4"),
        ("6 \\frac{3}{4}", "27/4"),
        ("3 \\times 10^{5}", "300000"),
        ("3×10^-2", "0.03"),
        ("1e5", "100000"),
        ("32,\\!760", "32760"),
        ("1{,}234", "1234"),
        ("an area of 25 cm^2", "25"),
        ("an area of 25 cm^{2}", "25"),
        ("12/25/2020", None),
        ("<<16-3=13>>13", "13"),
        ("x2", None),
        ("1/0", None),
        ("no idea", None),
        ("", None),
    ],
)
def test_last_number_of_a_text(text: str, number: str | None) -> None:
    assert extract_number(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("The answer is 18.", "18"),
        ("The answer is 18 because 3 * 6 = 18, and 2 days pass.", "18"),
        ("The answer is 18. There are 7 days in a week.", "18"),
        ("The answer is 3 * 6 = 18 dollars for 2 days.", "18"),
        ("The answer is approx. 18", "18"),
        ("the answer is x = 5", "5"),
        ("The answer is: $\\frac{3}{4}$.", "3/4"),
        ("Work: 5 + 6\n#### 1,450,000\n", "1450000"),
        ("#### $18 per 2 days", "18"),
        ("#### 5\nNo, wait.\n#### 6", "6"),
        ("**Answer:** 42 of 50", "42"),
        ("Answer:\n42\nThere were 50.", "42"),
        ("The final answer is \\boxed{\\frac{1}{2}}. I hope 3 is fine", "1/2"),
        ("\\boxed{44}. Check: 748 = 9 * 83 + 1, so our answer is correct: 9.", "44"),
        ("\\boxed{18\\text{ dollars}}", "18"),
        # The number inside an expression isn't the answer.
        ("\\boxed{2\\sqrt{3}}", None),
        ("the answer is 2\\sqrt{3}.", None),
    ],
)
def test_the_marked_answer_wins_over_the_last_number(text: str, number: str | None) -> None:
    assert extract_number(text) == number


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        ("-3.0", "-3", True),
        ("3", "-3", False),
        ("\\frac{1}{2}", "0.5", True),
        ("1/2", ".50", True),
        ("50%", "50", True),
        ("$18.00", "18", True),
        ("1,234", "1234", True),
        ("1/3", "0.333333", True),
        ("1/3", "0.33", False),
        ("0.3", "0.30000000000000004", True),
        ("1000000.5", "1000001", False),
        ("1000000", "1000001", False),
        ("0", "0.0000001", False),
        ("9007199254740993", "9007199254740992", False),
        ("5x", "5", False),
        ("cat", "cat", False),
    ],
)
def test_numeric_equality(first: str, second: str, equal: bool) -> None:
    assert numeric_equal(first, second) is equal
    assert numeric_equal(second, first) is equal


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_ratios_are_exact(top: int, bottom: int) -> None:
    number = parse_number(f"{top}/{bottom}")
    assert number is not None
    assert number.value == Fraction(top, bottom)
    assert numeric_equal(f"\\frac{{{top}}}{{{bottom}}}", f"{top}/{bottom}")
    assert not numeric_equal(f"{top}/{bottom}", f"{top * 10**7 + 1}/{bottom * 10**7}")


@given(st.integers(-(10**15), 10**15))
def test_every_spelling_of_an_integer_is_found(value: int) -> None:
    for spelling in (
        f"{value}",
        f"{value:,}",
        f"{value}.0",
        f"${value}.",
        f"**{value}**",
        f"\\boxed{{{value:,}}}",
    ):
        text = f"After 7 steps, the answer is {spelling}"
        assert numeric_verdict(str(value), text) == (True, str(value)), text
        assert not numeric_verdict(str(value + 1), text)[0], text


@given(st.decimals(-(10**6), 10**6, places=4))
def test_canonical_form_is_stable(value: object) -> None:
    once = canonical_number(f"{value:f}")
    assert once is not None
    assert canonical_number(once) == once
    assert numeric_equal(once, f"{value:f}")


@settings(max_examples=50)
@given(st.text())
def test_no_text_breaks_extraction(text: str) -> None:
    for sample in (
        text,
        f"\\boxed{{{text}",
        f"#### {text}",
        f"the answer is {text}",
        f"\\frac{{{text}}}{{2}}",
    ):
        extract_number(sample)
        extract_letter(sample, 4)
        exact_verdict("x", sample)
        numeric_verdict("(1,2)", sample)


@pytest.mark.parametrize(
    "text",
    [
        "9" * 20_000,
        "1e999999999",
        "1," * 10_000,
        "\\boxed{" * 3_000,
        "a " * 10_000,
        "answer is " * 2_000,
        "$" * 9_999,
    ],
)
def test_a_model_that_loops_neither_blocks_nor_fills_the_memory(text: str) -> None:
    start = time.process_time()
    extract_number(text)
    exact_verdict("x", text)
    numeric_verdict("(1,2)", text)
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("\\boxed{\\frac{1}{2}}", "\\frac{1}{2}"),
        ("\\boxed{1} then \\boxed{\\sqrt{a_{1}}}.", "\\sqrt{a_{1}}"),
        ("\\boxed{\\{1, 2\\}}", "\\{1, 2\\}"),
        ("\\fbox {7}", "7"),
        ("$\\boxed 5$", "5"),
        ("\\boxed{1} and \\boxed{2", "1"),
        ("\\boxed{}", None),
        ("\\boxed", None),
        ("\\boxed{ {1}", None),
        ("boxed{3}", None),
    ],
)
def test_boxed_content_has_balanced_braces(text: str, content: str | None) -> None:
    assert extract_boxed(text) == content


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("\\left( \\frac{5}{3}, 2 \\right)", "(\\dfrac53,2)"),
        ("x = -1", "-1"),
        ("f(x)=x^2", "x^2"),
        ("180^\\circ", "180"),
        ("\\text{even}", "even"),
        ("14\\pi\\text{ inches}", "14\\pi"),
        ("8\\mbox{ cm}^2", "8"),
        ("\\frac{\\sqrt3}2.", "\\frac{\\sqrt{3}}{2}"),
    ],
)
def test_spellings_of_an_expression(first: str, second: str) -> None:
    assert plain_latex(first) == plain_latex(second)


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (r"two points: $\boxed{(10, 0)}$ and $\boxed{(0,0)}.$", "(10, 0), (0,0)"),
        (r"$\boxed{3}$ or $\boxed{\frac{2}{5}}$", r"3, \frac{2}{5}"),
        (r"$-\boxed{3}, \boxed{5}^2$", "-3, 5^2"),
        (r"$\boxed{3}$ or 4", "3$ or 4"),
    ],
)
def test_boxes_side_by_side_are_one_answer(text: str, content: str) -> None:
    assert boxed_answer(text) == content


def test_a_gold_expression_is_compared_as_one() -> None:
    assert numeric_verdict("(4,5)", "so it is $\\boxed{(4, 5)}$.") == (True, "(4, 5)")
    assert numeric_verdict("(4,5)", "The answer is $(4,5)$.") == (True, "(4,5)")
    assert numeric_verdict("(4,5)", "The answer is 5.") == (False, "5")
    assert numeric_verdict("(4,5)", "First this.\nThen that.") == (False, None)
    assert numeric_verdict("5", "\\boxed{x}") == (False, "x")


@pytest.mark.parametrize(
    ("gold", "text", "right"),
    [
        ("Paris", " paris.", True),
        ("Paris", "The answer is Paris. It lies on the Seine.", True),
        ("St. Louis", "The answer is St. Louis.", True),
        ("Paris", "Paris\n\nParis is a city", True),
        ("Paris", "Parisian", False),
        ("Paris", "Paris or London", False),
        ("-3", "3", False),
        ("3.5", "35", False),
        (">", "<", False),
        ("don't", "Don’t!", True),
        ("a, b", "A B", True),
    ],
)
def test_exact_ignores_only_what_carries_no_meaning(gold: str, text: str, right: bool) -> None:
    assert exact_verdict(gold, text)[0] is right


def test_nothing_is_a_format_failure_and_a_wrong_answer_is_not() -> None:
    assert exact_verdict("x", " \n") == (False, None)
    assert exact_verdict("x", "y") == (False, "y")
    assert numeric_verdict("1", "I don't know") == (False, None)


@given(st.text())
def test_normalise_is_idempotent_and_keeps_something(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)
    assert bool(normalise(text)) == bool("".join(text.split()))


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        (" (b)", "B"),
        ("B. because", "B"),
        ("**B**", "B"),
        ("A\nA dog", "A"),
        ("The answer is B because A is wrong", "B"),
        ("Answer: (C) a cat", "C"),
        ("so \\boxed{D}", "D"),
        ("A dog", None),
        ("the answer is a dog", None),
        ("E", None),
        ("Because", None),
    ],
)
def test_letters_but_not_articles(text: str, letter: str | None) -> None:
    assert extract_letter(text, 4) == letter


def test_letters_end_at_z() -> None:
    assert letters(3) == ("A", "B", "C")
    assert letters(26)[-1] == "Z"
    with pytest.raises(InvalidInput, match="27 options"):
        letters(27)


def test_a_repeated_prompt_is_cut_off() -> None:
    text = " 18\n\nQuestion: Tom has 3 apples.\nAnswer: 3"
    assert cut_at_label(text, "Question:") == " 18\n\n"
    assert cut_at_label("The Question: 3", "Question:") == "The Question: 3"
    assert cut_at_label(text, "") == text


@pytest.mark.parametrize(
    ("gold", "text"),
    [("Paris", "Paris?"), ("A", "A-"), ("A-", "A"), ("5", "5!"), ("Paris", "\\boxed{Paris} or London"),
     ("Paris", "~~Paris~~ London"), ("Paris", "Suppose the answer is Paris.")],
)  # fmt: skip
def test_doubt_about_words_is_wrong(gold: str, text: str) -> None:
    assert not exact_verdict(gold, text)[0]


def test_signs_without_meaning_dont_count_in_words() -> None:
    assert exact_verdict("well-known", "Well known!")[0]
    assert exact_verdict("Paris", "- Paris")[0]
    assert exact_verdict("A-", "The answer is A-.")[0]
