"""Numbers as they are written in a report."""

from __future__ import annotations

import re
from collections.abc import Sequence

from skiploop.reporting.parts import Kind

NONE = "–"
_MINUS = "−"


def value(found: float | str | None, kind: Kind) -> str:
    """A value by its kind; a dash for None."""
    if found is None:
        return NONE
    if isinstance(found, str):
        return found
    if kind == "share":
        return f"{_fixed(100 * found, 1)}\u00a0%"
    if kind == "points":
        return _signed(100 * found)
    if kind == "count":
        return f"{found:,.0f}"
    if kind == "p":
        return "< 0.001" if found < 0.001 else f"{found:.3f}"
    return _fixed(found, 3 if kind == "fine" else 2)


def interval(found: Sequence[float] | None, kind: Kind) -> str:
    """A 95 % interval by the kind of its value; nothing for None."""
    if found is None:
        return ""
    low, high = found
    if kind == "share":
        return f"{_fixed(100 * low, 0)} to {_fixed(100 * high, 0)}"
    if kind == "points":
        return f"{_signed(100 * low)} to {_signed(100 * high)}"
    digits = 3 if kind == "fine" else 2
    return f"{_fixed(low, digits)} to {_fixed(high, digits)}"


def share(found: float | None, ends: Sequence[float] | None = None) -> str:
    """A share in a sentence, with its interval."""
    return value(found, "share") + ("" if ends is None else f" (95\u00a0%: {interval(ends, 'share')})")


def points(found: float | None, ends: Sequence[float] | None = None) -> str:
    """A difference of shares in a sentence, with its interval."""
    return f"{value(found, 'points')} points" + ("" if ends is None else f" (95\u00a0%: {interval(ends, 'points')})")


def proper(text: str) -> str:
    """A sentence with minus signs in place of hyphens before numbers; chains such as 0-7 stay."""
    return re.sub(r"(?<![\w\])-])-(?=\d)", _MINUS, text)


def plural(number: int, word: str) -> str:
    """`1 input`, `2 inputs`."""
    return f"{number:,} {word}" + ("" if number == 1 else "s")


def _fixed(number: float, digits: int) -> str:
    text = f"{number:.{digits}f}"
    negative_zero = text.startswith("-") and not text.strip("-0.")
    return text[1:] if negative_zero else text.replace("-", _MINUS)


def _signed(number: float) -> str:
    text = f"{number:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", _MINUS)


STATIC_NAMES = {
    "identity": "identity (the model as it is)",
    "search": "search",
    "random": "random chains",
    "block": "one block twice (RYS)",
    "influence": "Block Influence (ShortGPT)",
    "gates": "gates trained by gradient",
}
"""What chose each chain of a static study."""
