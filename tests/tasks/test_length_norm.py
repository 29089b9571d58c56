"""Length norm `bytes` divides by the bytes of an option in UTF-8: letters outside of ASCII count for what they take."""

from __future__ import annotations

import pytest

from skiploop.tasks import Example, Task, Verdict


def quiz(choices: tuple[str, ...], gold: int, length_norm: str = "bytes") -> Task:
    example = Example("q", "Question: Which?\nAnswer:", choices[gold], choices, gold, question="Which?")
    return Task("quiz", (example,), "choice", length_norm=length_norm)


@pytest.mark.parametrize(
    ("choices", "lengths"),
    [
        (("Zurich", "Zürich"), (6, 7)),
        (("Tokyo", "東京"), (5, 6)),  # two characters
        (("four", "🦉"), (4, 4)),  # one character
        (("e\u0301", "\u00e9"), (3, 2)),  # the same letter, composed and not: as it is written, not normalised
        (("µ", "Ω", "Москва"), (2, 2, 12)),
    ],
)
def test_scores_are_log_likelihoods_over_bytes(choices: tuple[str, ...], lengths: tuple[int, ...]) -> None:
    task = quiz(choices, 0)
    (example,) = task.examples
    found = task.option_scores(example, [-12.0] * len(choices), [1] * len(choices))
    assert found == [-12.0 / length for length in lengths]


def test_bytes_not_characters_decide_between_options_outside_of_ascii() -> None:
    """-9 over 3 bytes beats -5 over 1 and -4 over 1; by characters, and without a norm, -4 wins."""
    choices, scores = ("b", "語", "c"), [-5.0, -9.0, -4.0]
    for norm, best in (("bytes", 1), ("none", 2), ("tokens", 2)):
        task = quiz(choices, 1, norm)
        assert task.judge_scores(task.examples[0], scores, [1, 1, 1]) == Verdict(float(best == 1), choices[best])


def test_the_space_before_an_option_is_no_part_of_its_length() -> None:
    task = quiz(("ab", "é"), 0)
    (example,) = task.examples
    assert task.continuations(example) == (" ab", " é")
    assert task.option_scores(example, [-2.0, -2.0], [1, 1]) == [-1.0, -1.0]
