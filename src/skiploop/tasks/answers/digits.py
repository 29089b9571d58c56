r"""Numbers as they are written, and their comparison.

Values are `fractions.Fraction`, so that integers and ratios are compared without rounding. Understood:
`1,234`, `1 234`, `1'234`, `1.234.567`, `-3.0`, `$18.00`, `50%`, `1/2`, `\frac{1}{2}`, `6 \frac{3}{4}`, `1½`, `10^6`,
`3 \times 10^5`, `1e5`, `5 thousand`, `twelve`, `minus three`. What is no number as a whole isn't read in part: `1,5`,
`3:30`, `3-4`, `5x`, `1011_2`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction

from skiploop.tasks.answers.latex import unit_names

# A model that loops on a digit writes numbers of any length, and a huge exponent would fill the memory.
_MAX_DIGITS = 300
_MAX_EXPONENT = 100
_RELATIVE_TOLERANCE = Fraction(1, 10**6)

_GROUPED = r"[1-9][0-9]{0,2}(?:,[0-9]{3})+|[1-9][0-9]{0,2}(?:['’][0-9]{3})+"
_UNSIGNED = rf"(?:(?:{_GROUPED}|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+)"
_EUROPEAN = r"[1-9][0-9]{0,2}(?:\.[0-9]{3})+,[0-9]{1,2}|[1-9][0-9]{0,2}(?:\.[0-9]{3}){2,}"
_EXPONENT = r"(?:[eE](?P<e>[-+]?[0-9]{1,4})|\^\(?(?P<power>[-+]?[0-9]{1,3})\)?)?"
_DIGITS = re.compile(
    rf"(?P<sign>[-+])?(?:(?P<european>{_EUROPEAN})|(?P<value>{_UNSIGNED}){_EXPONENT}(?:/(?P<below>{_UNSIGNED}))?)"
)
_SIGNED = rf"\s*([-+]?\s*{_UNSIGNED})\s*"
_FRAC = re.compile(
    rf"(?P<minus>-\s*)?\\[dtc]?frac\s*(?:\{{{_SIGNED}\}}\s*\{{{_SIGNED}\}}"
    rf"|([0-9])\s*([0-9])|([0-9])\s*\{{{_SIGNED}\}}|\{{{_SIGNED}\}}\s*([0-9]))"
)
_SUPERSCRIPTS = {ord(sign): digit for sign, digit in zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", strict=True)}
_VULGAR = {
    "½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅖": "2/5", "⅗": "3/5", "⅘": "4/5",
    "⅙": "1/6", "⅚": "5/6", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8",
}  # fmt: skip
# In this order: each makes plainer what the next ones look for.
_PLAINER = [
    (re.compile(pattern), by)
    for pattern, by in (
        (r"<<[^<>]*>>", ""),  # GSM8K's calculator: 16 - 3 = <<16-3=13>>13
        (r"(?<=[0-9])\s*(?:\.{2,}|\\[lc]?dots(?![A-Za-z]))", "…"),  # 0.333... goes on
        (r"\bneg\b\.?\s*(?=[0-9.$])", "-"),
        (r"[\u00a0\u2007\u2009\u202f~]|\\[;: ]|\\q?quad(?![A-Za-z])|\\displaystyle", " "),
        (r"\\(?:left|right)(?![A-Za-z])", ""),
        (r"\{,\}|,\s*\\!\s*", ","),
        (r"\\!", ""),
        (r"(?<=[0-9])\\,(?=[0-9])|\\,", " "),
        (r"−|(?<![\w)\]}–])–(?=[0-9])", "-"),
        (r"[–—]", " – "),
        (r"(?<=[-+])\\?[$€£¥₹](?=[0-9.])", ""),
        (r"(?:\bUS|\bCA|\bA)?\\?[$€£¥₹]|\\[()\[\]]", " "),
        (r"\\%", "%"),
        (r"\bper cent\b", "percent"),
        (r"(?:\^\s*\{?\s*\\circ\s*\}?|\\degree(?![A-Za-z])|°)(?:\s*[CF](?![A-Za-z]))?", " degrees "),
        (r"\\(?:approx|simeq|sim)(?![A-Za-z])|≈|\bapprox\.", " about "),
        (r"\\pm(?![A-Za-z])|±", " ± "),
        (r"\\neq?(?![A-Za-z])|≠|!=", " not "),
        (r"\\(?:geq?|leq?|gt|lt)(?![A-Za-z])|[<>≤≥]=?", " < "),
        (r"\\(?:times|cdot|ast)(?![A-Za-z])|[·⋅✕]", "×"),
        (r"\\div(?![A-Za-z])", "÷"),
        (r"⁄|(?<=[0-9])\s*/\s*(?=[0-9])", "/"),
        (r"(?<=[0-9])\*\*(?=-?[0-9])", "^"),
        (r"\^\s*\{\s*([-+]?[0-9]+)\s*\}", r"^\1"),
        (r"(?<=[0-9])\s*[×x*]\s*10\s*\^\s*([-+]?[0-9]{1,3})(?![0-9.])", r"e\1"),
        (r"(?<![\w.,'’^/])([1-9][0-9]{0,2}(?: [0-9]{3})+)(?![\w/^']|[.,][0-9]{3}(?![0-9])|,[0-9])", r"<\1>"),
        (r"(^|[=(]|\bis:?|\b[a-z]+ is)\s*([-+])\s+(?=[0-9.])", r"\1 \2"),
    )
]


@dataclass(frozen=True, slots=True)
class Number:
    """A value with what is known of how it was written.

    Attributes:
        value: the number.
        places: how many digits after the point it was written with (0: an integer or a ratio).
        unit: a known unit such as `metre^2` or `percent`, empty for none.
    """

    value: Fraction
    places: int = 0
    unit: str = ""

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
        """Tell whether both stand for the same number, units aside.

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

    def answers(self, gold: Number) -> bool:
        """Tell whether this is right where `gold` is: the same number, and no other unit.

        A percent sign says nothing beside a gold answer of 1 or more, or of a percentage (`50%` answers 50); beside
        one between 0 and 1 it is a hundredth (`50%` answers 0.5, `0.5%` doesn't).
        """
        if self.unit and gold.unit and self.unit != gold.unit:
            return False
        if self.unit == "percent" and not gold.unit and abs(gold.value) < 1:
            return replace(self, value=self.value / 100, places=self.places and self.places + 2).equals(gold)
        return self.equals(gold)

    def scaled(self, factor: Fraction) -> Number:
        """This number times a factor; what was a decimal is taken for exact."""
        return Number(self.value * factor, 0 if (self.value * factor).denominator == 1 else self.places)


