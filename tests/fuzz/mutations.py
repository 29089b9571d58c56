"""Damage as hypothesis draws it: to a JSON document at any place in it, or to the bytes of any file."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st

VALUES: list[Any] = [
    None, True, False, 0, 1, 2, 3, 7, -1, -128, 10**6, 10**12, 2**63, 10**30, 0.0, 0.5, -0.5, 1e308, 1e-300,
    float("nan"), float("inf"), "", "x", "eight", "8", "\ud800", "\x00", "../outside", "float3", "<eos>",
    "\N{RIGHT-TO-LEFT OVERRIDE}",
    [], [1], [None], ["a", "b"], {}, {"a": 1}, {"a": {"b": []}}, [[[[[[[[]]]]]]]],
]  # fmt: skip
Path = tuple[Any, ...]


def places(document: Any, path: Path = ()) -> list[Path]:
    """Where something stands in a document, the document itself included."""
    found = [path]
    members = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, member in members:
        found += places(member, (*path, key))
    return found


@st.composite
def documents(draw: st.DrawFn, document: Any, most: int = 2) -> Any:
    """The document with one or two things replaced, left out, renamed, wrapped, or doubled."""
    changed = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, most))):
        path = draw(st.sampled_from(places(changed)))
        changed = _changed(draw, changed, path)
    return changed


def _changed(draw: st.DrawFn, document: Any, path: Path) -> Any:
    value = copy.deepcopy(draw(st.sampled_from(VALUES) | st.integers(-5, 300) | st.text(max_size=5)))
    if not path:
        return value if draw(st.integers(0, 4)) == 0 else document
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    key, kind = path[-1], draw(st.sampled_from(["replace", "replace", "replace", "delete", "wrap", "rename", "double"]))
    if kind == "replace":
        holder[key] = value
    elif kind == "delete":
        del holder[key]
    elif kind == "wrap":
        holder[key] = [holder[key]]
    elif isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    else:
        holder[f"{key}{draw(st.sampled_from(['_', 's', '2']))}"] = holder[key]
        if kind == "rename":
            del holder[key]
    return document


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """The bytes of a file with a bit flipped, a piece lost or doubled, or something put in."""
    at, size = draw(st.integers(0, len(data) - 1)), draw(st.integers(1, 40))
    kind = draw(st.sampled_from(["flip", "flip", "digit", "cut", "lose", "double", "insert"]))
    if kind == "flip":
        return data[:at] + bytes([data[at] ^ (1 << draw(st.integers(0, 7)))]) + data[at + 1 :]
    if kind == "digit":
        digits = [place for place, byte in enumerate(data) if 48 <= byte < 58] or [at]
        at = draw(st.sampled_from(digits))
        return data[:at] + str(draw(st.integers(0, 9))).encode() + data[at + 1 :]
    if kind == "cut":
        return data[:at]
    if kind == "lose":
        return data[:at] + data[at + size :]
    if kind == "double":
        return data[: at + size] + data[at:]
    put = draw(st.sampled_from([b"\x00", b"\n", b"[" * 5000, b'{"a":', b"}", b"\xff\xfe", b'"', b"NaN", b"\n\n{}\n"]))
    return data[:at] + put + data[at:]


def text_of(document: Any) -> bytes:
    """As a file holds it; half a surrogate pair is written as JSON can."""
    return json.dumps(document).encode()
