"""Numbers in words: twelve, twenty-five, one hundred and three, two and a half, a dozen, three quarters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SMALL = {word: value for value, word in enumerate(_ONES)}
_SMALL |= {word: 20 + 10 * place for place, word in enumerate(_TENS)}
SCALES = {
    "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12,
    "quadrillion": 10**15, "quintillion": 10**18, "sextillion": 10**21, "dozen": 12, "lakh": 10**5, "crore": 10**7,
    "mn": 10**6, "bn": 10**9, "tn": 10**12,
}  # fmt: skip
_PARTS = {
    "half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fourth": 4, "fourths": 4,
    "fifth": 5, "fifths": 5, "sixth": 6, "sixths": 6, "eighth": 8, "eighths": 8, "tenth": 10, "tenths": 10,
}  # fmt: skip
_ORDINALS = frozenset(["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"])
WORDS = frozenset(_SMALL) | frozenset(SCALES) | {"half"}


@dataclass(frozen=True, slots=True)
class Spelled:
    """A number in words: its value (None where the words make no number), and how many words it takes."""

    value: Fraction | None
    words: int


def spelled_number(words: Sequence[str]) -> Spelled | None:
    """Read the number that a list of words (in lower case, hyphens split) begins with; None where none begins."""
    start = int(len(words) > 1 and words[0] in ("a", "an") and words[1] in (*SCALES, "half"))
    if len(words) <= start or words[start] not in WORDS:
        return None
    if words[start] == "half":
        return Spelled(Fraction(1, 2), start + 1)
    count = start + _run(words[start:])
    if count < len(words) and words[count - 1] in _TENS and words[count] in _ORDINALS:
        return Spelled(None, count + 1)  # twenty-third, or twenty thirds
    value = _integer(words[start:count])
    part = _PARTS.get(words[count]) if count < len(words) else None
    if value is not None and part is not None:
        return Spelled(value / part, count + 1)
    return Spelled(value, count)


def and_a_part(words: Sequence[str]) -> tuple[Fraction, int] | None:
    """The fraction of `and a half`, `and one third`, `and three quarters`, and how many words it takes."""
    if len(words) < 3 or words[0] != "and" or words[2] not in _PARTS:
        return None
    top = 1 if words[1] in ("a", "one") else _SMALL.get(words[1], 0)
    return (Fraction(top, _PARTS[words[2]]), 3) if 0 < top < _PARTS[words[2]] else None


def _run(words: Sequence[str]) -> int:
    """How many words belong to one number: `and` does between a hundred or thousand and what follows."""
    count = 0
    while count < len(words):
        joins = words[count] == "and" and 0 < count < len(words) - 1
        joins = joins and words[count - 1] in SCALES and words[count + 1] in _SMALL
        if words[count] not in _SMALL and words[count] not in SCALES and not joins:
            break
        count += 1
    return count


def _integer(words: Sequence[str]) -> Fraction | None:
    total, group = Fraction(0), None
    for word in words:
        if word == "and":
            continue
        if word in _SMALL:
            if group is not None and not _fits(group, _SMALL[word]):
                return None
            group = (group or 0) + _SMALL[word]
        elif word in ("hundred", "dozen"):
            if group is not None and group >= 100:
                return None
            group = (1 if group is None else group) * SCALES[word]
        else:
            if total and total < 1000 * SCALES[word]:
                return None
            total, group = total + (1 if group is None else group) * SCALES[word], 0
    return total + (group or 0)


def _fits(group: int, value: int) -> bool:
    """Whether a number may go on with this one: twenty five and two hundred ten, but not nineteen eighty."""
    if not group:
        return True
    return group % 100 == 0 if value >= 10 else group % 100 == 0 or (group % 10 == 0 and group % 100 >= 20)
