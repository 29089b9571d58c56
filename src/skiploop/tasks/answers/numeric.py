"""Numbers with what belongs to them: sign, scale, unit. Each is read as a whole, or not at all.

A *quantity* is a number in digits or words with its sign before it ("minus three"), and behind it a fraction ("2 and a
half", "1 1/2"), scales ("5 hundred thousand"), and a unit. Where digits stand in something else, such as 3-4, 5x or
12/25/2020, the quantity has no number: it is there, but can't be read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from skiploop.tasks.answers.digits import Number, plain_text, read_digits
from skiploop.tasks.answers.number_words import SCALES, WORDS, and_a_part, spelled_number
from skiploop.tasks.answers.units import CHANGING, UNITS, known_unit

__all__ = [
    "AnswerWord",
    "Number",
    "Quantity",
    "canonical_number",
    "numeric_equal",
    "parse_number",
    "quantities",
    "words_of",
]

_LONGEST = 600  # characters of an answer that is a number
_MAX_UNIT_WORDS = 8
_MAX_WORDS = 32  # of a number in words
_LEFT_SIDE = re.compile(r"^\s*\$?\s*[A-Za-z](?:\([A-Za-z]\))?\s*=(?!=)\s*")
_PREFIX = r"(?:USD|US|Rs\.?|EUR|GBP|#)?"
_GLUED = re.compile(
    rf"{_PREFIX}(?P<digits>[-+]?\.?[0-9].*?)"
    rf"(?P<suffix>%|st|nd|rd|th|[kKMB]|bn|mn|{'|'.join(re.escape(n) for n in UNITS if len(n) > 1)}(?:\^[23])?)?"
)
_LETTER_SCALES = {"k": 10**3, "K": 10**3, "M": 10**6, "mn": 10**6, "B": 10**9, "bn": 10**9}
_SIGNS = ("minus", "negative", "plus", "positive")
_FILLERS = ("about", "usd", "rs", "eur", "gbp", "approximately", "roughly", "exactly", "only", "just")
_OPENING, _CLOSING = "\"'“‘`([{<*_", "\"'”’`)]}>*_.,;:!?"


@dataclass(frozen=True, slots=True)
class AnswerWord:
    """A word of a plain text: what it says in lower case, as it was written, and the punctuation around it."""

    says: str
    written: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number in a list of words (None: unreadable), its first word, and the first word behind it and its unit."""

    number: Number | None
    first: int
    end: int


def words_of(plain: str) -> list[AnswerWord]:
    """Split a plain text into words; `=` and hyphens between number words stand between them."""
    words = []
    for piece in re.sub(r"(?<![=!<>])=(?!=)", " = ", plain).split():
        parts = piece.split("-")
        bare = [part.strip(_OPENING + _CLOSING).casefold() for part in parts]
        spelled = len(parts) > 1 and bare[0] in WORDS and all(part.isalpha() for part in bare)
        words += [_word(part) for part in (parts if spelled else [piece])]
    return words


def quantities(words: Sequence[AnswerWord], *, prose: bool = True) -> list[Quantity]:
    """Return all quantities among these words, in order.

    Args:
        words: of one sentence, see `words_of`.
        prose: whether `18 m` is 18 metres and `2.5k` 2500; in a formula these letters are variables.
    """
    found, at = [], 0
    while at < len(words):
        quantity = _quantity(words, at, prose)
        if quantity is not None:
            found.append(quantity)
        at = at + 1 if quantity is None else max(quantity.end, at + 1)
    return found


def parse_number(text: str) -> Number | None:
    r"""Read a text that is one number, with nothing else but currency, a unit, `x =` or a period.

    Returns None for everything else: `2\sqrt{3}`, `5x` and `(4, 5)` must not pass for one of their parts. What is
    dropped as a unit is a known one, or words behind a space that don't change the number ("18 red apples").
    """
    if len(text) > _LONGEST:
        return None
    words = words_of(_LEFT_SIDE.sub("", plain_text(text)))
    start = next((at for at, word in enumerate(words) if word.says not in _FILLERS), 0)
    quantity = _quantity(words, start, prose=False) if words else None
    if quantity is None or quantity.number is None or quantity.first != start:
        return None
    brackets = "".join(word.before + word.after for word in words)
    if re.search(r"[()\[\]<>!?,;:*_]", brackets.rstrip(".")) or not harmless(words[quantity.end :]):
        return None
    return quantity.number


def harmless(words: Sequence[AnswerWord]) -> bool:
    """Tell whether these words behind a number are what is counted, and leave the number as it is."""
    says = [word.says for word in words]
    if len(says) > _MAX_UNIT_WORDS or any(says[at] in CHANGING or says[at] in WORDS for at in range(len(says))):
        return False
    alone = {"a"} if len(says) > 1 else set()
    return all(re.fullmatch(r"[^\W\d_]+(?:[-'’/][^\W\d_]+)*", word) for word in says) and all(
        len(word) > 1 or word in alone for word in says
    )


