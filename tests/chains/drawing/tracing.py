"""Reads a chain off a drawing as an eye does: along the lines, from box to box; nothing but what is visible."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from xml.etree import ElementTree

Point = tuple[float, float]
SVG = "{http://www.w3.org/2000/svg}"
LEFT, RIGHT, UP, DOWN = (0, -1), (0, 1), (-1, 0), (1, 0)
CORNERS = {
    ("╯", RIGHT): UP, ("╯", DOWN): LEFT, ("╰", LEFT): UP, ("╰", DOWN): RIGHT,
    ("╮", RIGHT): DOWN, ("╮", UP): LEFT, ("╭", LEFT): DOWN, ("╭", UP): RIGHT,
    ("├", LEFT): UP, ("┤", RIGHT): UP,
}  # fmt: skip


def run(boxes: list[list[int]], loops: list[tuple[int, int, int]]) -> list[int]:
    """The layers of boxes that are run one after another, with loops (first box, last box, times) among them."""
    for one in loops:
        for other in loops:  # properly nested
            assert one[1] < other[0] or one[0] > other[1] or one[0] <= other[0] <= other[1] <= one[1] or (
                other[0] <= one[0] <= one[1] <= other[1]
            )  # fmt: skip
    parts = [list(layers) for layers in boxes]
    for first, last, times in sorted(loops, key=lambda loop: loop[1] - loop[0]):
        parts[first] = [layer for part in parts[first : last + 1] for layer in part] * times
        parts[first + 1 : last + 1] = [[]] * (last - first)
    return [layer for part in parts for layer in part]


def layers_of(label: str) -> list[int]:
    ends = [int(part) for part in re.split(r"–|\.\.", label)]
    return list(range(ends[0], ends[-1] + 1))


# SVG


@dataclass(frozen=True)
class Rectangle:
    x: float
    y: float
    width: float
    height: float
    style: str

    def below(self, point: Point) -> bool:
        return self.x < point[0] < self.x + self.width and abs(point[1] - self.y - self.height) < 0.01


def number(element: ElementTree.Element, name: str) -> float:
    return float(element.get(name, "nan"))


def rectangles(root: ElementTree.Element, *styles: str) -> list[Rectangle]:
    return [
        Rectangle(*(number(each, name) for name in ("x", "y", "width", "height")), each.get("class", ""))
        for each in root.iter(f"{SVG}rect")
        if each.get("class") in styles
    ]


def lines(root: ElementTree.Element) -> list[tuple[str, list[Point]]]:
    """Kind and corners of each line; a rounded corner is where its curve is pulled to."""
    found = []
    for path in root.iter(f"{SVG}path"):
        points: list[Point] = []
        for command, *numbers in re.findall(r"([MLQ])(\S+),(\S+)(?: (?=[\d-])\S+)?", path.get("d", "")):
            if command != "L":
                points.append((float(numbers[0]), float(numbers[1])))
        ends = path.get("d", "").rsplit("L", 1)[1].split(",")
        found.append((path.get("class", "").split("sl-")[-1], [*points, (float(ends[0]), float(ends[1]))]))
    return found


def near(one: Point, other: Point) -> bool:
    return abs(one[0] - other[0]) + abs(one[1] - other[1]) < 0.03


def trace_svg(root: ElementTree.Element) -> list[int]:
    """From the dot along the lines to the end, then the back edges with their counts."""
    boxes = rectangles(root, "sl-box", "sl-again")
    texts = [
        ((number(each, "x"), number(each, "y")), each.text or "", each.get("class", ""))
        for each in root.iter(f"{SVG}text")
    ]
    drawn = lines(root)
    forward = [points for kind, points in drawn if kind != "loop"]
    dot = next(root.iter(f"{SVG}circle"))
    at: Point = (number(dot, "cx"), number(dot, "cy"))
    order: list[Rectangle] = []
    while True:
        (line,) = [points for points in forward if near(points[0], at)]
        forward.remove(line)
        hit = [box for box in boxes if near((box.x, box.y + box.height / 2), line[-1])]
        if not hit:
            break
        order += hit
        at = (hit[0].x + hit[0].width, hit[0].y + hit[0].height / 2)
    assert not forward and len(order) == len(boxes) == len(set(order))
    labels = [
        next(words for (x, y), words, _ in texts if near((x, y), (box.x + box.width / 2, box.y + box.height / 2 + 4)))
        for box in order
    ]
    counts = [(place, words) for place, words, style in texts if "sl-times" in style]
    loops = [_loop(points, order, counts) for kind, points in drawn if kind == "loop"]
    return run([layers_of(label) for label in labels], loops)


def _loop(points: list[Point], order: list[Rectangle], counts: list[tuple[Point, str]]) -> tuple[int, int, int]:
    (last,) = [i for i, box in enumerate(order) if box.below(points[0])]
    (first,) = [i for i, box in enumerate(order) if box.below(points[-1])]
    level = [(a, b) for a, b in pairwise(points) if a[1] == b[1]]
    (x, y), (to, _) = max(level, key=lambda part: abs(part[0][0] - part[1][0]))
    (count,) = {words for place, words in counts if abs(place[0] - (x + to) / 2) < 0.1 and 3 < place[1] - y < 13}
    return first, last, int(count.removeprefix("×"))


# Text


@dataclass
class Page:
    """Characters by (row, column)."""

    text: str

    def __post_init__(self) -> None:
        self.rows = self.text.split("\n")

    def __getitem__(self, at: tuple[int, int]) -> str:
        y, x = at
        return self.rows[y][x] if 0 <= y < len(self.rows) and 0 <= x < len(self.rows[y]) else " "

    def find(self, letter: str) -> tuple[int, int]:
        ((y, x),) = [(y, row.index(letter)) for y, row in enumerate(self.rows) if letter in row]
        return y, x


def trace_text(text: str) -> list[int]:
    """The same from characters."""
    page = Page(text)
    boxes: list[tuple[int, int, str]] = []  # row, first character, label
    (y, x), (dy, dx) = page.find("╶"), RIGHT
    while page[y, x] != "▶":
        letter = page[y, x]
        if letter.isdigit() and dx > 0:
            label = re.match(r"\d+(\.\.\d+)?", page.rows[y][x:])
            assert label is not None
            boxes.append((y, x, label[0]))
            x += len(label[0])
            continue
        assert letter in "╶─│┼╯╰╮╭◀" or (letter in "0123456789×" and dx < 0), (letter, text)
        dy, dx = CORNERS.get((letter, (dy, dx)), (dy, dx))
        y, x = y + dy, x + dx
    assert len({(y, x) for y, x, _ in boxes}) == len(boxes)
    loops = [loop for last in range(len(boxes)) for loop in _loops_from(page, boxes, last)]
    return run([layers_of(label) for _, _, label in boxes], loops)


def _loops_from(page: Page, boxes: list[tuple[int, int, str]], last: int) -> Iterator[tuple[int, int, int]]:
    """The back edges that leave a box at its lower side."""
    y, x, label = boxes[last]
    while x < boxes[last][1] + len(label) or page[y, x] == "─":
        below = y + 1
        while page[y, x] in "─.0123456789" and page[below, x] in "│┼├┤╯":
            if page[below, x] in "┤╯":
                found = _follow(page, boxes, (below, x))
                if found:
                    yield found[0], last, found[1]
            if page[below, x] == "╯":
                break
            below += 1
        x += 1


def _follow(page: Page, boxes: list[tuple[int, int, str]], at: tuple[int, int]) -> tuple[int, int] | None:
    """To the left and upwards, to (box, count); None where the line turns down: it is the end of another loop."""
    (y, x), (dy, dx), count = at, LEFT, ""
    while True:
        y, x = y + dy, x + dx
        letter = page[y, x]
        if letter == "╭" and (dy, dx) == LEFT:
            return None
        assert letter in ("│┼├┤╭╮╰╯" if dy else "─┼├┤┬┴╭╮╰╯×0123456789"), (letter, page.text)
        if dx and letter in "×0123456789":
            count = letter + count if dx < 0 else count + letter
        dy, dx = CORNERS.get((letter, (dy, dx)), (dy, dx))
        above = [i for i, (row, begin, label) in enumerate(boxes) if row == y - 1 and begin <= x]
        if (dy, dx) == UP and above and page[y - 1, x] in "─.0123456789":
            return max(above, key=lambda i: boxes[i][1]), int(count.strip("×"))


def read_listing(text: str) -> list[int]:
    """The chain from a list of words."""
    stack: list[list[int]] = [[]]
    for word in text.split():
        if word[0] == "(" or word in ("↰", "<-"):
            continue
        while word[0] == "[":
            stack.append([])
            word = word[1:]
        label, *counts = re.split(r"\][×x]", word)
        stack[-1] += layers_of(label)
        for count in counts:
            body = stack.pop()
            stack[-1] += body * int(count)
    (layers,) = stack
    return layers
