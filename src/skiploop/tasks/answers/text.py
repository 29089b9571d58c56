r"""Verdicts on text: finding the final answer of a generation, and comparing it with the gold answer.

Pure functions of strings. None always means that no answer was found, which a report counts as a format failure and
not as a wrong answer. What can't be read without doubt is wrong: a search over many chains would find each doubt.
"""

from __future__ import annotations

import re
import unicodedata

from skiploop.tasks.answers.latex import extract_boxed, left_side, same_expression, unwrap_text
from skiploop.tasks.answers.letters import MAX_OPTIONS, extract_choice, extract_letter, letters
from skiploop.tasks.answers.marks import final_statement as _final_statement
from skiploop.tasks.answers.marks import first_line, marks, without_emphasis
from skiploop.tasks.answers.numeric import Number, canonical_number, numeric_equal, parse_number
from skiploop.tasks.answers.prose import (
    bare_number,
    denied,
    first_sentence,
    last_number,
    left_open,
    sentences,
    stated_number,
)
from skiploop.tasks.answers.reasoning import after_reasoning, final_part

__all__ = [
    "MAX_OPTIONS",
    "canonical_number",
    "cut_at_label",
    "exact_verdict",
    "extract_boxed",
    "extract_choice",
    "extract_letter",
    "extract_number",
    "final_expression",
    "final_statement",
    "letters",
    "normalise",
    "numeric_equal",
    "numeric_verdict",
]

_MATH = re.compile(r"\$\$([^$]+)\$\$|\$([^$]+)\$|\\\(((?:(?!\\\().)+?)\\\)|\\\[((?:(?!\\\[).)+?)\\\]", re.DOTALL)
_JOINED = re.compile(r"\s*(?:,|;|,?\s*(?:and|or))\s*|\s*", re.IGNORECASE)
_DROPPED = "\"'`“”‘’"
_SPACED = re.compile(
    r"[()\[\]{},;?*_]|(?<![0-9])!|(?<![0-9])[:](?![0-9])|-(?=[^\W\d])|(?<!\w)-(?![0-9])|\.(?![0-9])|(?<=[0-9]):(?![0-9])"
)
_TRAILING_OFF = re.compile(r"(?<=[0-9])\s*\.{2,}")  # 0.333... isn't 0.333, and its dots end no sentence
_WORDS = re.compile(r"[^\W\d_]{2,}(?:[\s'’-]+[^\W\d_]+)*\.?")


def normalise(text: str) -> str:
    """Return a text without differences of case, white space and punctuation that carry no meaning.

    A minus sign or a point in front of a digit, a colon between digits, and a sign behind a letter or digit stay (`-3`
    isn't `3`, `3.5` isn't `35`, `A-` isn't `A`, `5!` isn't `5`), and so do operators. A text of nothing but punctuation
    is its own normal form.
    """
    folded = unicodedata.normalize("NFC", text).replace("−", "-").casefold()
    bare = _SPACED.sub(" ", folded.translate({ord(c): None for c in _DROPPED}))
    return " ".join(bare.split()) or " ".join(folded.split())


def extract_number(text: str) -> str | None:
    r"""Return the number that a text gives as its answer, in canonical form, or None.

    In a box, the whole content must be a number. Behind the last `####` / "answer is" that has one: the first number of
    that statement, after its last `=` ("The answer is 3 * 6 = 18 dollars for 2 days." -> 18). Without these: a first
    line that is a number with its unit, else the last number of the text.
    """
    found = _final_number(final_part(text))
    return str(found) if isinstance(found, Number) else None


def numeric_verdict(gold: str, text: str) -> tuple[bool, str | None]:
    """Judge a text against a gold answer that is a number, a LaTeX expression such as `(4,5)`, or a word.

    Returns whether it is right, and the answer found.
    """
    expected = None if left_side(gold) else parse_number(gold)
    if expected is None and _WORDS.fullmatch(gold.strip()):
        return exact_verdict(gold, text)
    if expected is None:
        found = final_expression(text)
        return found is not None and same_expression(found, gold), found
    number = _final_number(final_part(text))
    right = isinstance(number, Number) and number.answers(expected)
    return right, None if number is None else str(number)


