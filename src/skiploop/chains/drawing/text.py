"""A chain as text for a terminal: `draw_text`. Pure Python.

The same arrangement as the SVG, in characters: a bypass above what is skipped, loops below their blocks with the total
number of runs, a row of its own after each jump back. Where even that is too wide, the chain is listed instead:

    0..9 (10..11) [12..15]×2 16 ↰ 3 5
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from skiploop.chains.drawing.arrangement import Arrangement, Back, Box, arrange, skips
from skiploop.chains.drawing.drawable import Drawable
from skiploop.chains.drawing.listing import listed
from skiploop.chains.drawing.program import program
from skiploop.validate import whole_number

_LEFT, _RIGHT, _UP, _DOWN = 1, 2, 4, 8
_LINES = " ╴╶─╵╯╰┴╷╮╭┬│┤├┼"  # by the sum of the directions in which a line leaves the cell
_ASCII = " ---|+++|+++|+++"
_DIM, _PLAIN = "\x1b[2m", "\x1b[22m"
_MOST_COLUMNS = 64
_START = 2  # characters from the input to the first column


@dataclass(slots=True)
class _Canvas:
    """Lines and words by (row, column); words lie on top of lines."""

    lines: dict[tuple[int, int], int] = field(default_factory=dict)
    words: dict[tuple[int, int], str] = field(default_factory=dict)
    faint: set[tuple[int, int]] = field(default_factory=set)

    def draw(self, *points: tuple[int, int]) -> None:
        """A line through right-angled corners."""
        for (y, x), (to_y, to_x) in pairwise(points):
            dy, dx = (to_y > y) - (to_y < y), (to_x > x) - (to_x < x)
            ahead, behind = (_RIGHT, _LEFT) if dx > 0 else (_LEFT, _RIGHT) if dx else (_DOWN, _UP)
            if dy < 0:
                ahead, behind = behind, ahead
            while (y, x) != (to_y, to_x):
                self.lines[y, x] = self.lines.get((y, x), 0) | ahead
                y, x = y + dy, x + dx
                self.lines[y, x] = self.lines.get((y, x), 0) | behind

    def write(self, y: int, x: int, words: str, *, faint: bool = False) -> None:
        """Words from this cell on."""
        for offset, letter in enumerate(words):
            self.words[y, x + offset] = letter
            if faint:
                self.faint.add((y, x + offset))

    def rows(self, ascii_only: bool, color: bool) -> Iterator[str]:
        """What was drawn, row by row."""
        glyphs = _ASCII if ascii_only else _LINES
        width = max(x for _, x in (*self.lines, *self.words)) + 1
        for y in range(max(y for y, _ in (*self.lines, *self.words)) + 1):
            cells = [self.words.get((y, x)) or glyphs[self.lines.get((y, x), 0)] for x in range(width)]
            if color:
                cells = [f"{_DIM}{c}{_PLAIN}" if (y, x) in self.faint else c for x, c in enumerate(cells)]
            yield "".join(cells).replace(_PLAIN + _DIM, "").rstrip()


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where columns and rows lie, in characters.

    Attributes:
        lefts: first character of each column; one more for the output.
        widths: of the columns.
        mains: line of each row's boxes.
    """

    arrangement: Arrangement
    lefts: list[int]
    widths: list[int]
    mains: list[int]

    def right(self, column: int) -> int:
        """Last character of a column."""
        return self.lefts[column] + self.widths[column] - 1


def draw_text(chain: Drawable, *, width: int = 100, ascii_only: bool = False, color: bool = False) -> str:
    """The chain as lines of text, without a line end after the last.

    Args:
        chain: what to draw.
        width: the most characters in a line: long plain stretches become `13..62`, and a chain that is still
            too wide is listed instead of drawn.
        ascii_only: for terminals without box-drawing characters.
        color: with terminal codes that dim the layers that aren't run.
    """
    room = whole_number("width", width, 20)
    times = "x" if ascii_only else "×"
    most = min(chain.num_layers, _MOST_COLUMNS)
    while most:
        grid = _grid(arrange(chain, most))
        if grid.lefts[-1] + 1 <= room:
            return "\n".join(_drawn(grid, ascii_only, times).rows(ascii_only, color))
        most = most * 7 // 8
    words = listed(program(chain), chain.num_layers, times=times, back="<-" if ascii_only else "↰")
    return "\n".join(_wrapped(words, room))


