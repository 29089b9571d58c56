r"""Mathematical answers (scoring `math`): our own comparison first, math-verify for what it can't decide.

    1. the final answer of a text is found as in `numeric`: a box, "answer is", inline mathematics, a number
    2. equal by numeric.py or by latex.py: right, and nothing else is asked
    3. both are plain numbers: wrong; numbers are compared exactly here
    4. else math-verify (sympy) decides, where it is installed: `(x+1)^2` is `x^2+2x+1`, `\{1,2\}` is `\{2,1\}`

It runs in a process of its own (worker.py). An answer that takes it longer than `TIMEOUT` is wrong.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

from skiploop.tasks.answers.latex import based_number, left_side, plain_latex, same_expression, trailing_unit
from skiploop.tasks.answers.numeric import parse_number
from skiploop.tasks.answers.sandbox import Worker
from skiploop.tasks.answers.text import final_expression, numeric_verdict

TIMEOUT = 5.0  # seconds for one comparison
_LONGEST = 300  # characters; longer than any gold answer of MATH
_CACHED = 2**16
_UNCERTAIN = re.compile(
    r"[0-9]['’′]|;\s*(?:or\s+)?[-$]?[0-9]|(?<!\\):(?!=)|\\%|%|\\[lc]?dots(?![A-Za-z])|\.\.\.|…|[0-9]_\{?[0-9]|/[0-9]+[A-Za-z\\(]"
)
_PLAIN_WORD = r"(?!(?:sqrt|sin|cos|tan|log|inf|infinity|and)\b)[A-Za-z]{3,}"
_PROSE = re.compile(rf"(?<=\s){_PLAIN_WORD}(?![A-Za-z(_^])|(?<![\\A-Za-z{{]){_PLAIN_WORD}(?=\s)|\b(?:is|of|isn)\b")
_PRIMES = re.compile(r"['’′]|\\prime(?![A-Za-z])")
_TRANSPOSED = re.compile(r"\^\s*\{?\s*(?:T|\\top|\\dagger|\*)(?![A-Za-z])")
_CAPITALS = re.compile(r"\\(?:Pi|Sigma|Phi|Psi|Omega|Delta|Gamma|Theta|Lambda|Xi)(?![A-Za-z])")
_DEGREES = re.compile(r"\\circ(?![A-Za-z])|\\degree|°")
_LEFT_SIDE = re.compile(r"^[A-Za-z](?:\\in|=)")
_worker = Worker("math")


def math_verdict(gold: str, text: str) -> tuple[bool, str | None]:
    """Judge a text against a gold answer that is mathematics; see the head of this file.

    Returns whether it is right, and the answer found.
    """
    right, answer = numeric_verdict(gold, text)
    numbers = answer is not None and parse_number(gold) is not None and parse_number(answer) is not None
    if right or answer is None or (numbers and left_side(gold) is None):
        return right, answer
    candidates = dict.fromkeys([answer, final_expression(text) or answer])
    return any(math_equal(gold, candidate) for candidate in candidates), answer


def math_equal(gold: str, answer: str) -> bool:
    """Tell whether two expressions are the same mathematics."""
    first, second = parse_number(gold), parse_number(answer)
    if len({side for side in (left_side(gold), left_side(answer)) if side}) > 1:
        return False
    if first is not None and second is not None:
        return second.answers(first)
    if same_expression(gold, answer):
        return True
    if checker_version() is None or not answer.strip() or max(len(gold), len(answer)) > _LONGEST:
        return False
    return _comparable(gold, answer) and _by_math_verify(*(_for_checker(text) for text in (gold, answer)))


def _comparable(gold: str, answer: str) -> bool:
    r"""Tell whether math-verify may be asked: not where it is known to see no difference.

    It ignores bases (1011_2), degree signs, the case of variables, dots, primes and transposes; takes 3:1 for 3 and
    50\% for 1/2; and calls an interval (1,2) equal to the set of 1 and 2.
    """
    if any(based_number(text) or _UNCERTAIN.search(text) or _PROSE.search(text) for text in (gold, answer)):
        return False
    units = {unit for unit in (trailing_unit(gold)[1], trailing_unit(answer)[1]) if unit}
    if len(units) > 1 or len(_DEGREES.findall(gold)) != len(_DEGREES.findall(answer)):
        return False
    if any(len(mark.findall(gold)) != len(mark.findall(answer)) for mark in (_PRIMES, _TRANSPOSED)):
        return False
    if {name.lower() for name in _CAPITALS.findall(gold)} ^ {name.lower() for name in _CAPITALS.findall(answer)}:
        return False
    names = [set(re.findall(r"[A-Za-z]", re.sub(r"\\[A-Za-z]+", " ", text))) for text in (gold, answer)]
    if any(name.swapcase() in names[1] and name.swapcase() not in names[0] for name in names[0]):
        return False
    return _brackets(gold) == _brackets(answer)


def _brackets(text: str) -> str:
    r"""What encloses a list as a whole: a set or nothing (`\{1,2\}`, `1,2`) differs from a tuple or interval."""
    plain = _LEFT_SIDE.sub("", plain_latex(text))
    match = re.fullmatch(r"([(\[])[^()\[\]]*,.*([)\]])", plain)
    return "" if match is None or "\\cup" in plain or "\\cap" in plain else match[1] + match[2]


def _for_checker(text: str) -> str:
    return trailing_unit(text)[0]


@lru_cache(maxsize=1)
def checker_version() -> str | None:
    """The version of math-verify that is installed, None where it isn't."""
    try:
        return version("math-verify")
    except PackageNotFoundError:
        return None


def checker() -> str:
    """What decides under the scoring `math`, for run.json."""
    found = checker_version()
    return "skiploop" if found is None else f"skiploop, then math-verify {found}"


@lru_cache(maxsize=_CACHED)
def _by_math_verify(gold: str, answer: str) -> bool:
    return bool(_worker.ask([gold, answer], TIMEOUT))
