"""The SVG: what is drawn is the chain, the same bytes each time, safe to show and to read."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skiploop.chains.chain import Chain
from skiploop.chains.drawing import draw_svg
from skiploop.chains.from_svg import read_svg
from skiploop.errors import InvalidInput
from tests.chains.drawing.tracing import SVG, lines, rectangles, trace_svg
from tests.chains.test_chain import chains

EXAMPLES = (
    ("0-7", 8), ("0-9 12-15x2 16-27", 28), ("0 5 1-3x3 2 7 7 4", 8), ("7 6 5 4 3 2 1 0", 8), ("0", 1), ("3", 5),
    ("0 (1x2 3)x2 (2 (1 0)x2)x3 5", 6), ("0-9 12-15x2 16-40 (41 43)x3 44-60 63-79", 80), ("1 1 3 1 3", 4),
    ("(3-4 1)x2 (0 2 1)x3", 6), ("((1x2 2)x2 3)x2", 4), ("(1 0 (2 1)x2)x2 (4 3)x2", 5), ("0-20 10-30 28x4 31-99", 100),
)  # fmt: skip
examples = pytest.mark.parametrize("chain", [Chain.parse(*each) for each in EXAMPLES], ids=str)


@examples
def test_the_chain_can_be_read_off_the_lines(chain: Chain) -> None:
    assert trace_svg(ElementTree.fromstring(draw_svg(chain))) == list(chain)


@given(chains(max_layers=20, max_slots=50), st.integers(1, 30))
def test_any_chain_can_be_read_off_the_lines_and_from_the_metadata(chain: Chain, columns: int) -> None:
    text = draw_svg(chain, columns=columns, title="a <b> & 'c'")
    root = ElementTree.fromstring(text)
    assert trace_svg(root) == list(chain)
    assert read_svg(text) == chain and text == draw_svg(chain, columns=columns, title="a <b> & 'c'")


def segments(chain: Chain) -> list[tuple[float, float, float, float]]:
    root = ElementTree.fromstring(draw_svg(chain))
    drawn = [pair for _, points in lines(root) for pair in pairwise(points)]
    return [
        (*(min(a, b) for a, b in zip(*pair, strict=True)), *(max(a, b) for a, b in zip(*pair, strict=True)))
        for pair in drawn
    ]  # type: ignore[misc]


@given(chains(max_layers=12, max_slots=30))
def test_no_line_runs_through_a_box_or_along_another_line(chain: Chain) -> None:
    root = ElementTree.fromstring(draw_svg(chain))
    parts = segments(chain)
    for x0, y0, x1, y1 in parts:
        assert x0 == x1 or y0 == y1
        for box in rectangles(root, "sl-box", "sl-again", "sl-faded", "sl-never"):
            across = x0 < box.x + box.width - 0.1 and x1 > box.x + 0.1
            assert not (across and y0 < box.y + box.height - 0.1 and y1 > box.y + 0.1)
    for i, (x0, y0, x1, y1) in enumerate(parts):
        for a0, b0, a1, b1 in parts[i + 1 :]:
            if x0 == x1 == a0 == a1 and y0 != y1 and b0 != b1:
                assert min(y1, b1) - max(y0, b0) <= 0
            if y0 == y1 == b0 == b1:
                assert min(x1, a1) - max(x0, a0) <= 0


@given(chains(), st.lists(st.floats(0, 1e9), min_size=12, max_size=12))
def test_sizes_are_not_negative_and_everything_is_inside(chain: Chain, cost: list[float]) -> None:
    text = draw_svg(chain, cost=cost[: chain.num_layers], unit="ms", title="x")
    root = ElementTree.fromstring(text)
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    for each in root.iter(f"{SVG}rect"):
        x, y, w, h = (float(each.get(name, "0")) for name in ("x", "y", "width", "height"))
        assert x >= 0 and y >= 0 and 0 <= w <= width - x and 0 <= h <= height - y
    for _, points in lines(root):
        assert all(0 <= x <= width and 0 <= y <= height for x, y in points)
    for label in root.iter(f"{SVG}text"):
        assert 0 <= float(label.get("x", "")) <= width and 0 <= float(label.get("y", "")) <= height
    assert not re.search("nan|inf|e[+-]", "".join(re.findall(r'"[^"]*"', text.split("</style>")[1])))


def test_layers_that_are_not_run_are_faded() -> None:
    root = ElementTree.fromstring(draw_svg(Chain.parse("0 3-4 1", 6)))
    styles = {text.text: text.get("class") for text in root.iter(f"{SVG}text") if (text.text or "").isdigit()}
    assert len(rectangles(root, "sl-never")) == 2 and len(rectangles(root, "sl-faded")) == 1  # 2 and 5; 1 comes later
    assert "faint-ink" in str(styles["2"]) and "faint-ink" in str(styles["5"]) and "faint" not in str(styles["0"])


def test_cost_is_shown_per_layer_and_in_sum() -> None:
    chain = Chain.parse("0-2 4-5x2", 6)
    root = ElementTree.fromstring(draw_svg(chain, cost=[1, 2, 3, 4, 5, 6.5], unit="ms"))
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert "depth 7 of 6 (1.17×), cost 29 of 21.5 ms" in words
    assert "1 2 3 0 10 13" in " ".join(map(str, words))
    bars, outlines = rectangles(root, "sl-bar"), rectangles(root, "sl-outline")
    assert [bar.height for bar in bars] == pytest.approx([34 * v / 13 for v in (1, 2, 3, 0, 10, 13)], abs=0.01)
    assert [bar.height for bar in outlines] == pytest.approx([34 * v / 13 for v in (1, 2, 3, 4, 5, 6.5)], abs=0.01)
    assert "sl-bar" not in draw_svg(chain).split("</style>")[1]


def test_accessible_and_without_references_outside() -> None:
    text = draw_svg(Chain.parse("0 2", 3), title="A <title>")
    root = ElementTree.fromstring(text)
    title, desc = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None and title.text == "A <title>" and root.get("role") == "img"
    assert desc is not None and "Never run: 1. Run more than once: none." in (desc.text or "")
    assert root.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
    assert "prefers-color-scheme: dark" in text and text.count("http") == 1  # the name space
    assert not re.search(r"href|url\(|@import|<script|<image|<!", text)
    assert draw_svg(Chain.parse("0 2", 3)) != text


def test_bytes_are_the_same_in_another_process() -> None:
    code = "from skiploop import Chain; from skiploop.chains.drawing import draw_svg; import sys\n"
    code += "sys.stdout.buffer.write(draw_svg(Chain.parse('0 5 1-3x3 2 7 7 4', 8)).encode())\n"
    code += "assert not {'torch', 'numpy'} & set(sys.modules)"
    made = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, env=os.environ | {"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert made == {draw_svg(Chain.parse("0 5 1-3x3 2 7 7 4", 8)).encode()}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"cost": [1, 2]}, "2 numbers for 4 layers"),
        ({"cost": [1, 2, 3, math.nan]}, "nan of layer 3"),
        ({"cost": [1, -2, 3, 4]}, "-2.0 of layer 1"),
        ({"cost": ["a"] * 4}, "can't be read"),
        ({"cost": 3}, "can't be read"),
        ({"cost": [1] * 4, "unit": "\x00"}, "unit holds"),
        ({"title": "bad \ud800"}, "title holds"),
        ({"title": 3}, "title=3"),
        ({"columns": 0}, "columns=0"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        draw_svg(Chain.identity(4), **options)  # type: ignore[arg-type]
    assert says in str(caught.value)


# Reading


def changed(**fields: object) -> str:
    text = draw_svg(Chain.parse("0 2", 3))
    (entry,) = re.findall("<metadata>(.*?)</metadata>", text)
    return text.replace(entry, json.dumps(json.loads(entry) | fields))


def test_an_editor_may_have_saved_it_again() -> None:
    chain = Chain.parse("0 2-3x2", 5)
    root = ElementTree.fromstring(draw_svg(chain))
    root.insert(0, ElementTree.Element(f"{SVG}metadata"))
    assert read_svg('<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, "unicode")) == chain


BOMB = '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;">]>'


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: "", "well-formed"),
        (lambda: "no drawing", "well-formed"),
        (lambda: "<svg>\x00</svg>", "well-formed"),
        (lambda: "<svg>\ud800</svg>", "well-formed"),
        (lambda: b"<svg/>", "bytes"),
        (lambda: "<svg/>", "no chain"),
        (lambda: f'<svg xmlns="{SVG[1:-1]}"><metadata>{"[" * 100_000}</metadata></svg>', "no chain"),
        (lambda: f'<svg xmlns="{SVG[1:-1]}"><metadata>[1]</metadata></svg>', "no chain"),
        (lambda: BOMB + draw_svg(Chain.identity(2)), "entities"),
        (lambda: '<!DOCTYPE svg SYSTEM "file:///etc/passwd"><svg/>', "document type"),
        (lambda: changed(schema=2), "schema 2"),
        (lambda: changed(layers="0 2"), "list of layer indices"),
        (lambda: changed(layers=[0, 5]), "layer 5 is out of range"),
        (lambda: changed(layers=[0, 1.5]), "1.5"),
        (lambda: changed(layers=[]), "empty"),
        (lambda: changed(num_layers=None), "num_layers=None"),
        (lambda: changed(layers=[0, 1]), "notation '0 2'"),
    ],
)
def test_what_is_no_drawing_is_refused(make: Callable[[], str], says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_svg(make())
    assert says in str(caught.value)
