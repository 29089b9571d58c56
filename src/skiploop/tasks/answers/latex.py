r"""LaTeX in answers: the content of \boxed{...}, and a plain form in which two expressions are compared.

Not a computer algebra system: `2+x` and `x+2` differ here. The rules are those of the MATH benchmark's own
`strip_string` (arXiv 2103.03874) with balanced braces; numbers are compared as numbers in numeric.py.
"""

from __future__ import annotations

import re

_BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_MAX_TOKEN = 50
_WRAPPER = r"\\(?:text|textbf|textit|textrm|mbox|mathrm|mathbf|operatorname)\s*"
_SPACES = re.compile(r"\\[,;:! ]|\\q?quad(?![A-Za-z])|~|\s+")
_LEFT_SIDE = re.compile(r"^[A-Za-z](?:\([A-Za-z]\))?=")


def boxed_spans(text: str) -> list[tuple[int, str]]:
    r"""Return (position, content) of every complete \boxed{...} or \fbox{...}, in order.

    Braces are balanced and an escaped brace doesn't count; `\boxed 5` is understood as one token. A box that
    is never closed (a generation that ran out of tokens) isn't an answer and is left out.
    """
    spans = []
    closing = _closing_braces(text)
    for match in _BOX.finditer(text):
        start = match.end()
        if text[start : start + 1] == "{":
            content = text[start + 1 : closing.get(start, start + 1)].strip()
        else:
            content = re.split(r"[\s$.]", text[start : start + _MAX_TOKEN], maxsplit=1)[0]
        if content:
            spans.append((match.start(), content))
    return spans


def extract_boxed(text: str) -> str | None:
    r"""Return the content of the last complete \boxed{...} of a text, or None."""
    spans = boxed_spans(text)
    return spans[-1][1] if spans else None


def plain_latex(text: str) -> str:
    r"""Return the form of an expression in which spelling variants are equal.

    Dropped: spaces, `$`, `\left` and `\right`, units in a trailing `\text{...}`, degree and percent signs, a
    left side such as `x=`, the final period. `\dfrac12` becomes `\frac{1}{2}`, `\sqrt3` becomes `\sqrt{3}`.
    """
    out = text.strip().replace("\\$", "").replace("$", "").replace("−", "-")
    out = out.replace("\\left", "").replace("\\right", "").replace("{,}", ",").replace("\\!", "")
    out = re.sub(r"\\[dt]frac(?![A-Za-z])", r"\\frac", out)
    out = re.sub(r"\^\s*\{?\s*\\circ\s*\}?|\\degree|°", "", out)
    out = out.replace("\\%", "").replace("%", "")
    out = unwrap_text(out)
    out = _SPACES.sub("", out).rstrip(".")
    out = re.sub(r"\\frac(\d)(\d)", r"\\frac{\1}{\2}", out)
    out = re.sub(r"\\frac(\d)\{", r"\\frac{\1}{", out)
    out = re.sub(r"(\\frac\{[^{}]*\})(\d)", r"\1{\2}", out)
    out = re.sub(r"\\sqrt(\w)", r"\\sqrt{\1}", out)
    out = re.sub(r"(?<![\d])\.(\d)", r"0.\1", out)
    return _LEFT_SIDE.sub("", out)


def unwrap_text(text: str) -> str:
    r"""Replace \text{...} by its content, and drop it at the end of something else, where it is a unit.

    `85\text{ feet}` is 85 feet and compared as 85; `\text{even}` is the word.
    """
    out = re.sub(r"(?<=[\w})\]])\s*" + _WRAPPER + r"\{[^{}]*\}(?:\^\{?\d\}?)?\s*$", "", text.rstrip(" ."))
    return re.sub(_WRAPPER + r"\{([^{}]*)\}", r"\1", out)


def _closing_braces(text: str) -> dict[int, int]:
    """Return the position of each opening brace's partner, in one pass: a model may open thousands."""
    partner, opened = {}, []
    for match in _BRACE.finditer(text):
        if match.group() == "{":
            opened.append(match.start())
        elif match.group() == "}" and opened:
            partner[opened.pop()] = match.start()
    return partner
