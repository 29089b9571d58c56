"""The look of a drawing: colours for light and dark pages, and the few SVG elements that it is made of. Pure Python.

Plain classes and no variables, markers or external references, so that viewers of every kind (browsers, Inkscape,
LaTeX by way of PDF) show the same. Classes carry a prefix because a notebook puts the SVG into its own page.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from skiploop.chains.drawing.geometry import Kind, Point

_LIGHT = {
    "paper": "#ffffff", "ink": "#1c2128", "muted": "#5f6873", "box": "#eef1f5", "edge": "#4b5563",
    "faint": "#c2c8d0", "faint-ink": "#8b949e", "again": "#fdeadb", "skip": "#0a62b8", "jump": "#8a3ab0",
    "loop": "#b8450c", "bar": "#8fa3bf",
}  # fmt: skip
_DARK = {
    "paper": "#14171c", "ink": "#e8ebef", "muted": "#a3acb8", "box": "#262c35", "edge": "#98a3b3",
    "faint": "#434b57", "faint-ink": "#77818e", "again": "#44301f", "skip": "#63adf5", "jump": "#cf92ee",
    "loop": "#f59a5f", "bar": "#5f7595",
}  # fmt: skip

_SANS = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
_MONO = "Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def stylesheet() -> str:
    """The rules, with those for dark pages after those for light ones."""
    fixed = (
        f".skiploop text {{ font-family: {_SANS}; font-size: 11px; }}\n"
        ".skiploop .sl-line { fill: none; stroke-width: 1.5; }\n"
        ".skiploop .sl-middle { text-anchor: middle; }\n"
        ".skiploop .sl-small { font-size: 9px; }\n"
        ".skiploop .sl-title { font-size: 14px; font-weight: bold; }\n"
        f".skiploop .sl-mono {{ font-family: {_MONO}; }}\n"
        ".skiploop .sl-faded, .skiploop .sl-never { fill: none; stroke-width: 1; }\n"
        ".skiploop .sl-never { stroke-dasharray: 3 2.5; }\n"
        ".skiploop .sl-times { font-weight: bold; }\n"
    )
    return f"{fixed}{_rules(_LIGHT)}@media (prefers-color-scheme: dark) {{\n{_rules(_DARK)}}}\n"


def _rules(colour: dict[str, str]) -> str:
    pairs = [
        (".sl-paper", f"fill: {colour['paper']}"),
        (".sl-ink", f"fill: {colour['ink']}"),
        (".sl-muted", f"fill: {colour['muted']}"),
        (".sl-faint-ink", f"fill: {colour['faint-ink']}"),
        (".sl-box", f"fill: {colour['box']}; stroke: {colour['edge']}"),
        (".sl-again", f"fill: {colour['again']}; stroke: {colour['loop']}"),
        (".sl-faded", f"stroke: {colour['faint']}"),
        (".sl-never", f"stroke: {colour['faint']}"),
        (".sl-wire", f"stroke: {colour['edge']}"),
        (".sl-bar", f"fill: {colour['bar']}"),
        (".sl-outline", f"fill: none; stroke: {colour['muted']}"),
        *((f".sl-{kind}", f"stroke: {colour[kind]}") for kind in ("skip", "jump", "loop")),
        *((f".sl-tip-{kind}", f"fill: {colour[kind]}") for kind in ("skip", "jump", "loop")),
        (".sl-tip-wire", f"fill: {colour['edge']}"),
        (".sl-times", f"fill: {colour['loop']}"),
    ]
    return "".join(f".skiploop {name} {{ {rule}; }}\n" for name, rule in pairs)


def number(value: float) -> str:
    """A coordinate: two decimals at most, the same on every machine."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def text(x: float, y: float, words: str, style: str) -> str:
    """A line of text; `style` is a list of classes without their prefix."""
    return f'<text x="{number(x)}" y="{number(y)}" class="{_classes(style)}">{escape(words)}</text>'


def rectangle(x: float, y: float, size: tuple[float, float], style: str, radius: float = 0) -> str:
    """A box from its upper left corner; `size` is (width, height)."""
    round_corners = f' rx="{number(radius)}"' if radius else ""
    return (
        f'<rect x="{number(x)}" y="{number(y)}" width="{number(size[0])}" height="{number(size[1])}"'
        f'{round_corners} class="{_classes(style)}"/>'
    )


def line(points: Sequence[Point], kind: Kind, radius: float = 5) -> str:
    """A line through right-angled corners, which are rounded."""
    parts = [f"M{_pair(points[0])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        room = min(radius, _distance(before, corner) / 2, _distance(corner, after) / 2)
        parts.append(f"L{_pair(_towards(corner, before, room))}")
        parts.append(f"Q{_pair(corner)} {_pair(_towards(corner, after, room))}")
    parts.append(f"L{_pair(points[-1])}")
    return f'<path d="{" ".join(parts)}" class="sl-line sl-{kind}"/>'


def tip(points: Sequence[Point], kind: Kind) -> str:
    """The arrowhead at the end of a line."""
    (x, y), before = points[-1], points[-2]
    dx, dy = (_sign(x - before[0]), _sign(y - before[1]))
    corners = [(x, y), *((x - 6 * dx + 3 * s * dy, y - 6 * dy + 3 * s * dx) for s in (1, -1))]
    return f'<polygon points="{" ".join(map(_pair, corners))}" class="sl-tip-{kind}"/>'


def _classes(style: str) -> str:
    return " ".join(f"sl-{name}" for name in style.split())


def _pair(point: Point) -> str:
    return f"{number(point[0])},{number(point[1])}"


def _distance(one: Point, other: Point) -> float:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _towards(start: Point, goal: Point, step: float) -> Point:
    return start[0] + step * _sign(goal[0] - start[0]), start[1] + step * _sign(goal[1] - start[1])


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