def _grid(arrangement: Arrangement) -> _Grid:
    widths = [len(_name(arrangement, column)) for column in range(len(arrangement.columns))]
    for back in arrangement.backs:  # inner ones first
        first, last = arrangement.boxes[back.first].column, arrangement.boxes[back.last].column
        if not back.across:
            has = sum(widths[first : last + 1]) + last - first
            widths[last] += max(0, len(back.count) + 3 - has)
    lefts = list(accumulate((width + 1 for width in widths), initial=_first_left(arrangement)))
    mains, y = [], 0
    for row, boxes in enumerate(arrangement.by_row()):
        y += (row > 0) + skips(arrangement.stops(row, boxes))
        mains.append(y)
        y += 1 + arrangement.levels(row) + len(arrangement.across(row))
    return _Grid(arrangement, lefts, widths, mains)


def _first_left(arrangement: Arrangement) -> int:
    """Where the columns begin: right of all margins, and of the counts, which are written next to their margins."""
    counts = (_margin(arrangement, back) + 2 + len(back.count) for back in arrangement.backs if back.across)
    return max([arrangement.margins + _START, *counts])


def _margin(arrangement: Arrangement, back: Back) -> int:
    """Where the edge of a loop over several rows goes upwards."""
    return arrangement.margins - 1 - back.level


def _name(arrangement: Arrangement, column: int) -> str:
    return arrangement.columns[column].text.replace("–", "..")


def _drawn(grid: _Grid, ascii_only: bool, times: str) -> _Canvas:
    canvas, arrangement = _Canvas(), grid.arrangement
    rows = arrangement.by_row()
    for row, boxes in enumerate(rows):
        _row(canvas, grid, row, boxes)
        if row:
            _jump(canvas, grid, rows[row - 1][-1], boxes[0], "<" if ascii_only else "◀")
    canvas.write(grid.mains[-1], grid.lefts[-1], ">" if ascii_only else "▶")
    for back in arrangement.backs:
        _loop(canvas, grid, back, f"{times}{back.count}")
    for column in set(range(len(arrangement.columns))).difference(box.column for box in rows[0]):
        canvas.write(grid.mains[0], grid.lefts[column], _name(arrangement, column), faint=True)
    return canvas


def _row(canvas: _Canvas, grid: _Grid, row: int, boxes: list[Box]) -> None:
    y = grid.mains[row]
    stops = grid.arrangement.stops(row, boxes)
    for before, after in pairwise(stops):
        x = grid.right(before) if before >= 0 else grid.lefts[0] - _START
        to = grid.lefts[after]
        if after == before + 1:
            canvas.draw((y, x), (y, to))
        else:
            canvas.draw((y, x), (y, x + 1), (y - 1, x + 1), (y - 1, to - 1), (y, to - 1), (y, to))
    for box in boxes:
        canvas.draw((y, grid.lefts[box.column]), (y, grid.right(box.column)))
        canvas.write(y, grid.lefts[box.column], _name(grid.arrangement, box.column))


def _jump(canvas: _Canvas, grid: _Grid, before: Box, after: Box, arrow: str) -> None:
    y, y_to = grid.mains[before.row], grid.mains[after.row]
    x, x_to = grid.right(before.column) + 1, grid.lefts[after.column] - 1
    level = y + 1 + grid.arrangement.levels(before.row) + len(grid.arrangement.across(before.row))
    canvas.draw((y, x - 1), (y, x), (level, x), (level, x_to), (y_to, x_to), (y_to, x_to + 1))
    canvas.write(level, (x + x_to) // 2, arrow)


def _loop(canvas: _Canvas, grid: _Grid, back: Back, label: str) -> None:
    first, last = grid.arrangement.boxes[back.first], grid.arrangement.boxes[back.last]
    left, right = grid.lefts[first.column], grid.right(last.column)
    under, under_to = grid.mains[last.row], grid.mains[first.row]
    if not back.across:
        track = under + 1 + back.level
        canvas.draw((under + 1, right), (track, right), (track, left), (under + 1, left))
        canvas.lines[under + 1, right] |= _UP
        canvas.lines[under + 1, left] |= _UP
        canvas.write(track, (left + right + 1 - len(label)) // 2, label)
        return
    track, track_to = (
        grid.mains[row] + 1 + grid.arrangement.levels(row) + grid.arrangement.across(row).index(back)
        for row in (last.row, first.row)
    )
    margin = _margin(grid.arrangement, back)
    canvas.draw((under + 1, right), (track, right), (track, margin), (track_to, margin), (track_to, left))
    canvas.draw((track_to, left), (under_to + 1, left))
    canvas.lines[under + 1, right] |= _UP
    canvas.lines[under_to + 1, left] |= _UP
    canvas.write(track, margin + 1, label)


def _wrapped(words: list[str], room: int) -> Iterator[str]:
    line = ""
    for word in words:
        if line and len(line) + 1 + len(word) > room:
            yield line
            line = ""
        line = f"{line} {word}" if line else word
    yield line
