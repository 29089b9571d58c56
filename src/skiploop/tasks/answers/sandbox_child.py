"""The process behind sandbox.py: runs math-verify or a reasoning-gym data set, with bounded memory; no skiploop here.

    python sandbox_child.py math             [gold, answer]           -> true or false
    python sandbox_child.py gym NAME CONFIG  "names"                  -> every name there is
                                     "items"                  -> the problems, or {"error": ..., "fields": ...}
                                     [index, text]            -> what score_answer says, 0 to 1

One JSON value a line in, one out. The parent sets the time limit and kills this process when it is over: math-verify's
own limit is a signal, which works in the main thread only and can't interrupt one long operation on huge integers.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Callable
from dataclasses import fields
from typing import Any

_MEMORY = 4 * 2**30  # for `9^{9^{9^9}}`
_LEVELS = 5
_TOLERANCE = 1e-6


def main() -> None:
    """Answer until the input ends."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    sys.set_int_max_str_digits(10_000)
    out, sys.stdout = sys.stdout, sys.stderr  # what a data set prints is no reply
    answer = math() if sys.argv[1] == "math" else gym(sys.argv[2], json.loads(sys.argv[3]))
    _limit_memory()
    print(json.dumps("ready"), file=out, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=out, flush=True)


def math() -> Callable[[Any], Any]:
    """Compare by math-verify; what it can't read or compare isn't equal."""
    import math_verify
    from latex2sympy2_extended import NormalizationConfig  # type: ignore[import-untyped]

    # Its table of units has `c`, `d`, `t` and other variables, and its other parsers take a part for the whole.
    plain = NormalizationConfig(basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="none")
    config = [math_verify.LatexExtractionConfig(normalization_config=plain)]

    def parse(text: str) -> Any:
        text = f"${text.strip().strip('$')}$"
        return math_verify.parse(text, extraction_config=config, fallback_mode="no_fallback", parsing_timeout=None)

    def equal(pair: list[str]) -> bool:
        try:
            gold, answer = map(parse, pair)
            same = gold and answer and math_verify.verify(gold, answer, timeout_seconds=None)
            return bool(same) and _close(gold[0], answer[0])
        except Exception:  # sympy raises anything on expressions that a model made up
            return False

    return equal


def _close(gold: Any, answer: Any) -> bool:
    """Whether two numbers differ by less than a millionth of their size: math-verify takes 2**-99 for 2**-98."""
    if not (getattr(gold, "is_number", False) and getattr(answer, "is_number", False)):
        return True
    a, b = complex(gold.evalf(30)), complex(answer.evalf(30))
    return a == b or abs(a - b) <= _TOLERANCE * max(abs(a), abs(b))


def gym(name: str, config: dict[str, Any]) -> Callable[[Any], Any]:
    """Make problems of one data set, and score answers to them."""
    from reasoning_gym.factory import DATASETS, create_dataset

    made: list[Any] = []

    def items() -> Any:
        known = [field.name for field in fields(DATASETS[name][1])]
        if not set(config) <= set(known):
            return {"error": "unknown option", "fields": known}
        try:
            made.append(create_dataset(name, **config))
            return [_item(made[0][index]) for index in range(config["size"])]
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}", "fields": known}

    def score(index: int, text: str) -> float:
        if not made:
            made.append(create_dataset(name, **config))
        try:
            return float(made[0].score_answer(text, made[0][index]))
        except Exception:
            return 0.0

    def answer(question: Any) -> Any:
        if question == "names":
            return sorted(DATASETS)
        return items() if question == "items" else score(*question)

    return answer


def _item(entry: dict[str, Any]) -> dict[str, Any]:
    answer = entry["answer"]
    return {
        "question": str(entry["question"]),
        "answer": None if answer is None else str(answer),
        "level": _level(entry.get("metadata") or {}),
    }


def _level(metadata: dict[str, Any]) -> int | None:
    """The level as stated, or 1 to 5: where the sizes of the problem lie in the ranges that they are drawn from."""
    difficulty = metadata.get("difficulty")
    if isinstance(difficulty, int) and not isinstance(difficulty, bool):
        return difficulty
    places = []
    for name, given in difficulty.items() if isinstance(difficulty, dict) else ():
        value = metadata.get(name)
        if _number(value) and isinstance(given, (list, tuple)) and len(given) == 2 and all(map(_number, given)):
            low, high = given
            if high > low:
                places.append(min(max((value - low) / (high - low), 0.0), 1.0))
    return min(int(_LEVELS * sum(places) / len(places)) + 1, _LEVELS) if places else None


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _limit_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    except (ImportError, ValueError, OSError):  # not on Windows, and not everywhere else
        pass


if __name__ == "__main__":
    main()