def exact_verdict(gold: str, text: str) -> tuple[bool, str | None]:
    """Judge a text against a gold answer in words: the final statement, or else the first line, must be it.

    Returns whether it is right, and the answer found.
    """
    text = final_part(text)
    wanted = normalise(_without_wrappers(gold))
    line = first_line(text)
    if line is None:
        return False, None
    candidates = [line]
    for mark in marks(text):
        # "St. Louis" has a period inside, "Paris. It is ..." ends at one: either reading may be the answer.
        candidates = [mark.content] if mark.enclosed else [first_sentence(mark.content), mark.content]
        break
    for candidate in (*candidates, text.strip()):
        asks = candidate.rstrip().endswith("?") and not gold.rstrip().endswith("?")
        if not asks and normalise(_without_wrappers(candidate)) == wanted:
            return True, candidate
    return False, candidates[0]


def final_statement(text: str) -> str:
    """Return what a text gives as its answer: in <answer> tags, behind the last mark, or the whole of it."""
    return _final_statement(final_part(text))


def final_expression(text: str) -> str | None:
    """Return the expression that a text gives as its answer: in a box, or in the mathematics of its final statement.

    Several that are named side by side stay together; what is denied comes back as the sentence that denies it.
    """
    text = final_part(text)
    for mark in marks(text):
        if mark.enclosed:
            return mark.content
        sentence = first_sentence(mark.content)
        return mark.content if left_open(mark.content, sentence) else _expression(mark.content, 0) or sentence
    line = first_line(text)
    if line is not None and _MATH.fullmatch(line.rstrip(". ")):
        return _expression(line, 0)
    for sentence in reversed(sentences(text)):
        if _MATH.search(sentence):
            return _expression(sentence, -1) or sentence
    spans = list(_MATH.finditer(text))
    if spans:
        return _inner(spans[-1])
    return line if len(text.split("\n")) == 1 or text.strip() == line else None


def cut_at_label(text: str, label: str) -> str:
    """Cut a generation where it starts the prompt's pattern over again, as base models do.

    Without this, the last number of "18\\n\\nQuestion: Tom has 3 ..." would come from an invented question. Reasoning
    goes first: it may quote the question.
    """
    text = after_reasoning(text)
    if not label:
        return text
    match = re.search(rf"^[ \t]*{re.escape(label)}", text, re.MULTILINE)
    return text[: match.start()] if match else text


def _final_number(text: str) -> Number | str | None:
    """Return the answer as a Number, or as text where what is given isn't a number, or None."""
    text = _TRAILING_OFF.sub("…", text)
    for mark in marks(text):
        if mark.enclosed:
            return parse_number(mark.content) or mark.content
        found = stated_number(mark.content)
        if found is not None:
            return found
    line = first_line(text)
    bare = None if line is None else bare_number(line)
    return bare or last_number(without_emphasis(text))


def _expression(sentence: str, place: int) -> str | None:
    """One formula of a sentence, with those that it is joined to; None where there is none, or where it is denied."""
    groups: list[list[re.Match[str]]] = []
    for match in _MATH.finditer(sentence):
        joined = groups and _JOINED.fullmatch(sentence[groups[-1][-1].end() : match.start()])
        groups = [*groups[:-1], [*groups[-1], match]] if joined else [*groups, [match]]
    if not groups or denied(sentence[: groups[place][0].start()]):
        return None
    first, last = groups[place][0], groups[place][-1]
    whole = "".join(
        sentence[a.end() : b.start()] * (a is not b) + _inner(b)
        for a, b in zip([first, *groups[place]], groups[place], strict=False)
    )
    behind = first_sentence(sentence[last.end() :])
    return None if re.match(r"\W*or\b", behind) or denied(behind.split(",")[0]) else whole


def _inner(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group is not None).strip()


def _without_wrappers(text: str) -> str:
    return unwrap_text(text).strip("$ ") if "\\" in text else text
