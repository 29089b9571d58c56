"""A chain as a drawing for papers and pages: `draw_svg`. Pure Python; the same chain gives the same bytes."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from skiploop.chains.drawing.arrangement import Box, LayerColumn, arrange
from skiploop.chains.drawing.drawable import Drawable
from skiploop.chains.drawing.geometry import BOX, MARGIN, NARROW, Geometry, Wire, place, wires
from skiploop.chains.drawing.metadata import SVG, checked_text, metadata
from skiploop.chains.drawing.style import line, number, rectangle, stylesheet, text, tip
from skiploop.chains.notation import format_layers
from skiploop.chains.weights import indices
from skiploop.errors import InvalidInput
from skiploop.validate import whole_number

COLUMNS = 32
_LEAST_WIDTH = 240.0
_BARS = 34.0  # height of the highest bar
_MONO_WIDTH = 6.7  # of a letter of the caption


@dataclass(frozen=True, slots=True)
class _Cost:
    """A cost for each layer, and what the chain makes of it."""

    layers: tuple[float, ...]
    runs: Counter[int]
    unit: str

    def column(self, column: LayerColumn) -> tuple[float, float]:
        """What one run of the column's layers costs, and all runs of them in this chain."""
        inside = range(column.first, column.last + 1)
        return math.fsum(self.layers[i] for i in inside), math.fsum(self.layers[i] * self.runs[i] for i in inside)


def draw_svg(
    chain: Drawable,
    *,
    cost: Sequence[float] | None = None,
    unit: str = "",
    title: str | None = None,
    columns: int = COLUMNS,
) -> str:
    """The chain as an SVG document, from which `read_svg` gives it back.

    Layers stand in a row and are drawn faded where they aren't run. A skip is a bypass above them, a loop a back
    edge below with the total number of runs; a jump back leads to a row of its own. Follow the line from the left
    and you read the chain, slot by slot.

    Args:
        chain: what to draw.
        cost: one number for each layer of the model, such as milliseconds; adds a bar per layer.
        unit: of the cost, such as "ms".
        title: a heading; without one there is only the notation below.
        columns: the largest number of boxes in a row, where that is possible: long plain stretches become one box.
    """
    priced = (
        None
        if cost is None
        else _Cost(_checked_cost(cost, chain), Counter(indices(chain.layers)), checked_text("unit", unit))
    )
    heading = None if title is None else checked_text("title", title)
    arrangement = arrange(chain, whole_number("columns", columns, 1))
    geometry = place(arrangement, MARGIN + (20 if heading else 0))
    width = max(_LEAST_WIDTH, geometry.ends[1] + MARGIN)
    body = [*_passes(geometry)]
    bottom = geometry.bottom
    if priced:
        body += _bars(geometry, priced)
        bottom += _BARS + 30
    body += _caption(chain, priced, bottom, width)
    if heading:
        body.append(text(MARGIN, MARGIN + 12, heading, "title ink"))
    return _document(chain, heading, (width, bottom + 36), body)


def _checked_cost(cost: Sequence[float], chain: Drawable) -> tuple[float, ...]:
    try:
        found = tuple(float(each) for each in cost)
    except (TypeError, ValueError):
        raise InvalidInput(f"cost={cost!r} can't be read as numbers; give one for each layer") from None
    if len(found) != chain.num_layers:
        raise InvalidInput(f"cost has {len(found)} numbers for {chain.num_layers} layers; give one for each layer")
    for layer, each in enumerate(found):
        if not 0 <= each < math.inf:
            raise InvalidInput(f"cost {each} of layer {layer} can't be drawn; use finite numbers of at least 0")
    return found


def _document(chain: Drawable, heading: str | None, size: tuple[float, float], body: list[str]) -> str:
    name = f"Chain {chain} of {chain.num_layers} layers"
    mark = "skiploop-" + hashlib.sha256(f"{chain!r} {heading}".encode()).hexdigest()[:12]
    width, height = map(number, size)
    head = [
        f'<svg xmlns="{SVG}" width="{width}" height="{height}" viewBox="0 0 {width} {height}" class="skiploop" '
        f'role="img" aria-labelledby="{mark}-title {mark}-desc">',
        f'<title id="{mark}-title">{escape(heading or name)}</title>',
        f'<desc id="{mark}-desc">{escape(f"{name}. {_in_words(chain)}")}</desc>',
        metadata(chain),
        f"<style>\n{stylesheet()}</style>",
        f'<rect width="{width}" height="{height}" class="sl-paper"/>',
    ]
    return "\n".join([*head, *body, "</svg>", ""])


def _in_words(chain: Drawable) -> str:
    never = format_layers(chain.skipped) if chain.skipped else "none"
    often = ", ".join(f"{layer} ({count} times)" for layer, count in chain.looped.items()) or "none"
    return f"Depth {chain.depth}. Never run: {never}. Run more than once: {often}."


