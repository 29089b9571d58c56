"""Coordinates of a drawing, in pixels: boxes, and wires as right-angled lines between them. Pure Python.

One row per pass, from top to bottom. Above a row: the bypasses of skipped layers (they never overlap), and above
those the jump that comes from the row before. Below: back edges of loops, inner ones first, one track per level;
then a track for each loop that has a jump in it, which runs to the left margin and up to the row where it begins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Literal

from skiploop.chains.drawing.arrangement import Arrangement, Back, Box, LayerColumn, skips

Point = tuple[float, float]
Kind = Literal["wire", "skip", "jump", "loop"]

BOX = 26.0  # height of a box
GAP = 18.0  # between columns
TRACK = 18.0  # between back edges below a row
MARGIN = 12.0  # around everything, and between the tracks on the left
RISE = 10.0  # of a bypass above its boxes
STUB = 16.0  # from the input to the first column, and from the last one to the output
NARROW = 30.0  # a back edge below this has its count underneath


@dataclass(frozen=True, slots=True)
class Wire:
    """A line through right-angled corners, from the first point to the last.

    Attributes:
        kind: "wire" to the next layer, "skip" over layers, "jump" back, or "loop" back.
        points: its ends and corners.
        count: of a loop's runs in all, `3` or `3~.5` where it is damped; else empty.
    """

    kind: Kind
    points: tuple[Point, ...]
    count: str = ""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where everything lies.

    Attributes:
        arrangement: what is drawn.
        edges: left and right of each column.
        middles: y of the middle of each row.
        ends: x of input and output.
        bottom: y below the last row.
    """

    arrangement: Arrangement
    edges: tuple[tuple[float, float], ...]
    middles: tuple[float, ...]
    ends: tuple[float, float]
    bottom: float

    def centre(self, column: int) -> float:
        """x of the middle of a column."""
        return sum(self.edges[column]) / 2


def place(arrangement: Arrangement, top: float) -> Geometry:
    """Coordinates, from y = `top` downwards."""
    start = MARGIN * (1 + arrangement.margins)
    widths = [column_width(column) for column in arrangement.columns]
    lefts = list(accumulate((width + GAP for width in widths), initial=start + STUB))
    edges = tuple((left, left + width) for left, width in zip(lefts, widths, strict=False))
    middles, y = [], top
    for row, boxes in enumerate(arrangement.by_row()):
        y += _above(arrangement, row, boxes)
        middles.append(y + BOX / 2)
        y += BOX + _below(arrangement, row)
    return Geometry(arrangement, edges, tuple(middles), (start, edges[-1][1] + STUB), y)


def column_width(column: LayerColumn) -> float:
    """Of the box, by its text."""
    return max(28.0, 7.0 * len(column.text) + 14)


def _above(arrangement: Arrangement, row: int, boxes: list[Box]) -> float:
    return (RISE + 4 if skips(arrangement.stops(row, boxes)) else 4) + (GAP / 2 if row else 0)


def _below(arrangement: Arrangement, row: int) -> float:
    tracks = arrangement.levels(row) + len(arrangement.across(row))
    return TRACK * tracks + 10 if tracks else 6


# Wires


def wires(geometry: Geometry) -> Iterator[Wire]:
    """All lines: from the input through the boxes to the output, then the loops."""
    boxes, (start, end) = geometry.arrangement.boxes, geometry.ends
    first, last = boxes[0], boxes[-1]
    yield _forward(geometry, start, -1, first.column, first.row)
    for before, after in pairwise(boxes):
        if after.row == before.row:
            yield _forward(geometry, geometry.edges[before.column][1], before.column, after.column, after.row)
        else:
            yield _jump(geometry, before, after)
    columns = len(geometry.arrangement.columns)
    yield _forward(geometry, geometry.edges[last.column][1], last.column, columns, last.row, end)
    yield from _loops(geometry)


def _forward(geometry: Geometry, x: float, before: int, after: int, row: int, end: float | None = None) -> Wire:
    """To a later column of the same row, over those in between."""
    y = geometry.middles[row]
    to = geometry.edges[after][0] if end is None else end
    if after == before + 1:
        return Wire("wire", ((x, y), (to, y)))
    up, down = x + GAP / 2 - 2, to - GAP / 2
    if before < 0:
        up = x + 5
    if end is not None:
        down = geometry.edges[-1][1] + 5
    top = y - BOX / 2 - RISE
    return Wire("skip", ((x, y), (up, y), (up, top), (down, top), (down, y), (to, y)))


def _jump(geometry: Geometry, before: Box, after: Box) -> Wire:
    (_, x), (to, _) = geometry.edges[before.column], geometry.edges[after.column]
    y, y_to = geometry.middles[before.row], geometry.middles[after.row]
    out, back = x + GAP / 2 - 1, to - GAP / 2
    level = y + BOX / 2 + _below(geometry.arrangement, before.row) + 2
    return Wire("jump", ((x, y), (out, y), (out, level), (back, level), (back, y_to), (to, y_to)))


def _loops(geometry: Geometry) -> Iterator[Wire]:
    arrangement = geometry.arrangement
    begins, ends = Counter[int](), Counter[int]()  # box -> back edges there so far; outer ones go outside
    for back in arrangement.backs:
        first, last = arrangement.boxes[back.first], arrangement.boxes[back.last]
        left = geometry.centre(first.column) - _aside(begins[back.first])
        right = geometry.centre(last.column) + _aside(ends[back.last])
        begins[back.first] += 1
        ends[back.last] += 1
        under, under_to = (geometry.middles[box.row] + BOX / 2 for box in (last, first))
        track, track_to = (_track(geometry, back, box.row) for box in (last, first))
        turn: tuple[Point, ...] = ((right, track), (left, track))
        if back.across:
            margin = geometry.ends[0] - MARGIN * (back.level + 0.5)
            turn = ((right, track), (margin, track), (margin, track_to), (left, track_to))
        yield Wire("loop", ((right, under), *turn, (left, under_to)), back.count)


def _aside(before: int) -> float:
    """How far from the middle of a box a back edge is fastened: 5, 10, 11, ... and never at the corner."""
    return 13 - 8 / (1 + 1.7 * before)


def _track(geometry: Geometry, back: Back, row: int) -> float:
    tracks = back.level
    if back.across:
        tracks = geometry.arrangement.levels(row) + geometry.arrangement.across(row).index(back)
    return geometry.middles[row] + BOX / 2 + 11 + TRACK * tracks
