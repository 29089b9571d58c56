"""Checks of values that users give: each names the value, what is allowed, and the way out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from operator import index
from typing import Any, NamedTuple

from skiploop.errors import InvalidInput


class Range(NamedTuple):
    """The finite numbers from `low` to `high`, the ends included unless said otherwise."""

    low: float = 0.0
    high: float = math.inf
    low_included: bool = True
    high_included: bool = True

    def __contains__(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            return False
        above = value >= self.low if self.low_included else value > self.low
        return above and (value <= self.high if self.high_included else value < self.high)

    def __str__(self) -> str:
        if self.high == math.inf:
            return f"a finite number {'of at least' if self.low_included else 'above'} {self.low:g}"
        left, right = "[" if self.low_included else "(", "]" if self.high_included else ")"
        return f"a number in {left}{self.low:g}, {self.high:g}{right}"


SHARE = Range(0, 1)


def numbers(
    settings: Any, *, whole: Mapping[str, int] | None = None, within: Mapping[str, Range] | None = None
) -> None:
    """Checks that all fields of a dataclass are finite numbers of at least 0, or what is said here.

    Args:
        settings: the dataclass.
        whole: fields that are whole numbers, with the least that is allowed.
        within: fields with a range of their own.

    Raises:
        InvalidInput: naming the first field that isn't.
    """
    minimum, ranges = whole or {}, within or {}
    for field in fields(settings):
        value = getattr(settings, field.name)
        if field.name in minimum:
            whole_number(field.name, value, minimum[field.name])
            continue
        allowed = ranges.get(field.name, Range())
        if value not in allowed:
            raise InvalidInput(f"{field.name}={value!r} doesn't work; use {allowed}")


def whole_number(name: str, value: object, minimum: int) -> int:
    """`value` as an int, or InvalidInput that names it; bools and floats are refused, numpy ints are fine."""
    number = as_index(value)
    if number is None:
        raise InvalidInput(f"{name}={value!r} isn't a whole number; use an int of at least {minimum}")
    if number < minimum:
        raise InvalidInput(f"{name}={number} is too small; use an int of at least {minimum}")
    return number


def as_index(value: object) -> int | None:
    """`value` as an int, or None where it isn't a whole number."""
    if isinstance(value, bool):
        return None
    try:
        return index(value)  # type: ignore[arg-type]
    except TypeError:
        return None
