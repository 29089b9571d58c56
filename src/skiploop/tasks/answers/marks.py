r"""Where a text says that its answer comes: <answer> tags, `####`, a box, "the answer is", an answer on the first line.

Only complete marks count, in this order: tags, `####` and boxes, then words, since prose says those, too; of each kind
the last. Two boxes side by side ("\boxed{3} or \boxed{5}") are one mark that holds both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from skiploop.tasks.answers.latex import boxed_spans
from skiploop.tasks.answers.prose import DENIAL, SENTENCE_END, first_sentence

# A model that loops may write "answer is" thousands of times; the last few decide.
_MAX_MARKS = 16
_WORDS = re.compile(
    r"####|\b(?:answers?|ans\.?)(?:\s+(?:to|for|of|in)\s+(?:the|this|that|your|our)(?:\s+\w+){1,3}?)?(?:\s*\([^()\n]{1,30}\))?"
    r"(?:,\s*(?:then|therefore|thus|so),)?\s*"
    r"(?:(?:is|was|are|would be|should be|must be|will be|has to be)\b(?!\s*n['’]t|n['’]t)\s*:?|[:=→]|-+>)\s*:?",
    re.IGNORECASE,
)
_OPTION_WORDS = re.compile(
    r"\b(?:option|choice|letter|statement)\s+(?:is|would be|should be|must be)\b(?!\s*n['’]t|n['’]t)\s*:?"
    r"|\b(?:correct|right|best|final)\s+(?:option|choice|letter)\s*:",
    re.IGNORECASE,
)
_EMPHASIS = re.compile(r"(?<![\w)])\*\*|\*\*(?![\w(])|(?<![\w_])__(?=\w)|(?<=\w)__(?![\w_])")
_TAGGED = re.compile(r"<answer>((?:(?!<answer>).)*?)</answer>", re.DOTALL | re.IGNORECASE)
_BETWEEN_BOXES = re.compile(
    r"[\s$,;.\\()\[\]]*(?:(?:and|or|to|\\text\s*\{\s*(?:and|or)\s*\})[\s$\\()\[\]]*)?(?:[a-z]\s*=\s*)?"
)
_DENIED_BOX = re.compile(
    r"(?:\b(?:not|never|nor|rather than|instead of)|n['’]t)\s+(?:equal(?:s| to)?\s+|be\s+|just\s+)?[\s$\\(\[]*$"
    r"|(?:\b(?:not|never|doubt|unlikely)|n['’]t)\b[^.,;:!?$\n]{0,30}\banswer\b[^.,;:!?$\n]{0,15}[\s$\\(\[]*$",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[,;:.!?\n]")


@dataclass(frozen=True, slots=True)
class Mark:
    """What a text marks as its answer, and whether the mark encloses it, as a box does."""

    content: str
    enclosed: bool


def marks(text: str, *, options: bool = False) -> list[Mark]:
    """List what a text marks as its answer, the most telling first.

    Args:
        text: without reasoning, see reasoning.py.
        options: whether "the correct option is" is a mark, too.
    """
    text = without_emphasis(text)
    found = [(3, at, content, True) for at, content in _tagged(text)]
    found += [(2, at, content, True) for at, content in _boxes(text)]
    for pattern in (_WORDS, _OPTION_WORDS) if options else (_WORDS,):
        for match in list(pattern.finditer(text))[-_MAX_MARKS:]:
            rest = text[match.end() :].lstrip().split("\n", 1)[0].strip()
            strong = match.group() == "####"
            if rest and not re.match(r"[\s$*(\\\[]*\\(?:boxed|fbox)(?![A-Za-z])", rest):
                kept = rest if strong or not _denied_before(text, match.start()) else f"not {rest}"
                found.append((2 if strong else 1, match.start(), kept, False))
    return [Mark(content, enclosed) for *_, content, enclosed in sorted(found, reverse=True)]


def first_line(text: str) -> str | None:
    """The first line of a text that isn't blank."""
    return next((line.strip() for line in without_emphasis(text).splitlines() if line.strip()), None)


def without_emphasis(text: str) -> str:
    """Return a text without Markdown's marks of bold print."""
    return _EMPHASIS.sub("", text)


def final_statement(text: str) -> str:
    """Return what a text gives as its answer: enclosed or behind the last mark, or the whole of it."""
    for mark in marks(text):
        return mark.content if mark.enclosed else first_sentence(mark.content)
    return text.strip()


def boxed_answer(text: str) -> str | None:
    """Return what the last box of a text holds, with the boxes that are joined to it, or None."""
    boxes = _boxes(text)
    return boxes[-1][1] if boxes else None


def _tagged(text: str) -> list[tuple[int, str]]:
    """What stands in answer tags; a box in them is what they hold."""
    found = []
    for match in list(_TAGGED.finditer(text))[-_MAX_MARKS:]:
        boxes = boxed_spans(match[1])
        content = boxes[-1][1] if boxes else match[1].strip()
        if content:
            found.append((match.start(), content))
    return found


def _boxes(text: str) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    end = -1
    for at, content in boxed_spans(text)[-_MAX_MARKS:]:
        between = text[end:at] if end >= 0 else "\n"
        end = text.find(content, at) + len(content) + 1
        if found and "\n\n" not in between and _BETWEEN_BOXES.fullmatch(between):
            found[-1] = (found[-1][0], f"{found[-1][1]}, {content}")
        else:
            found.append((at, f"not {content}" if _DENIED_BOX.search(text[max(0, at - 80) : at]) else content))
    return found


def _denied_before(text: str, at: int) -> bool:
    """Whether the clause before a mark says that this isn't the answer."""
    before = text[max(0, at - 120) : at]
    clause = _CLAUSE.split(SENTENCE_END.sub("\n", before))[-1]
    return bool(DENIAL.search(clause))
