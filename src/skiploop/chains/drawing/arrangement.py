"""Where the parts of a chain's drawing lie: columns, passes, loops. Shared by the SVG and the text. Pure Python.

A *pass* is a stretch of the chain that only goes upwards through the layers; a jump back begins the next pass, one
row lower. So a layer has at most one box in a row, and every box is one step of the chain:

    0  5                 first pass; layers that it doesn't run are drawn faded
    1  2  3              second pass, after a jump 5->1; the loop's back edge runs below its row

A *column* is one layer, or several neighbours that every pass either runs as a plain stretch or doesn't touch;
long stretches become one column `13-62` when there would be too many columns otherwise.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from skiploop.chains.drawing.drawable import Drawable
from skiploop.chains.drawing.program import Span, program, steps
from skiploop.chains.weights import weight_text


@dataclass(frozen=True, slots=True)
class LayerColumn:
    """Layers `first` to `last`, drawn as one box."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1

    @property
    def text(self) -> str:
        """`4`, or `13-62` with a dash."""
        return str(self.first) if self.first == self.last else f"{self.first}–{self.last}"


@dataclass(frozen=True, slots=True)
class Box:
    """A step of the drawing: a column that is run in a pass."""

    column: int
    row: int


@dataclass(frozen=True, slots=True)
class Back:
    """A loop's back edge, from box `last` to box `first` (indices), with the total number of runs.

    Attributes:
        first: where the block begins.
        last: where it ends.
        times: runs in all.
        level: 0 for an innermost loop, else one more than the highest loop within.
        across: whether the block has a jump in it, so that the edge connects two rows.
        damping: of the loop; 1: none.
    """

    first: int
    last: int
    times: int
    level: int
    across: bool
    damping: float = 1.0

    @property
    def count(self) -> str:
        """Its label without the sign: `3`, or `3~.5` for a damped loop."""
        return str(self.times) + (f"~{weight_text(self.damping)}" if self.damping != 1 else "")


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What is drawn of a chain.

    Attributes:
        chain: the chain itself.
        columns: by ascending layer; together they are all layers.
        boxes: in the order in which they are run, each loop's body once.
        backs: the loops, inner ones first.
        rows: number of passes.
    """

    chain: Drawable
    columns: tuple[LayerColumn, ...]
    boxes: tuple[Box, ...]
    backs: tuple[Back, ...]
    rows: int

    def by_row(self) -> list[list[Box]]:
        """The boxes of every pass."""
        found: list[list[Box]] = [[] for _ in range(self.rows)]
        for box in self.boxes:
            found[box.row].append(box)
        return found

    def stops(self, row: int, boxes: list[Box]) -> list[int]:
        """The columns of a pass that its line goes to, with the input as -1 and the output as one more column."""
        ends = [len(self.columns)] if row == self.rows - 1 else []
        return [*([-1] if row == 0 else []), *(box.column for box in boxes), *ends]

    def levels(self, row: int) -> int:
        """Tracks below a row that are taken by the loops within it."""
        within = (back for back in self.backs if not back.across and self.boxes[back.last].row == row)
        return max((back.level + 1 for back in within), default=0)

    def across(self, row: int) -> list[Back]:
        """The loops over several rows that begin or end at this one, by track.

        Those that end come first, or else the edge of one that begins would cross them at the margin; then inner ones.
        """
        ends = [
            back
            for back in self.backs
            if back.across and row in (self.boxes[back.first].row, self.boxes[back.last].row)
        ]
        return sorted(ends, key=lambda back: (self.boxes[back.first].row == row, back.level, back.first))

    @property
    def margins(self) -> int:
        """Tracks to the left of all rows, for the loops over several of them."""
        return max((back.level + 1 for back in self.backs if back.across), default=0)


def skips(stops: list[int]) -> bool:
    """Whether a row has a bypass."""
    return any(after > before + 1 for before, after in pairwise(stops))


def arrange(chain: Drawable, most: int) -> Arrangement:
    """The arrangement with at most `most` columns, where that is possible: what differs can't share one."""
    layers, spans = steps(program(chain))
    rows = _rows(layers)
    columns = _compressed(_stretches(chain.num_layers, layers, rows, spans), set(layers), most)
    starts = [column.first for column in columns]
    where = [bisect_right(starts, layer) - 1 for layer in layers]  # column of each step
    boxes: list[Box] = []
    place = []  # box of each step
    for column, row in zip(where, rows, strict=True):
        if not boxes or boxes[-1] != Box(column, row):
            boxes.append(Box(column, row))
        place.append(len(boxes) - 1)
    return Arrangement(chain, tuple(columns), tuple(boxes), _backs(spans, place, boxes), rows[-1] + 1)


def _rows(layers: list[int]) -> list[int]:
    """The pass of each step: a new one begins wherever the layers don't ascend."""
    rows = [0]
    for before, after in pairwise(layers):
        rows.append(rows[-1] + (after <= before))
    return rows


def _stretches(num_layers: int, layers: list[int], rows: list[int], spans: Iterable[Span]) -> list[LayerColumn]:
    """The widest columns that are uniform: cut wherever a pass or a loop begins, ends or leaves something out."""
    cuts = {0, num_layers, layers[0], layers[-1] + 1}
    for i in range(1, len(layers)):
        if rows[i] != rows[i - 1] or layers[i] != layers[i - 1] + 1:
            cuts |= {layers[i], layers[i - 1] + 1}
    for span in spans:
        cuts |= {layers[span.first], layers[span.last] + 1}
    edges = sorted(cuts)
    return [LayerColumn(first, end - 1) for first, end in pairwise(edges)]


def _compressed(stretches: list[LayerColumn], run: set[int], most: int) -> list[LayerColumn]:
    """The stretches layer by layer, but as far as needed, from the longest on, with a box for several layers.

    At first the ends of what is run stay outside of that box, so that edits are seen next to single layers.
    """
    pieces = [0] * len(stretches)  # 0: layer by layer, 3: first, middle, last; 1: one box
    total = sum(map(len, stretches))
    by_length = sorted(range(len(stretches)), key=lambda i: -len(stretches[i]))
    for with_ends in (True, False):
        for i in by_length:
            kind = 3 if with_ends and stretches[i].first in run else 1
            if total > most and len(stretches[i]) >= kind + 2:
                total -= (pieces[i] or len(stretches[i])) - kind
                pieces[i] = kind
    return [column for each, kind in zip(stretches, pieces, strict=True) for column in _pieces(each, kind)]


def _pieces(stretch: LayerColumn, kind: int) -> list[LayerColumn]:
    first, last = stretch.first, stretch.last
    if kind == 1:
        return [stretch]
    if kind == 3:
        return [LayerColumn(first, first), LayerColumn(first + 1, last - 1), LayerColumn(last, last)]
    return [LayerColumn(layer, layer) for layer in range(first, last + 1)]


def _backs(spans: Iterable[Span], place: list[int], boxes: list[Box]) -> tuple[Back, ...]:
    """Loops as back edges between boxes; `spans` has inner loops first."""
    found: list[Back] = []
    for span in spans:
        first, last = place[span.first], place[span.last]
        across = boxes[first].row != boxes[last].row
        inside = [back.level for back in found if first <= back.first and back.last <= last and back.across == across]
        found.append(Back(first, last, span.times, 1 + max(inside, default=-1), across, span.damping))
    return tuple(found)
