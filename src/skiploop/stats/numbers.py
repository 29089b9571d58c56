"""Numbers as they are written: in a terminal, a report, and a notebook."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from skiploop.stats.measured import Measured

Kind = Literal["text", "share", "points", "number", "fine", "count", "p", "chain"]
"""How a value is written: text and chain as they are, share in percent, points as a difference of shares with its sign,
number with two decimals and fine with three, count as a whole number, p as a p-value."""

NONE = "–"
_MINUS = "−"
_SPACE = "\u00a0"


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


def p_value(p: float) -> str:
    """A p-value in a sentence: `p = 0.031`, `p < 0.001`."""
    return f"p {'' if p < 0.001 else '= '}{value(p, 'p')}"


def share_of(found: Measured) -> str:
    """A measured share in a sentence, with its interval."""
    return share(found.value, found.interval)


def points_of(found: Measured) -> str:
    """A measured difference of shares in a sentence, with its interval."""
    return points(found.value, found.interval)


def figure_of(found: Measured, digits: int = 2) -> str:
    """Any measured figure in a sentence, with its interval; a dash where it is undefined."""
    if found.value is None:
        return NONE
    text = _fixed(found.value, digits)
    if found.interval is None:
        return text
    low, high = found.interval
    return f"{text} (95{_SPACE}%: {_fixed(low, digits)} to {_fixed(high, digits)})"


def share_or_number(found: Measured) -> Kind:
    """How a figure is written that is a share with some metrics and not with others: a perplexity is none."""
    return "share" if found.value is not None and 0 <= found.value <= 1 else "number"


def bare(found: float | None, kind: Kind) -> str:
    """A value without its unit, for a column whose heading has it."""
    return value(found, kind).removesuffix(f"{_SPACE}%")


def of(part: int, whole: int) -> str:
    """`3/7`; a dash where there is nothing to count."""
    return f"{part}/{whole}" if whole else NONE


def ends(found: Measured) -> tuple[float, float]:
    """Both ends of an interval that there is: shares and differences of one input or more have one."""
    assert found.interval is not None, "there is at least one input"
    return found.interval


def plain(text: str) -> str:
    """A sentence for a terminal, which may know neither a minus sign, nor an unbreakable space, nor a dash."""
    return text.replace(_MINUS, "-").replace(_SPACE, " ").replace(NONE, "-")


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