def plain_text(text: str) -> str:
    """Return a text with one spelling for what can be written in several: LaTeX, currency, signs, spaces in numbers."""
    if "\\" in text:
        text = unit_names(text)
    text = re.sub("[⁻⁰¹²³⁴-⁹]+", lambda match: "^" + match.group().translate(_SUPERSCRIPTS), text)
    for sign, ratio in _VULGAR.items():
        text = text.replace(sign, f" {ratio}")
    for pattern, by in _PLAINER:
        text = pattern.sub(by, text)
    text = re.sub(r"<([0-9][0-9 ]*)>", lambda match: match[1].replace(" ", ""), text)
    return _FRAC.sub(_ratio_text, text)


def read_digits(text: str) -> Number | None:
    """Read a text that is one number in digits, as `plain_text` leaves it, and nothing else."""
    match = _DIGITS.fullmatch(text) if len(text) <= 2 * _MAX_DIGITS else None
    if match is None:
        return None
    number = _european(match["european"]) if match["european"] else _decimal(match["value"], match["e"])
    if number is not None and match["power"]:
        number = _raised(number, int(match["power"]))
    if number is not None and match["below"]:
        below = _decimal(match["below"], None)
        number = Number(number.value / below.value) if below is not None and below.value else None
    return replace(number, value=-number.value) if number is not None and match["sign"] == "-" else number


def _ratio_text(match: re.Match[str]) -> str:
    top, bottom = (re.sub(r"\s", "", group) for group in match.groups()[1:] if group is not None)
    a, b = read_digits(top), read_digits(bottom)
    if a is None or b is None or b.value == 0:
        return match.group()
    value = a.value / b.value
    if match["minus"] and value >= 0:
        return f"-{value.numerator}/{value.denominator}"
    value = -value if match["minus"] else value
    # The space makes a mixed number of 6\frac{3}{4}.
    return f" {value.numerator}/{value.denominator}"


def _european(text: str) -> Number | None:
    return _decimal(text.replace(".", "").replace(",", "."), None)


def _decimal(text: str, exponent: str | None) -> Number | None:
    mantissa, power = re.sub(r"[,'’]", "", text), int(exponent or 0)
    if len(mantissa) > _MAX_DIGITS or abs(power) > _MAX_EXPONENT:
        return None
    places = len(mantissa.partition(".")[2]) - power
    return Number(Fraction(mantissa.rstrip(".")) * Fraction(10) ** power, max(places, 0))


def _raised(number: Number, power: int) -> Number | None:
    if abs(power) > _MAX_EXPONENT or (power < 0 and not number.value) or len(str(number)) * abs(power) > _MAX_DIGITS:
        return None
    return Number(number.value**power, number.places * max(power, 0))
