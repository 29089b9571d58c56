"""Dataclasses written as JSON are read as themselves; anything else is refused, naming the field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from skiploop.errors import InvalidInput
from skiploop.stats.measured import Measured
from skiploop.storage.records import as_json, from_json


@dataclass(frozen=True, slots=True)
class Inner:
    kind: Literal["skip", "loop"]
    share: float
    count: int = field(metadata={"json": "n"})


@dataclass(frozen=True, slots=True)
class Outer:
    name: str
    done: bool
    ends: tuple[float, float] | None
    parts: tuple[Inner, ...]
    by_layer: Mapping[int, Inner]
    either: int | str
    free: dict[str, Any]
    rows: list[list[int]]
    gain: Measured


OUTER = Outer(
    "all", True, (0.25, 0.5), (Inner("skip", 0.5, 3), Inner("loop", 1.0, 0)), {3: Inner("loop", 0.0, 1)}, "x",
    {"seed": [1]}, [[1, 2], []], Measured(0.5, None, 8),
)  # fmt: skip


def test_what_was_written_is_read_as_the_same_dataclass() -> None:
    written = json.loads(json.dumps(as_json(OUTER)))
    assert written["parts"][0] == {"kind": "skip", "share": 0.5, "n": 3}
    assert written["gain"] == OUTER.gain.to_json() == {"n": 8, "value": 0.5, "interval": None}
    assert from_json(Outer, written) == OUTER
    assert from_json(Outer, written | {"ends": None}).ends is None


def test_a_whole_number_is_a_number_and_nothing_else_is_converted() -> None:
    share = from_json(Inner, {"kind": "skip", "share": 1, "n": 3}).share
    assert share == 1.0 and isinstance(share, float)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 3}, r"Outer\.name is 3, not text"),
        ({"done": 1}, r"Outer\.done is 1, not true or false"),
        ({"ends": [0.5]}, r"Outer\.ends is \[0\.5\], not a list of 2"),
        ({"ends": "no"}, r"Outer\.ends is 'no', not a list"),
        ({"parts": [{"kind": "jump", "share": 0.5, "n": 3}]}, r"Outer\.parts\[0\]\.kind is 'jump', not 'skip' or"),
        ({"parts": [{"kind": "skip", "share": True, "n": 3}]}, r"Outer\.parts\[0\]\.share is True, not a number"),
        ({"parts": [{"kind": "skip", "share": 0.5, "n": True}]}, r"Outer\.parts\[0\]\.n is True, not a whole number"),
        ({"parts": [{"kind": "skip", "share": 0.5, "count": 3}]}, r"Outer\.parts\[0\] has no 'n'; Inner has kind, sh"),
        ({"by_layer": {"x": {"kind": "skip", "share": 0.5, "n": 3}}}, r"Outer\.by_layer\.x is 'x', not a whole number"),
        ({"by_layer": []}, r"Outer\.by_layer is \[\], not an object"),
        ({"either": 0.5}, r"Outer\.either is 0\.5, not text"),
        ({"gain": None}, r"Outer\.gain is None, not an object with the fields of Measured"),
        ({"more": 1}, r"Outer has an unknown field 'more'; Outer has name, done"),
    ],
)
def test_anything_else_is_refused_and_the_field_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        from_json(Outer, as_json(OUTER) | change)
