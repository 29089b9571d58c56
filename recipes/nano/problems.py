"""Procedural reasoning problems for `nano`: six families, five levels, answers given without working.

Every family has a *size*, a count of elementary steps or items that grows without a natural end (operations
of a sum, items of a list, composed string operations). The five *levels* of a family are five chosen sizes.
The model is trained on all sizes; which of them are called level 1 to 5 is a table (`LEVEL_SIZES`) that was
set by looking at the validation split.

Splits are disjoint by construction: a stable hash of family and prompt says to which split a problem
belongs, whoever generates it and whenever (`split_of`). Nothing here imports torch.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

LETTERS = "abcdefghijklmnopqrstuvwxyz"
OPTION_LETTERS = "ABCD"


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: the exact text to tokenise and the exact text to emit before EOS.

    `question`, `choices` and `gold` are only set for multiple choice, where `answer` is the letter of
    `choices[gold]`.
    """

    family: str
    size: int
    prompt: str
    answer: str
    question: str | None = None
    choices: tuple[str, ...] | None = None
    gold: int | None = None


# --- free-form families -----------------------------------------------------------------------------------


def arithmetic(rng: random.Random, size: int) -> Problem:
    """A three-digit number and terms of `size` digits in all, added or subtracted; three-digit result.

    As many terms as possible have two digits: size 5 is two terms of two digits and one of one, in any order.
    """
    while True:
        text = str(total := rng.randint(100, 999))
        terms = [rng.randint(10, 99) for _ in range(size // 2)] + [rng.randint(1, 9)] * (size % 2)
        rng.shuffle(terms)
        for term in terms:
            sign = rng.choice((1, -1))
            total += sign * term
            text += f"{'+' if sign > 0 else '-'}{term}"
        if 100 <= total <= 999:
            return Problem("arithmetic", size, f"calc:{text}=", str(total))


# size -> range of the coefficient of x (left minus right), digits of the constant, whether x is on both sides
EQUATION_SIZES: dict[int, tuple[int, int, int, bool]] = {
    1: (1, 1, 1, False),
    2: (1, 1, 2, False),
    3: (1, 1, 3, False),
    4: (2, 2, 2, False),
    5: (3, 5, 2, False),
    6: (6, 9, 2, False),
    7: (2, 9, 3, False),
    8: (1, 4, 2, True),
}


def equation(rng: random.Random, size: int) -> Problem:
    """A linear equation with a three-digit solution; coefficients grow, at last x is on both sides."""
    low, high, digits, both = EQUATION_SIZES[size]
    while True:
        x, slope = rng.randint(100, 999), rng.randint(low, high)
        constant = rng.choice((1, -1)) * rng.randint(10 ** (digits - 1), 10**digits - 1)
        right = rng.randint(1, 9 - slope) if both else 0
        value = slope * x + constant
        left_text = f"{_coefficient(slope + right)}x{constant:+d}"
        if value > 0:
            right_text = f"{_coefficient(right)}x+{value}" if both else str(value)
            return Problem("equation", size, f"solve:{left_text}={right_text}=", str(x))


def _coefficient(a: int) -> str:
    return "" if a == 1 else str(a)


def sort(rng: random.Random, size: int) -> Problem:
    """`size` two-digit numbers, to be put in ascending order."""
    numbers = [rng.randint(10, 99) for _ in range(size)]
    return Problem("sort", size, f"sort:{','.join(map(str, numbers))}=", ",".join(map(str, sorted(numbers))))


WORD_LENGTH = 5
WORD_OPS: dict[str, Callable[[str], str]] = {
    "R": lambda w: w[::-1],  # reverse
    "L": lambda w: w[1:] + w[0],  # rotate left by one
    "E": lambda w: w[-1] + w[1:-1] + w[0],  # exchange the ends
    "U": lambda w: "".join(LETTERS[(LETTERS.index(c) + 1) % 26] for c in w),  # every letter one up, z to a
}


def string(rng: random.Random, size: int) -> Problem:
    """A random word of five letters, through a sequence of `size` operations from left to right."""
    word = "".join(rng.choice(LETTERS) for _ in range(WORD_LENGTH))
    ops = "".join(rng.choice("RLEU") for _ in range(size))
    result = word
    for op in ops:
        result = WORD_OPS[op](result)
    return Problem("string", size, f"word:{word} {ops}=", result)


COUNT_LETTERS = "abcdef"


def count(rng: random.Random, size: int) -> Problem:
    """How often each letter occurs in a string of `size` letters: `abba` gives `a2b2`."""
    text = "".join(rng.choice(COUNT_LETTERS) for _ in range(size))
    tally = Counter(text)
    return Problem("count", size, f"count:{text}=", "".join(f"{c}{tally[c]}" for c in sorted(tally)))


# --- multiple choice --------------------------------------------------------------------------------------

# size -> operations of each expression, least and largest distance between the best and the second-best value
CHOICE_SIZES: dict[int, tuple[int, int, int]] = {
    1: (0, 1, 899),
    2: (1, 20, 99),
    3: (1, 5, 19),
    4: (1, 1, 4),
    5: (2, 20, 99),
    6: (2, 1, 19),
    7: (2, 1, 4),
}
CHOICE_SIGN = {"largest": 1, "smallest": -1}


def choice(rng: random.Random, size: int) -> Problem:
    """Which of four expressions is the largest (or smallest); longer and closer ones at larger sizes."""
    ops, low, high = CHOICE_SIZES[size]
    question = rng.choice(("largest", "smallest"))
    while True:
        options = [_expression(rng, ops) for _ in OPTION_LETTERS]
        ranked = sorted((CHOICE_SIGN[question] * value for _, value in options), reverse=True)
        if low <= ranked[0] - ranked[1] <= high:
            break
    gold = max(range(4), key=lambda i: CHOICE_SIGN[question] * options[i][1])
    texts = tuple(text for text, _ in options)
    prompt = f"{question}:{render_choices(texts)}="
    return Problem("choice", size, prompt, OPTION_LETTERS[gold], question, texts, gold)


def _expression(rng: random.Random, ops: int) -> tuple[str, int]:
    """A three-digit number, or two-digit numbers added and subtracted."""
    value = rng.randint(100, 999) if ops == 0 else rng.randint(10, 99)
    text = str(value)
    for _ in range(ops):
        sign, term = rng.choice((1, -1)), rng.randint(10, 99)
        value += sign * term
        text += f"{'+' if sign > 0 else '-'}{term}"
    return text, value


def render_choices(texts: tuple[str, ...]) -> str:
    """`A 12+30 B 45-11 ...`, as it stands in the prompt."""
    return " ".join(f"{letter} {text}" for letter, text in zip(OPTION_LETTERS, texts, strict=True))


# --- families, levels, splits -----------------------------------------------------------------------------

FAMILIES: dict[str, Callable[[random.Random, int], Problem]] = {
    "arithmetic": arithmetic,
    "equation": equation,
    "sort": sort,
    "string": string,
    "count": count,
    "choice": choice,
}
KEYWORDS = ("calc:", "solve:", "sort:", "word:", "count:", "largest:", "smallest:")

# All sizes that are trained on. Wider than the levels, so that the levels can be set after training.
TRAIN_SIZES: dict[str, tuple[int, ...]] = {
    "arithmetic": (1, 2, 3, 4, 5, 6),
    "equation": (1, 2, 3, 4, 5, 6),
    "sort": (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
    "string": (1, 2, 3, 4, 5),
    "count": (4, 6, 8, 10, 12, 14, 16, 20, 24, 28),
    "choice": (1, 2, 3, 4, 5, 6),
}
# Size of level 1, 2, 3, 4, 5.
LEVEL_SIZES: dict[str, tuple[int, int, int, int, int]] = {
    "arithmetic": (1, 2, 3, 4, 5),
    "equation": (1, 2, 3, 4, 5),
    "sort": (4, 8, 10, 11, 12),
    "string": (1, 2, 3, 4, 5),
    "count": (16, 24, 28, 30, 31),
    "choice": (1, 3, 4, 6, 7),
}
# Of 100 hash buckets: the first five are the test split, the next ten the validation split, the rest is for
# training.
TEST_BUCKETS, VALID_BUCKETS = 5, 10


def bucket_of(family: str, prompt: str) -> int:
    """A number in 0..99 that depends on nothing but the text."""
    digest = hashlib.blake2b(f"{family}\n{prompt}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % 100


def split_of(family: str, prompt: str) -> str:
    """The split, `test`, `valid` or `train`, that this problem belongs to."""
    bucket = bucket_of(family, prompt)
    if bucket < TEST_BUCKETS:
        return "test"
    return "valid" if bucket < TEST_BUCKETS + VALID_BUCKETS else "train"


def sample(rng: random.Random, family: str, size: int, split: str) -> Problem:
    """One random problem of this family and size that belongs to this split."""
    while True:
        problem = FAMILIES[family](rng, size)
        if split_of(family, problem.prompt) == split:
            return problem


def distinct(rng: random.Random, family: str, size: int, split: str) -> Iterator[Problem]:
    """Endless problems of one family, size and split, no prompt twice."""
    seen: set[str] = set()
    while True:
        problem = sample(rng, family, size, split)
        if problem.prompt not in seen:
            seen.add(problem.prompt)
            yield problem


def to_row(problem: Problem, level: int, index: int) -> dict[str, Any]:
    """A row of the data files that ship with the model."""
    row: dict[str, Any] = {
        "id": f"{problem.family}-{level}-{index:03d}",
        "family": problem.family,
        "level": level,
        "prompt": problem.prompt,
        "answer": problem.answer,
    }
    if problem.choices is not None:
        row |= {"question": problem.question, "choices": list(problem.choices), "gold": problem.gold}
    return row
