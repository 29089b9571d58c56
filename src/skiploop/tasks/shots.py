"""Few-shot prompts: examples with their answers in front of a question. Never the question itself, in whatever case.

first    the first rows for all inputs; whoever asks one of them is shown the next row in its place
random   the same in an order drawn once, by seed: all inputs share a beginning, which an engine runs once
each     drawn anew for each input in turn, as lm-evaluation-harness does (`lm_eval.api.samplers`, 0.4.13): with the
         same rows in the same order and its seed, 1234, every input has the shots that it has there
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from skiploop.errors import InvalidInput
from skiploop.tasks.example import Example
from skiploop.tasks.sample import fold

ORDERS = ("random", "first", "each")
LM_EVAL_SEED = 1234


@dataclass(frozen=True, slots=True)
class Shot:
    """One example that is shown with its answer.

    Attributes:
        prompt: what asks for it, as for an input.
        answer: the text that answers.
        question: alone, to tell whether an input asks the same.
    """

    prompt: str
    answer: str
    question: str


def choose_shots(
    pool: Sequence[Shot], examples: Sequence[Example], count: int, *, order: str, seed: int, same_rows: bool
) -> list[tuple[Shot, ...]]:
    """The shots of each example.

    Args:
        pool: what can be shown.
        examples: the inputs, in the order of their rows.
        count: shots for each.
        order: one of `ORDERS`.
        seed: of the draws.
        same_rows: whether the pool has the inputs' own rows; with `each` one more is drawn then, for their own.

    Raises:
        InvalidInput: an unknown order, or too few rows.
    """
    if order not in ORDERS:
        raise InvalidInput(f"Unknown order of shots {order!r}; allowed are {', '.join(ORDERS)}.")
    if not count:
        return [()] * len(examples)
    keys = [fold(shot.question) for shot in pool]
    generator = random.Random(seed)
    ordered = list(range(len(pool)))
    if order == "random":
        generator.shuffle(ordered)
    found = []
    for example in examples:
        own = fold(example.question or example.prompt)
        if order == "each":
            ordered = _drawn(generator, len(pool), count + same_rows)
        places = _distinct(ordered, keys, own, count)
        if order == "each" and len(places) < count:
            places = _distinct(_drawn(generator, len(pool), len(pool)), keys, own, count)
        if len(places) < count:
            raise InvalidInput(
                f"{count} shots are wanted, and only {len(places)} other questions are there to be shown before "
                f"the example {example.id!r}. Lower --shots (0: none), or give more rows with --shots-from FILE."
            )
        found.append(tuple(pool[place] for place in places))
    return found


def _drawn(generator: random.Random, size: int, count: int) -> list[int]:
    return generator.sample(range(size), min(count, size))


def _distinct(ordered: Sequence[int], keys: Sequence[str], own: str, count: int) -> list[int]:
    """The first `count` places whose questions differ from `own` and from each other."""
    return [place for place, _ in zip(_others(ordered, keys, own), range(count), strict=False)]


def _others(ordered: Sequence[int], keys: Sequence[str], own: str) -> Iterator[int]:
    seen = {own}
    for place in ordered:
        if keys[place] not in seen:
            seen.add(keys[place])
            yield place