def numeric_equal(first: str, second: str) -> bool:
    """Tell whether two texts are the same number; False where either isn't a number."""
    a, b = parse_number(first), parse_number(second)
    return a is not None and b is not None and a.equals(b)


def canonical_number(text: str) -> str | None:
    r"""Return the one spelling of a number (1000 for `1,000`, 51 for `51.0`, 1/2 for `\frac12`), or None."""
    number = parse_number(text)
    return None if number is None else str(number)


def _word(piece: str) -> AnswerWord:
    inner = piece.lstrip(_OPENING)
    bare = inner.rstrip(_CLOSING)
    after = inner[len(bare) :]
    return AnswerWord(bare.casefold(), bare, piece[: len(piece) - len(inner)], after)


def _quantity(words: Sequence[AnswerWord], at: int, prose: bool) -> Quantity | None:
    """The quantity that begins with this word, its sign included; None where none does."""
    signed = words[at].says in _SIGNS and at + 1 < len(words) and not words[at].after
    start = at + 1 if signed else at
    quantity = _unsigned(words, start, prose) if start < len(words) else None
    if quantity is None or not signed:
        return quantity
    number = quantity.number
    if number is not None and words[at].says in ("minus", "negative"):
        number = replace(number, value=-number.value)
    return Quantity(number, at, quantity.end)


def _unsigned(words: Sequence[AnswerWord], at: int, prose: bool) -> Quantity | None:
    word = words[at]
    if re.match(r"[-+#$]?\.?[0-9]|(?:usd|us|rs\.?|eur|gbp)[0-9]", word.says):
        number, end = _glued(word, prose), at + 1
        mixed = _goes_on(words, at) and number is not None and number.value.denominator == 1
        if mixed and number is not None and re.fullmatch(r"[0-9]+/[0-9]+", words[end].says):
            part = read_digits(words[end].says)
            proper = part is not None and part.value < 1
            number = Number(_away_from_zero(number, part.value)) if proper and part is not None else None
            end += 1
    elif "\\" in word.written:
        number, end = None, at + 1  # a formula
    else:
        spelled = spelled_number([each.says for each in _sentence_part(words, at)])
        if spelled is None:
            return None
        number = None if spelled.value is None else Number(spelled.value, 2 if spelled.value.denominator > 1 else 0)
        number, end = number and replace(number, places=0), at + spelled.words
    return _with_scale_and_unit(words, at, end, number, prose)


def _with_scale_and_unit(
    words: Sequence[AnswerWord], at: int, end: int, number: Number | None, prose: bool
) -> Quantity:
    says = [word.says for word in _sentence_part(words, at)]
    part = and_a_part(says[end - at :])
    if part is not None:
        number, end = number and Number(_away_from_zero(number, part[0])), end + part[1]
    elif len(says) > end - at + 1 and says[end - at] == "and" and re.fullmatch(r"[1-9]/[0-9]+", says[end - at + 1]):
        below = read_digits(says[end - at + 1])
        number, end = number and below and Number(_away_from_zero(number, below.value)), end + 2
    while end - at < len(says) and says[end - at] in SCALES:
        number, end = number and number.scaled(Fraction(SCALES[says[end - at]])), end + 1
    unit = known_unit([_unit_name(word, prose) for word in words[end : at + len(says)]], letters=prose)
    if unit is not None and number is not None and not number.unit:
        number, end = replace(number, unit=unit[0]), end + unit[1]
    return Quantity(number, at, end)


def _glued(word: AnswerWord, prose: bool) -> Number | None:
    """The number of one word: `18`, `$18`, `18%`, `18th`, `18cm`, and `2.5k` in prose."""
    match = _GLUED.fullmatch(word.written)
    primed = word.after.startswith(("'", "’", "′")) and not word.before
    if match is None or primed or word.after.startswith("!") or ("*" in word.after and "*" not in word.before):
        return None
    number, suffix = read_digits(match["digits"]), match["suffix"] or ""
    if suffix in _LETTER_SCALES:
        return number.scaled(Fraction(_LETTER_SCALES[suffix])) if prose and number is not None else None
    unit = known_unit([suffix])
    return replace(number, unit=unit[0]) if number is not None and unit is not None else number


def _goes_on(words: Sequence[AnswerWord], at: int) -> bool:
    return at + 1 < len(words) and not words[at].after


def _away_from_zero(number: Number, part: Fraction) -> Fraction:
    return number.value - part if number.value < 0 else number.value + part


def _sentence_part(words: Sequence[AnswerWord], at: int) -> Sequence[AnswerWord]:
    """The words from here to the first that ends in punctuation; more than a number and its unit can have won't do."""
    part = words[at : at + _MAX_WORDS]
    end = next((place for place, word in enumerate(part) if word.after.strip("*_")), len(part))
    return part[: end + 1]


def _unit_name(word: AnswerWord, prose: bool) -> str:
    """A unit symbol of one letter counts as it is written: l and L are litres, but M isn't a metre."""
    return word.written if len(word.written) == 1 and word.written != "L" else word.says
