r"""Numbers in text: reading them as they are written, and comparing them exactly.

Values are `fractions.Fraction`, so that integers and ratios are compared without rounding. Understood:
`1,234`, `-3.0`, `$18.00`, `50%` (is 50), `1/2`, `\frac{1}{2}`, `6 \frac{3}{4}`, `3 \times 10^5`, `1e5`, `18.`
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from skiploop.tasks.answers.latex import unwrap_text

# A model that loops on a digit writes numbers of any length, and a huge exponent would fill the memory.
_MAX_DIGITS = 300
_MAX_EXPONENT = 100
_RELATIVE_TOLERANCE = Fraction(1, 10**6)

_UNSIGNED = r"(?:(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
# Not followed by more of a number or another slash: 12/25/2020 is no ratio.
_RATIO_END = r"(?![0-9]|\.[0-9]|\s*/)"
_RATIO = rf"(?:{_UNSIGNED}\s*/\s*{_UNSIGNED}{_RATIO_END})"
# No digit of a name (x2, H2O) or an exponent (cm^2), and no minus that subtracts (16-3) or joins (3-4).
_TOKEN = re.compile(
    rf"(?<![A-Za-z_0-9^/])(?<!\^\{{)(?<![0-9]\.)(?P<sign>(?<![\w)\]}}])[-+])?"
    rf"(?:(?P<whole>[0-9]+)\s+(?P<part>[0-9]+\s*/\s*[0-9]+{_RATIO_END})|(?P<ratio>{_RATIO})|(?P<simple>{_UNSIGNED}))"
)
_SIGNED = rf"\s*([-+]?\s*{_UNSIGNED})\s*"
_FRAC = re.compile(
    rf"(?P<minus>-\s*)?\\[dt]?frac\s*(?:\{{{_SIGNED}\}}\s*\{{{_SIGNED}\}}"
    rf"|([0-9])\s*([0-9])|([0-9])\s*\{{{_SIGNED}\}}|\{{{_SIGNED}\}}\s*([0-9]))"
)
_POWER_OF_TEN = re.compile(r"(?<=[0-9])\s*(?:\\times|\\cdot|×|·|\*)\s*10\s*\^\s*\{?\s*([-+]?[0-9]{1,3})\s*\}?")
_CURRENCY = "$€£¥"
_UNIT = re.compile(r"\s+(?!(?:pi|sqrt)\b)[A-Za-z]{2,}(?:\s+[A-Za-z]+)*$")
_LEFT_SIDE = re.compile(r"^\s*[A-Za-z]\s*=\s*")


@dataclass(frozen=True, slots=True)
class Number:
    """A value, and how many digits after the point it was written with (0: an integer or a ratio)."""

    value: Fraction
    places: int = 0

    def __str__(self) -> str:
        if self.value.denominator == 1:
            return str(self.value.numerator)
        scaled = self.value * 10**self.places
        if not self.places or scaled.denominator != 1:
            return f"{self.value.numerator}/{self.value.denominator}"
        digits = str(abs(scaled.numerator)).zfill(self.places + 1)
        sign = "-" if scaled < 0 else ""
        return f"{sign}{digits[: -self.places]}.{digits[-self.places :]}".rstrip("0")

    def equals(self, other: Number) -> bool:
        """Tell whether both stand for the same number.

        Exact, but for a decimal that rounds the other: then within half a unit of the last place written, and
        to six significant digits (0.333333 is 1/3; 0.33 isn't, and neither is 1000000.5 equal to 1000001).
        """
        difference = abs(self.value - other.value)
        decimals = [n.places for n in (self, other) if n.value.denominator != 1 and n.places]
        if not difference or not decimals:
            return not difference
        half_unit = Fraction(1, 2 * 10 ** min(decimals))
        largest = max(abs(self.value), abs(other.value))
        return difference <= min(half_unit, largest * _RELATIVE_TOLERANCE)


def parse_number(text: str) -> Number | None:
    r"""Read a text that is one number, with nothing else but currency, percent, a unit, `x =` or a period.

    Returns None for everything else: `2\sqrt{3}`, `5x` and `(4, 5)` must not pass for one of their parts.
    """
    if len(text) > 2 * _MAX_DIGITS:
        return None
    clean = _clean(unwrap_text(_LEFT_SIDE.sub("", text.strip().strip("$"))))
    clean = re.sub(r"\^\s*\{?\s*\\circ\s*\}?|°|%", "", clean).strip().rstrip(".").strip()
    clean = _UNIT.sub("", clean)
    match = _TOKEN.fullmatch(re.sub(r"^([-+])\s+", r"\1", clean))
    return _number(match) if match else None


def find_numbers(text: str) -> list[Number]:
    """Return all numbers of a text, in order; without 1/0 and numbers of hundreds of digits."""
    found = (_number(match) for match in _TOKEN.finditer(_clean(text)))
    return [number for number in found if number is not None]


def numeric_equal(first: str, second: str) -> bool:
    """Tell whether two texts are the same number; False where either isn't a number."""
    a, b = parse_number(first), parse_number(second)
    return a is not None and b is not None and a.equals(b)


def canonical_number(text: str) -> str | None:
    r"""Return the one spelling of a number (1000 for `1,000`, 51 for `51.0`, 1/2 for `\frac12`), or None."""
    number = parse_number(text)
    return None if number is None else str(number)


def _clean(text: str) -> str:
    out = text.replace("−", "-").replace("{,}", ",").replace("\\!", "")
    out = out.replace("\\$", "$").replace("\\%", "%")
    out = re.sub(r"(?<=[0-9])\\,(?=[0-9]{3}(?![0-9]))", "", out)
    out = re.sub(r"\\[,;: ]", " ", out)
    out = re.sub(rf"(?<=[-+])[{_CURRENCY}]", "", out)
    out = re.sub(rf"[{_CURRENCY}]", " ", out)
    return _FRAC.sub(_ratio_text, _POWER_OF_TEN.sub(r"e\1", out))


def _ratio_text(match: re.Match[str]) -> str:
    top, bottom = (group for group in match.groups()[1:] if group is not None)
    a, b = _decimal(top), _decimal(bottom)
    if a is None or b is None or b.value == 0:
        return match.group()
    value = a.value / b.value
    if match["minus"] and value >= 0:
        return f"-{value.numerator}/{value.denominator}"
    value = -value if match["minus"] else value
    # The space makes a mixed number of 6\frac{3}{4}.
    return f" {value.numerator}/{value.denominator}"


def _number(match: re.Match[str]) -> Number | None:
    negative = match["sign"] == "-"
    if match["simple"]:
        number = _decimal(match["simple"])
        if number is None:
            return None
        return Number(-number.value, number.places) if negative else number
    top, bottom = (_decimal(part) for part in (match["part"] or match["ratio"]).split("/"))
    if top is None or bottom is None or bottom.value == 0:
        return None
    value = top.value / bottom.value
    if match["whole"]:
        whole = _decimal(match["whole"])
        if whole is None or value >= 1:
            return None
        value += whole.value
    return Number(-value if negative else value)


def _decimal(text: str) -> Number | None:
    mantissa, _, exponent = re.sub(r"[,\s]", "", text).lower().partition("e")
    if len(mantissa) > _MAX_DIGITS or len(exponent) > 4 or abs(int(exponent or 0)) > _MAX_EXPONENT:
        return None
    places = len(mantissa.partition(".")[2]) - int(exponent or 0)
    return Number(Fraction(mantissa) * Fraction(10) ** int(exponent or 0), max(places, 0))
