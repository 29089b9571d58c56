r"""Where a text says that its answer comes: <answer> tags, `####`, a box, "the answer is", an answer on the first line.

Only complete marks count, in this order: tags, `####` and boxes, then words, since prose says those, too; of each kind
the last. Two boxes side by side ("\boxed{3} or \boxed{5}") are one mark that holds both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from skiploop.tasks.answers.latex import boxed_spans
from skiploop.tasks.answers.number_words import SCALES
from skiploop.tasks.answers.prose import DENIAL, SENTENCE_END, first_sentence
from skiploop.tasks.answers.units import OTHER_SCALES

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
# The answer of a hypothesis, or of somebody else, isn't the text's own one.
_NOT_ASSERTED = re.compile(
    r"\b(?:suppose|supposing|assum(?:e|es|ing)|imagine|pretend|let['’]?s say|if\b(?!.*\bthen)|tempting|naive"
    r"|initial|previous|student['’]s)\b",
    re.IGNORECASE,
)
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
# What makes another answer of what a box holds: 2\boxed{3}, -\boxed{3}, \sqrt{\boxed{3}}, minus \boxed{3} ...
# Bounds don't: the solutions of MATH box the answer in "at least \boxed{3} widgets" and "x \ge \boxed{3}".
_CHANGED_BEFORE = re.compile(
    r"(?:(?<![A-Za-z0-9}\])])[-−]|=\s*[-−]\s*|[0-9A-Za-z)}\]]\s*[+/×÷]\s*|[0-9)}\]]\s*\*\s*|[0-9A-Za-z)}\]][\^_]"
    r"|[±√≠]\s*|[0-9]|\\(?:pm|mp|times|cdot|div|neq?|log|ln|not)(?![A-Za-z])\s*"
    r"|\\(?:sqrt|[dt]?frac|log|binom)(?![A-Za-z])(?:\[[^\[\]]*\])?(?:\{[^{}]*\})?\{|[\^_]\{"
    r"|\b(?:minus|negative|plus|nearly|almost|twice|thrice|half of|either)[\s$\\(\[]*)$",
    re.IGNORECASE,
)
# ... and \boxed{3}x, \boxed{3}^2, \boxed{3}\pi, \boxed{3} thousand, \boxed{3} or 4, \boxed{3} is wrong.
_TAIL = r"(?:[ \t$]|\\[)\],;! ])*"
_SCALE_WORDS = "|".join(
    (*SCALES, *(f"{scale}s" for scale in SCALES), *OTHER_SCALES, "k", "squared", "cubed", "pi", "π")
)
_CHANGED_BEHIND = re.compile(
    r"[A-Za-z0-9]|[.,][0-9]|(?:[ \t]|\\[,;! ])*(?:\^(?!\s*\{?\s*\\circ)|_\{?[0-9A-Za-z]|[-+*/×÷<>≤≥≠]\s*[0-9\\]"
    r"|[+/×÷]\s*[A-Za-z(]|!(?=\s*\$)|\\(?:pi|sqrt|times|cdot|div|pm|[dt]?frac\s*\{?[0-9]|infty|log|ln)(?![A-Za-z]))"
    rf"|{_TAIL}(?:\\text\s*\{{\s*)?(?:(?:{_SCALE_WORDS})(?!\w)|or\b|(?:to|and)\b[\s$(]*(?:[0-9]|\\boxed|[A-Z]\b)|\?"
    r"|(?P<denial>(?:is|was|can|cannot|does|seems?|would|could|must|may)\b[^.,;:!?\n$]*?"
    r"\b(?:wrong|incorrect|false|impossible|not|cannot|never)\b|(?:isn|wasn|can|doesn|couldn)['’]t\b))",
    re.IGNORECASE,
)
_BOX_HEAD, _BOX_END = re.compile(r"\\[a-z]+\s*\{?"), re.compile(r"\s*\}?")
_TAG_BEFORE = re.compile(r"<[/\w][^<>\n]*>\s*$")
_END_OF_TAIL = re.compile(r"[;!?\n]|[.,:](?![0-9])")


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
    spans = [(at, _end_of_box(text, at, content), content) for at, content in boxed_spans(text)[-_MAX_MARKS:]]
    joined = [_are_joined(text[end:at]) for (_, end, _), (at, _, _) in pairwise(spans)]
    for (at, end, content), with_last, with_next in zip(spans, [False, *joined], [*joined, False], strict=False):
        first = at
        if with_last:
            first, before = found.pop()
            content = f"{before}, {content}"
        elif _DENIED_BOX.search(text[max(0, at - 80) : at]):
            content = f"not {content}"
        found.append((first, _with_its_context(text, at, end, content, alone=not with_next)))
    return found


def _end_of_box(text: str, at: int, content: str) -> int:
    head = _BOX_HEAD.match(text, at)
    end = text.find(content, head.end() if head else at) + len(content)
    closing = _BOX_END.match(text, end)
    return closing.end() if closing else end


def _are_joined(between: str) -> bool:
    return "\n\n" not in between and _BETWEEN_BOXES.fullmatch(between) is not None


def _with_its_context(text: str, at: int, end: int, content: str, *, alone: bool) -> str:
    r"""What a box holds, with what stands next to it where that makes another answer of it: `-\boxed{3}` is -3.

    Args:
        text: the whole of it.
        at: where the box begins.
        end: where it ends.
        content: what it holds.
        alone: whether what stands behind it isn't just another box, joined to it.
    """
    before = _CHANGED_BEFORE.search(_TAG_BEFORE.sub("", text[max(0, at - 80) : at].rsplit("\n", 1)[-1]))
    behind = _CHANGED_BEHIND.match(text[end : end + 80]) if alone else None
    if before:
        content = f"-{content}" if before.group().rstrip()[-1:] in "-−" else f"{before.group().strip(' $')} {content}"
    if behind and behind["denial"]:
        content = f"not {content}"
    elif behind:
        rest = text[end : end + 80]
        content += "?" if behind.group().endswith("?") else _END_OF_TAIL.split(rest, maxsplit=1)[0].rstrip("$ ")
    return content


def _denied_before(text: str, at: int) -> bool:
    """Whether the clause before a mark says that this isn't the answer."""
    before = text[max(0, at - 120) : at]
    clause = _CLAUSE.split(SENTENCE_END.sub("\n", before))[-1]
    return bool(DENIAL.search(clause) or _NOT_ASSERTED.search(clause))
