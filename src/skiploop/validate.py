"""Checks of single values that users give: each names the value, what is allowed, and the way out."""

from __future__ import annotations

from operator import index

from skiploop.errors import InvalidInput


def whole_number(name: str, value: object, minimum: int) -> int:
    """`value` as an int, or InvalidInput that names it; bools and floats are refused, numpy ints are fine."""
    number = as_index(value)
    if number is None:
        raise InvalidInput(f"{name}={value!r} isn't a whole number; use an int of at least {minimum}")
    if number < minimum:
        raise InvalidInput(f"{name}={number} is too small; use an int of at least {minimum}")
    return number


def as_index(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    try:
        return index(value)  # type: ignore[arg-type]
    except TypeError:
        return None
