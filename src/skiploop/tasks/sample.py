"""Which examples to keep when a task is limited or de-duplicated."""

from __future__ import annotations

import hashlib
import math
import unicodedata
from collections import defaultdict
from collections.abc import Sequence

from skiploop.tasks.example import Example

Key = tuple[str, tuple[str, ...]]


def balanced_order(examples: Sequence[Example], seed: int) -> list[int]:
    """Return all indices in an order whose every prefix is balanced over levels, then over families.

    Levels take turns; within a level families take turns, arranged so that consecutive picks across the
    levels go through the families, too. Within a family the order is that of a hash of seed and id: adding or
    removing examples leaves the relative order of the others alone.
    """
    groups: dict[tuple[int, str], list[int]] = defaultdict(list)
    for index in sorted(range(len(examples)), key=lambda i: _hash(seed, examples[i].id)):
        groups[_level(examples[index]), examples[index].family].append(index)
    levels, families = sorted({level for level, _ in groups}), sorted({family for _, family in groups})
    queues = []
    for turn, level in enumerate(levels):
        order = (families[at] for at in _family_order(turn, len(levels), len(families)))
        queues.append(_interleave([groups[level, family] for family in order if (level, family) in groups]))
    return _interleave(queues)


def first_of_each(examples: Sequence[Example]) -> list[int]:
    """Return the indices of the first example of each question."""
    first: dict[Key, int] = {}
    for index, example in enumerate(examples):
        first.setdefault(question_key(example), index)
    return list(first.values())


def question_key(example: Example) -> Key:
    """Return what two examples of one question share: case, white space and the options' order aside.

    Punctuation counts (3+4 isn't 3-4), and so do the options: "Which is a chemical change?" is asked in many
    different ways.
    """
    return fold(example.question or example.prompt), tuple(sorted(map(fold, example.choices)))


def _family_order(turn: int, levels: int, families: int) -> list[int]:
    """Return the families' order at one level: pick number k of all takes family k, modulo their number.

    The last term moves on by one when the steps of `levels` have come round without reaching all families.
    """
    common = math.gcd(levels, families)
    return [(r * levels + turn + r * common // families) % families for r in range(families)]


def fold(text: str) -> str:
    """Return a text without differences of case and white space."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _hash(seed: int, example_id: str) -> bytes:
    return hashlib.sha256(f"{seed}\n{example_id}".encode()).digest()


def _level(example: Example) -> int:
    return -1 if example.level is None else example.level


def _interleave(queues: list[list[int]]) -> list[int]:
    rounds = range(max(map(len, queues), default=0))
    return [queue[turn] for turn in rounds for queue in queues if turn < len(queue)]
