r"""LaTeX in answers: the content of \boxed{...}, and a plain form in which two expressions are compared.

Not a computer algebra system: `2+x` and `x+2` differ here. The rules are those of the MATH benchmark's own
`strip_string` (arXiv 2103.03874) with balanced braces, but nothing is dropped that isn't known to be a unit.
"""

from __future__ import annotations

import re

from skiploop.tasks.answers.units import CHANGING, UNITS, is_unit_text, known_unit

_BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_MAX_TOKEN = 50
_LONGEST = 1000  # characters of an expression
_TEXT = r"\\(?:text|textbf|textit|textrm|textsf|textnormal|mbox)\s*"
_UPRIGHT = r"\\(?:mathrm|operatorname\*?)\s*"
_FONT = r"\\(?:mathbf|mathit|mathsf|boldsymbol|bm)\s*"
_WRAPPED = re.compile(rf"(?:(?P<text>{_TEXT})|(?P<upright>{_UPRIGHT})|{_FONT})\{{(?P<content>[^{{}}]*)\}}")
_POWER = r"(?:\^\s*\{?\s*(?P<power>[23])\s*\}?)?"
_TRAILING = re.compile(
    rf"(?<=[\w}})\]])(?:\\[,;:! ]|[\s~])*(?:(?P<text>{_TEXT})|{_UPRIGHT})\{{(?P<content>[^{{}}]*)\}}{_POWER}\s*$"
)
_SPACE = r"(?:\\[,;:! ]|\\q?quad(?![A-Za-z])|[~\s])+"
_LEFT_SIDE = re.compile(r"^([A-Za-z](?:\([A-Za-z]\))?)=(?!=)")
_DEGREES = re.compile(r"\^\s*\{?\s*\\circ\s*\}?|\\degree(?![A-Za-z])|°")
_OF_ANGLES = re.compile(r"\\(?:sin|cos|tan|sec|csc|cot|angle)(?![A-Za-z])")
_BASED = re.compile(r"(?P<digits>-?[0-9A-Za-z]*\.?[0-9A-Za-z]+)_\{?(?P<base>[0-9]{1,2}|[a-z]+)\}?")
_BASE_WORDS = re.compile(r"(?P<digits>-?[0-9A-Za-z.]+) *(?:\(?(?:in )?base[- ]?)(?P<base>[0-9]{1,2}|[a-z]+)\)?")
_BASE_NAMES = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11,
    "twelve": 12, "sixteen": 16,
}  # fmt: skip
_PLAINER = [
    (re.compile(pattern), by)
    for pattern, by in (
        (r"−", "-"),
        (r"\\\$|\$|\\displaystyle(?![A-Za-z])", ""),
        (r"\\(?:left|right)(?![A-Za-z])|\\!", ""),
        (r"\{,\}", ","),
        (r"\\[dtc]frac(?![A-Za-z])", r"\\frac"),
        (r"\\%|%", ""),
        (rf"(?<=[0-9]){_SPACE}(?=[0-9])", "\x00"),  # 3 4 isn't 34
        (_SPACE, ""),
        ("\x00", " "),
        (r"(?<!\.)\.$", ""),
        (r"\\frac(\d)(\d)", r"\\frac{\1}{\2}"),
        (r"\\frac(\d)\{", r"\\frac{\1}{"),
        (r"(\\frac\{[^{}]*\})(\d)", r"\1{\2}"),
        (r"\\sqrt(\w)", r"\\sqrt{\1}"),
        (r"([_^])\{(\w)\}", r"\1\2"),
        (r"(?<![\d])\.(\d)", r"0.\1"),
    )
]


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


def same_expression(first: str, second: str) -> bool:
    """Tell whether two expressions are spelled alike, with no different units, bases, or left sides such as `x=`."""
    if max(len(first), len(second)) > _LONGEST:
        return first.strip() == second.strip()
    if based_number(first) is not None or based_number(second) is not None:
        return based_number(first) == based_number(second)
    units = {unit for unit in (trailing_unit(first)[1], trailing_unit(second)[1]) if unit}
    sides = {side for side in (left_side(first), left_side(second)) if side}
    return len(units) < 2 and len(sides) < 2 and plain_latex(first) == plain_latex(second)