# The chain


def _passes(geometry: Geometry) -> Iterator[str]:
    """Lines below, boxes above them, counts on top."""
    drawn = list(wires(geometry))
    for wire in sorted(drawn, key=lambda wire: wire.kind != "wire"):
        yield line(wire.points, wire.kind)
    arrangement = geometry.arrangement
    used = {box.column for box in arrangement.boxes}
    first = {box.column for box in arrangement.boxes if box.row == 0}
    for column in range(len(arrangement.columns)):
        if column not in first:
            yield from _box(geometry, Box(column, 0), "faded" if column in used else "never", "faint-ink")
    yield from _passed(geometry)
    again = {i for back in arrangement.backs for i in range(back.first, back.last + 1)}
    for i, box in enumerate(arrangement.boxes):
        yield from _box(geometry, box, "again" if i in again else "box", "ink")
    start = drawn[0].points[0]
    yield f'<circle cx="{number(start[0])}" cy="{number(start[1])}" r="2.5" class="sl-tip-wire"/>'
    out = len(arrangement.boxes)
    for i, wire in enumerate(drawn):
        if wire.kind in ("loop", "jump") or i == out:
            yield tip(wire.points, wire.kind)
        if wire.kind == "loop":
            yield from _times(wire)


def _passed(geometry: Geometry) -> Iterator[str]:
    """The names of layers that a later row leaves out."""
    arrangement = geometry.arrangement
    for row, boxes in list(enumerate(arrangement.by_row()))[1:]:
        stops = arrangement.stops(row, boxes)
        for column in set(range(stops[0], stops[-1])).difference(stops):
            words = arrangement.columns[column].text
            yield text(geometry.centre(column), geometry.middles[row] + 3, words, "faint-ink small middle")


def _box(geometry: Geometry, box: Box, style: str, ink: str) -> Iterator[str]:
    (left, right), middle = geometry.edges[box.column], geometry.middles[box.row]
    column = geometry.arrangement.columns[box.column]
    size = (right - left, BOX)
    if len(column) > 1:  # several layers: a pile
        yield rectangle(left + 3, middle - BOX / 2 - 3, size, f"{style} pile", 4)
    if style in ("faded", "never"):  # hides the pile below
        yield rectangle(left, middle - BOX / 2, size, "paper", 4)
    yield rectangle(left, middle - BOX / 2, size, style, 4)
    yield text((left + right) / 2, middle + 4, column.text, f"{ink} middle")


def _times(wire: Wire) -> Iterator[str]:
    """The count on the longest level part of a back edge, or under it where there is no room."""
    level = [(a, b) for a, b in zip(wire.points, wire.points[1:], strict=False) if a[1] == b[1]]
    (x, y), (to, _) = max(level, key=lambda part: abs(part[1][0] - part[0][0]))
    words, middle = f"×{wire.count}", (x + to) / 2
    wide = 7.0 * len(words) + 4
    if abs(x - to) < max(NARROW, wide + 12):
        yield text(middle, y + 12, words, "times middle")
        return
    yield rectangle(middle - wide / 2, y - 6, (wide, 12), "paper")
    yield text(middle, y + 4, words, "times middle")


# Cost and caption


def _bars(geometry: Geometry, cost: _Cost) -> Iterator[str]:
    """Per column: what this chain spends on each of its layers (filled), and one run of it (outline)."""
    columns = geometry.arrangement.columns
    spent = [cost.column(column) for column in columns]
    highest = max(max(pair) / len(column) for column, pair in zip(columns, spent, strict=True))
    base = geometry.bottom + _BARS + 22
    for (left, right), column, (once, total) in zip(geometry.edges, columns, spent, strict=True):
        one, all_runs = (_BARS * (value / len(column) / highest if highest else 0) for value in (once, total))
        yield rectangle(left + 4, base - all_runs, (right - left - 8, all_runs), "bar")
        yield rectangle(left + 4, base - one, (right - left - 8, one), "outline")
        yield text((left + right) / 2, base - max(one, all_runs) - 3, f"{total:.3g}", "muted small middle")


def _caption(chain: Drawable, cost: _Cost | None, y: float, width: float) -> Iterator[str]:
    room = int((width - 2 * MARGIN) / _MONO_WIDTH)
    words = f"depth {chain.depth} of {chain.num_layers} ({chain.relative_depth:.2f}×)"
    if cost:
        total = math.fsum(cost.layers[layer] for layer in chain.layers)
        words += f", cost {total:.4g} of {math.fsum(cost.layers):.4g} {cost.unit}".rstrip()
    yield text(MARGIN, y + 14, _short(str(chain), room), "mono ink")
    yield text(MARGIN, y + 28, _short(words, room), "muted")


def _short(words: str, room: int) -> str:
    return words if len(words) <= room else words[: max(1, room - 1)].rstrip() + "…"
