r"""Options named by letters: reading `B`, `(B)`, `**B**`, `\boxed{\text{B}}`, "option B", "The answer is B since ...".

The article of "A dog" is no letter, and what names two letters names none.
"""

from __future__ import annotations

import re
import string

from skiploop.errors import InvalidInput
from skiploop.tasks.answers.latex import unwrap_text
from skiploop.tasks.answers.marks import Mark, first_line, marks
from skiploop.tasks.answers.prose import denied, first_sentence
from skiploop.tasks.answers.reasoning import final_part

MAX_OPTIONS = len(string.ascii_uppercase)
_NAMED = r"(?:(?:the|an?|my|is|correct|right|best|answer|final|most likely|likely|probably|definitely|clearly)\s+)*"
_WORD = r"(?:options?|choices?|answers?|letters?|statements?)\s*:?\s*"
_REASONS = r"because|since|as|so|which|with|for|due|given|where|that|meaning|i\.e\.|here"
_LINKS = rf"{_REASONS}|is(?= (?:the )?(?:correct|right|best|true|most))"
_OPENING = re.compile(r"[\s\"'“‘`*_$({\[\\]*(?:boxed|fbox)?[\s({\[]*")
# A letter at the start that is more than the first of a word or an article: `B.`, `b)`, `B because`, `B is correct`.
_ALONE = re.compile(
    r"[\s\"'“‘`*_$({\[]*(?:[A-Za-z](?:[)\]}\"'”’`*_$]*\s*[.!]?\s*$|[)\]]|[.:](?!\w))"
    r"|[A-Z](?:[)\]}\"'”’`*_$]*,?\s+(?:because|since|is(?= (?:the )?(?:correct|right|best))|[-–—]\s)"
    r"|\s+\([^()]*\)\W*$))"
)
_LEAD = re.compile(
    r"^\s*(?i:(?:so|thus|hence|therefore),?\s+)?(?i:(?:it|that)(?:['’]s|\s+is)\s+)?(?=[*_(\[]*[A-Z][)\]*_]*[.!]?\s*$)"
)
_CHOSEN = re.compile(
    r"\b(?:choose|pick|select|go with|going with)\s+(?:the\s+)?(?:option\s+|choice\s+|answer\s+)?", re.IGNORECASE
)

_WITHDRAWN = re.compile(
    r"[\s,;(–—-]*(?:(?:which|that|this)\s+(?:is|was|seems)\s+)?(?:wrong|incorrect|false|not\s+(?:right|correct|true))\b"
    r"|[\s,;]*but\s+\(?[A-Z]\)?\s+(?:is|could|may|might|seems)\b(?!\s+(?:not|wrong|incorrect|false))",
    re.IGNORECASE,
)


def letters(count: int) -> tuple[str, ...]:
    """Return the letters that name `count` options: A, B, C, ..."""
    if not 1 <= count <= MAX_OPTIONS:
        raise InvalidInput(f"{count} options can't be named by letters; allowed are 1 to {MAX_OPTIONS}.")
    return tuple(string.ascii_uppercase[:count])


def extract_letter(text: str, count: int) -> str | None:
    """Return the option letter that a text gives as its answer, or None.

    A letter counts behind "answer is" (or `####`, or in a box), or at the start if it stands alone or is
    marked as a letter: `B`, `(B)`, `B.`, `b) because`, `Option B`. The article in "A dog" is no answer.
    """
    return _extract(text, count)[0]


def extract_choice(text: str, choices: tuple[str, ...]) -> int | None:
    """Return the index of the option that a text names by letter; None also where its words name another option."""
    letter, rest = _extract(text, len(choices))
    if letter is None:
        return None
    index = ord(letter) - ord("A")
    said = _folded(rest)
    named = [i for i, choice in enumerate(choices) if said and said == _folded(choice)]
    return index if not named or index in named else None


def _extract(text: str, count: int) -> tuple[str | None, str]:
    """The letter, and what stands behind it in its sentence."""
    allowed = "".join(letters(count))
    text = final_part(text)
    for mark in marks(text, options=True):
        found = _letter_of(mark, allowed)
        if found[0] is not None:
            return found
        if mark.enclosed or not _opens_with_article(mark.content):
            return None, ""
    line = first_line(text)
    if line is None:
        return None, ""
    line = unwrap_text(line) if "\\" in line else line
    found = (None, "") if _lists_options(text, allowed) else _at_start(line, allowed)
    if found[0] is not None or not text.strip():
        return found
    chosen = list(_CHOSEN.finditer(text))
    return (
        _stated(text[chosen[-1].end() :], allowed) if chosen and not denied(text[: chosen[-1].start()]) else (None, "")
    )


