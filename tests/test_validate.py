"""Checks of values that users give."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from skiploop.errors import InvalidInput
from skiploop.searchers import SEARCHERS
from skiploop.validate import SHARE, Range, numbers, whole_number


@dataclass
class Settings:
    rounds: int = 1
    share: float = 0.5
    more: float = 0.5
    price: float = 2.0

    def check(self) -> None:
        numbers(self, whole={"rounds": 1}, within={"share": SHARE, "more": Range(0, 1, high_included=False)})


def test_the_bounds_of_a_range_are_in_it_unless_said_otherwise() -> None:
    assert 0 in SHARE and 1 in SHARE and 1.001 not in SHARE and -0.001 not in SHARE
    half_open = Range(0, 1, low_included=False, high_included=False)
    assert 0 not in half_open and 1 not in half_open and 1e-9 in half_open
    assert 1e300 in Range() and math.inf not in Range() and math.nan not in Range()
    assert True not in Range() and "1" not in Range() and None not in Range()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings(rounds=0), "rounds=0 is too small; use an int of at least 1"),
        (Settings(share=1.5), r"share=1.5 doesn't work; use a number in \[0, 1\]"),
        (Settings(more=1), r"more=1 doesn't work; use a number in \[0, 1\)"),
        (Settings(price=-1), "price=-1 doesn't work; use a finite number of at least 0"),
        (Settings(price=math.inf), "price=inf doesn't work"),
        (Settings(price=True), "price=True doesn't work"),
    ],
)
def test_the_field_that_does_not_work_is_named(settings: Settings, message: str) -> None:
    Settings().check()
    with pytest.raises(InvalidInput, match=message):
        settings.check()


@pytest.mark.parametrize("name", SEARCHERS)
def test_no_searcher_takes_settings_that_are_no_numbers(name: str) -> None:
    settings_type = SEARCHERS[name].settings_type
    for field in settings_type.__dataclass_fields__:
        if field in ("shares", "whole"):
            continue
        for bad in (-1, math.nan, math.inf, True, "1", None):
            with pytest.raises(InvalidInput, match=f"^{field}="):
                settings_type(**{field: bad})


def test_whole_numbers_are_ints_or_like_ints() -> None:
    import numpy as np

    assert whole_number("n", np.int64(3), 0) == 3
    for bad in (1.0, "1", None, True):
        with pytest.raises(InvalidInput, match="n="):
            whole_number("n", bad, 0)
    with pytest.raises(InvalidInput, match="use an int of at least 2"):
        whole_number("n", 1, 2)
