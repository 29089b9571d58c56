r"""Verdicts on text: finding the final answer of a generation, and comparing it with the gold answer.

Pure functions of strings. A final answer is looked for behind the last `####` or in the last `\boxed{...}`,
else after the last "answer is" or "answer:"; what is tried next depends on the kind of scoring. None always
means that no answer was found, which a report counts as a format failure and not as a wrong answer.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterator

from skiploop.errors import InvalidInput
from skiploop.tasks.answers.latex import boxed_spans, extract_boxed, plain_latex
from skiploop.tasks.answers.numeric import Number, canonical_number, find_numbers, numeric_equal, parse_number

__all__ = [
    "MAX_OPTIONS",
    "canonical_number",
    "cut_at_label",
    "exact_verdict",
    "extract_boxed",
    "extract_letter",
    "extract_number",
    "final_statement",
    "letters",
    "marked_math",
    "normalise",
    "numeric_equal",
    "numeric_verdict",
]

MAX_OPTIONS = len(string.ascii_uppercase)
# A model that loops may write "answer is" thousands of times; the last few decide.
_MAX_MARKERS = 16
_MARKER = re.compile(r"####|\banswer\s*(?:is|was|=|:)\s*:?", re.IGNORECASE)
_EMPHASIS = re.compile(r"(?<![\w)])\*\*|\*\*(?![\w(])")
_SENTENCE_END = re.compile(r"(?<=\S)[.;!?](?=\s|$)")
_TAGGED = re.compile(r"<answer>(.*?)</answer>", re.DOTALL | re.IGNORECASE)
_MATH = re.compile(r"\$([^$]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_DROPPED = "\"'`“”‘’"
_SPACED = re.compile(r"[()\[\]{},;!?*_]|(?<![0-9])[:](?![0-9])|-(?![0-9])|\.(?![0-9])|(?<=[0-9]):(?![0-9])")


def normalise(text: str) -> str:
    """Return a text without differences of case, white space and punctuation that carry no meaning.

    A minus sign or a point in front of a digit and a colon between digits stay (`-3` isn't `3`, `3.5` isn't
    `35`), and so do operators. A text of nothing but punctuation is its own normal form.
    """
    folded = unicodedata.normalize("NFC", text).replace("−", "-").casefold()
    bare = _SPACED.sub(" ", folded.translate({ord(c): None for c in _DROPPED}))
    return " ".join(bare.split()) or " ".join(folded.split())


def letters(count: int) -> tuple[str, ...]:
    """Return the letters that name `count` options: A, B, C, ..."""
    if not 1 <= count <= MAX_OPTIONS:
        raise InvalidInput(f"{count} options can't be named by letters; allowed are 1 to {MAX_OPTIONS}.")
    return tuple(string.ascii_uppercase[:count])


def extract_letter(text: str, count: int) -> str | None:
    """Return the option letter that a text gives as its answer, or None.

    A letter counts behind "answer is" (or `####`, or in a box), or at the start if it stands alone or is
    marked as a letter: `B`, `(B)`, `B.`, `b) because`. The article in "A dog" is no answer.
    """
    allowed = "".join(letters(count))
    alone = re.compile(rf"\s*\(?([{allowed}])(?:\s*$|[).:,](?!\w)|\s*\n)", re.IGNORECASE)
    for statement in _final_statements(text):
        match = alone.match(statement) or re.match(rf"\s*\(?([{allowed}])\b", statement)
        if match:
            return match[1].upper()
    match = alone.match(_without_emphasis(text))
    return match[1].upper() if match else None


def extract_number(text: str) -> str | None:
    r"""Return the number that a text gives as its answer, in canonical form, or None.

    Behind the last `####` / "answer is" that has one: the first number of that statement, after its last `=`
    ("The answer is 3 * 6 = 18 dollars for 2 days." -> 18). In a box: the whole content must be a number.
    Without any of these: the last number of the text.
    """
    found = _final_number(text)
    return str(found) if isinstance(found, Number) else None


def numeric_verdict(gold: str, text: str) -> tuple[bool, str | None]:
    """Judge a text against a gold answer that is a number, or a LaTeX expression such as `(4,5)`.

    Returns whether it is right, and the answer found.
    """
    expected = parse_number(gold)
    if expected is None:
        found = _final_expression(text)
        return found is not None and plain_latex(found) == plain_latex(gold), found
    number = _final_number(text)
    right = isinstance(number, Number) and number.equals(expected)
    return right, None if number is None else str(number)


def exact_verdict(gold: str, text: str) -> tuple[bool, str | None]:
    """Judge a text against a gold answer in words: the final statement, or else the first line, must be it.

    Returns whether it is right, and the answer found.
    """
    wanted = normalise(gold)
    candidates = []
    for statement in _final_statements(text):
        # "St. Louis" has a period inside, "Paris. It is ..." ends at one: either reading may be the answer.
        candidates = [_SENTENCE_END.split(statement, maxsplit=1)[0].strip(), statement]
        break
    lines = [line.strip() for line in _without_emphasis(text).splitlines() if line.strip()]
    if not lines:
        return False, None
    candidates = candidates or lines[:1]
    for candidate in (*candidates, text.strip()):
        if normalise(candidate) == wanted:
            return True, candidate
    return False, candidates[0]


def final_statement(text: str) -> str:
    """Return what a text gives as its answer: in <answer> tags, behind the last marker, or the whole of it."""
    tagged = _TAGGED.findall(text)
    if tagged:
        return str(tagged[-1]).strip()
    for statement in _final_statements(text):
        return _SENTENCE_END.split(statement, maxsplit=1)[0].strip()
    return text.strip()


def marked_math(text: str) -> str | None:
    """Return the mathematics that a text marks as its answer: in a box, or between $ signs behind "answer is"."""
    for content, boxed in _marked(_without_emphasis(text)):
        inline = _inline_math(content)
        return content if boxed else inline[0] if inline else None
    return None


def cut_at_label(text: str, label: str) -> str:
    """Cut a generation where it starts the prompt's pattern over again, as base models do.

    Without this, the last number of "18\\n\\nQuestion: Tom has 3 ..." would come from an invented question.
    """
    if not label:
        return text
    match = re.search(rf"^[ \t]*{re.escape(label)}", text, re.MULTILINE)
    return text[: match.start()] if match else text


def _without_emphasis(text: str) -> str:
    return _EMPHASIS.sub("", text)


def _final_statements(text: str) -> Iterator[str]:
    """Yield what the answer markers of a text hold, the most telling first."""
    for content, _ in _marked(_without_emphasis(text)):
        yield content


def _marked(text: str) -> list[tuple[str, bool]]:
    r"""List (content, is a box): `####` and boxes before "answer is", and the last before the others.

    Words alone weigh less because prose says them, too: "... \boxed{44}. We check: so our answer is correct."
    """
    found = [(True, at, content, True) for at, content in boxed_spans(text)[-_MAX_MARKERS:]]
    for match in list(_MARKER.finditer(text))[-_MAX_MARKERS:]:
        rest = text[match.end() :].lstrip().split("\n", 1)[0].strip()
        if rest and not rest.startswith(("\\boxed", "$\\boxed")):
            found.append((match.group() == "####", match.start(), rest, False))
    return [(content, boxed) for _, _, content, boxed in sorted(found, reverse=True)]


def _final_number(text: str) -> Number | str | None:
    """Return the answer as a Number, or as text where a marked answer isn't one, or None."""
    for content, boxed in _marked(_without_emphasis(text)):
        found = (parse_number(content) or content) if boxed else _number_of_statement(content)
        if found is not None:
            return found
    numbers = find_numbers(text)
    return numbers[-1] if numbers else None


def _number_of_statement(statement: str) -> Number | str | None:
    for part in (_SENTENCE_END.split(statement, maxsplit=1)[0], statement):
        value = part.rpartition("=")[2] if find_numbers(part.rpartition("=")[2]) else part
        whole = parse_number(value)
        if whole is not None:
            return whole
        if re.search(r"\\(?:sqrt|pi)(?![A-Za-z])", value):
            return value.strip()
        numbers = find_numbers(value)
        if numbers:
            return numbers[0]
    return None


def _final_expression(text: str) -> str | None:
    for content, boxed in _marked(_without_emphasis(text)):
        if boxed:
            return content
        inline = _inline_math(content)
        return inline[0] if inline else _SENTENCE_END.split(content, maxsplit=1)[0].strip()
    inline = _inline_math(text)
    if inline:
        return inline[-1]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0] if len(lines) == 1 else None


def _inline_math(text: str) -> list[str]:
    return [(match[1] or match[2] or match[3]).strip() for match in _MATH.finditer(text)]