def _letter_of(mark: Mark, allowed: str) -> tuple[str | None, str]:
    return _stated(unwrap_text(mark.content) if "\\" in mark.content else mark.content, allowed, mark.enclosed)


def _stated(statement: str, allowed: str, enclosed: bool = False) -> tuple[str | None, str]:
    """The letter of a statement that should begin with one."""
    sentence = statement.split("\n", 1)[0]
    lead = re.match(rf"{_NAMED}(?:{_WORD})?", sentence.strip(), re.IGNORECASE)
    named = bool(lead and re.search(_WORD, lead.group(), re.IGNORECASE))
    rest = sentence.strip()[lead.end() if lead and named else 0 :]
    return _read(rest, allowed, named or enclosed)


def _at_start(line: str, allowed: str) -> tuple[str | None, str]:
    """The letter that a line begins with and that is marked as one."""
    named = re.match(rf"\s*(?:{_WORD})", line, re.IGNORECASE)
    if named:
        return _read(line[named.end() :], allowed, True)
    line = _LEAD.sub("", line)
    opening = _OPENING.match(line)
    bracketed = bool(opening and re.search(r"[({\[]", opening.group()))
    return _read(line, allowed, bracketed) if _ALONE.match(line) else (None, "")


def _read(text: str, allowed: str, marked: bool) -> tuple[str | None, str]:
    """A letter at the very start, and nothing behind it that makes it a word or one of several."""
    opening = _OPENING.match(text)
    start = opening.end() if opening else 0
    match = re.match(rf"([{allowed}])(?![\w'’])", text[start:], re.IGNORECASE)
    if match is None:
        return None, ""
    letter, behind = match[1], text[start + 1 :]
    bracket = bool(opening and re.search(r"[({\[]", opening.group())) or bool(re.match(r"[)\]}]", behind))
    closed = re.sub(r"^[)\]}\"'”’`*_$\\]+", "", behind)
    rest = closed.strip()
    if (
        _several(rest, allowed)
        or denied(_clause(rest))
        or _WITHDRAWN.match(rest)
        or _lists_options(text, allowed)
        or re.match(r"\.\s*[A-Z]\.", closed)
    ):
        return None, ""
    punctuated = bool(re.match(r"\s*(?:$|[.:!](?![\w.])|\([^()]*\)\W*$|[,;—–](?!\w)|-\s)", closed))
    linked = bool(re.match(rf"\s+(?:{_LINKS})\b", closed, re.IGNORECASE))
    certain = punctuated or bracket or (linked and letter.isupper())
    if letter.islower() and not (bracket or not rest or re.match(r"[).:]", behind) or (marked and punctuated)):
        return None, ""
    return (letter.upper(), re.sub(r"^[\s.:)\],—–-]+", "", rest)) if certain else (None, "")


def _several(rest: str, allowed: str) -> bool:
    """Whether another letter follows as a second answer: `B or C`, `B, C`, `B/C`, `(B) and (C)`."""
    other = rf"[\s(\[\"'*$\\{{]*(?:option|choice|answer)?\s*\(?[{allowed}](?![\w'’])(?!\s+[a-z])"
    return bool(
        re.match(rf"(?:[,;/&+-]|\s|\(|\bor\b|\band\b)*(?:,|/|&|\+|\bor\b|\band\b|-|;){other}", rest)
        or re.match(r"\W*(?:or|as well as|together with|along with|in addition to|plus)\b", rest)
        or re.match(rf"\(?[{allowed}]\)?(?:\W|$)(?!\s*[a-z])", rest)
    )


def _lists_options(text: str, allowed: str) -> bool:
    """Whether a text begins with two options and more, as the prompt lists them: `A. stone`, `B. apple`."""
    marked = rf"[\s*(]*[{allowed}][).:][^\n]*"
    lines = [line for line in text.splitlines() if line.strip()][:2]
    firsts = {line.strip(" *()")[:1] for line in lines}
    several = len(lines) == 2 == len(firsts)
    return bool(
        (several and all(re.fullmatch(marked, line) for line in lines))
        or (several and all(re.fullmatch(rf"[\s(]*[{allowed}][\s).]*", line) for line in lines))
        or re.match(rf"\s*\(?[{allowed}][).:]\s[^\n]*\s\(?[{allowed}][).:]\s", text)
    )


def _clause(rest: str) -> str:
    """What is said of the letter itself: up to a comma, a bracket, or a reason."""
    return re.split(rf"[,;.(:–—]|\b(?:{_REASONS})\b", rest, maxsplit=1)[0]


def _opens_with_article(content: str) -> bool:
    """Whether a statement holds words where a letter could stand: then it says nothing of letters."""
    return re.match(r"[\W_]*[A-Za-z]\w", first_sentence(content)) is not None and not denied(content)


def _folded(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]", " ", text.casefold()).split())