def plain_latex(text: str) -> str:
    r"""Return the form of an expression in which spelling variants are equal.

    Dropped: spaces, `$`, `\left` and `\right`, a unit at the end, degree signs where nothing is a function of an angle,
    percent signs, a left side such as `x=`, the final period. `\dfrac12` becomes `\frac{1}{2}`, `\sqrt3` becomes
    `\sqrt{3}`.
    """
    return _LEFT_SIDE.sub("", _spelled(text))


def left_side(text: str) -> str | None:
    """Return the `x` of `x=3`, None where an expression has no left side."""
    match = _LEFT_SIDE.match(_spelled(text)) if len(text) <= _LONGEST else None
    return None if match is None else match[1]


def trailing_unit(text: str) -> tuple[str, str]:
    r"""Return an expression without the unit in its trailing \text{...}, and the unit where it is a known one.

    `85\text{ feet}` is 85, `85\text{ students}` too; `3\mathrm{i}` and `\text{even}` stay as they are.
    """
    bare = text.rstrip(" .")
    match = _TRAILING.search(bare)
    if match is None:
        return text, ""
    content = match["content"].strip(" .")
    words = [*content.split()]
    if words and match["power"]:
        words[-1] += f"^{match['power']}"
    if is_unit_text(" ".join(words)):
        return bare[: match.start()], known_unit(words)[0]  # type: ignore[index]
    counted = match["text"] and words and all(len(w) > 2 and w.isalpha() and w not in CHANGING for w in content.split())
    return (bare[: match.start()], "") if counted else (text, "")


def unit_names(text: str) -> str:
    r"""Replace \text{...} and its kind by what they hold, units so that they are words of their own."""

    def words(match: re.Match[str]) -> str:
        content = match["content"]
        unit = UNITS.get(content.strip(" .")) if match["text"] or match["upright"] else None
        if unit is not None:
            return f" {unit if len(content.strip(' .')) == 1 else content.strip()}"
        spaced = match["text"] and len(content.strip()) > 1
        return f" {content} " if spaced else content

    return _WRAPPED.sub(words, text)


def unwrap_text(text: str) -> str:
    r"""Replace \text{...}, \mathrm{...} and \mathbf{...} by what they hold, and drop a unit at the end."""
    return _WRAPPED.sub(lambda match: match["content"], trailing_unit(text)[0])


def based_number(text: str) -> tuple[str, int] | None:
    r"""Return digits and base of `1011_2`, `1011_{\text{two}}`, `1011 base 2` or `0b1011`; None for anything else."""
    plain = _WRAPPED.sub(lambda m: m["content"].strip(), text).strip().strip("$.").strip()
    prefixed = re.fullmatch(r"(-?)0([bBoOxX])([0-9A-Fa-f]+)", plain)
    if prefixed:
        plain = f"{prefixed[1]}{prefixed[3]}_{ {'b': 2, 'o': 8, 'x': 16}[prefixed[2].lower()] }"
    match = _BASED.fullmatch(re.sub(r"\s+", "", plain)) or _BASE_WORDS.fullmatch(plain)
    base = match and (_BASE_NAMES.get(match["base"]) or (int(match["base"]) if match["base"].isdigit() else None))
    if match is None or base is None or not re.search(r"[0-9]", match["digits"]):
        return None
    sign, digits = re.fullmatch(r"(-?)(.*)", match["digits"].upper()).groups()  # type: ignore[union-attr]
    whole, _, places = digits.partition(".")
    return f"{sign}{whole.lstrip('0') or '0'}.{places.rstrip('0')}", base


def _spelled(text: str) -> str:
    out = unwrap_text(text.strip())
    if not _OF_ANGLES.search(out):
        out = _DEGREES.sub("", out)
    for pattern, by in _PLAINER:
        out = pattern.sub(by, out)
    return out


def _closing_braces(text: str) -> dict[int, int]:
    """Return the position of each opening brace's partner, in one pass: a model may open thousands."""
    partner, opened = {}, []
    for match in _BRACE.finditer(text):
        if match.group() == "{":
            opened.append(match.start())
        elif match.group() == "}" and opened:
            partner[opened.pop()] = match.start()
    return partner
