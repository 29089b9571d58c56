r"""Mathematical answers (scoring `math`): our own comparison first, math-verify for what it can't decide.

    1. the final answer of a text is found as in `numeric`: a box, "answer is", inline mathematics, a number
    2. equal by numeric.py or by latex.py: right, and nothing else is asked
    3. both are plain numbers: wrong; numbers are compared exactly here
    4. else math-verify (sympy) decides, where it is installed: `(x+1)^2` is `x^2+2x+1`, `\{1,2\}` is `\{2,1\}`

It runs in a process of its own (worker.py). An answer that takes it longer than `TIMEOUT` is wrong.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

from skiploop.tasks.answers.latex import plain_latex
from skiploop.tasks.answers.numeric import parse_number
from skiploop.tasks.answers.sandbox import Worker
from skiploop.tasks.answers.text import marked_math, numeric_verdict

TIMEOUT = 5.0  # seconds for one comparison
_LONGEST = 300  # characters; longer than any gold answer of MATH
_CACHED = 2**16
_worker = Worker("math")


def math_verdict(gold: str, text: str) -> tuple[bool, str | None]:
    """Judge a text against a gold answer that is mathematics; see the head of this file.

    Returns whether it is right, and the answer found.
    """
    right, answer = numeric_verdict(gold, text)
    if right or answer is None:
        return right, answer
    candidates = dict.fromkeys([answer, marked_math(text) or answer])
    return any(math_equal(gold, candidate) for candidate in candidates), answer


def math_equal(gold: str, answer: str) -> bool:
    """Tell whether two expressions are the same mathematics."""
    first, second = parse_number(gold), parse_number(answer)
    if first is not None and second is not None:
        return first.equals(second)
    if plain_latex(gold) == plain_latex(answer):
        return True
    if checker_version() is None or not answer.strip() or max(len(gold), len(answer)) > _LONGEST:
        return False
    return _by_math_verify(gold, answer)


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
