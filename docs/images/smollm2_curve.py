"""The figure of docs/smollm2_study.md: accuracy on test inputs by layer calls, with 95 % intervals.

    python docs/images/smollm2_curve.py runs/smollm2-study/static-arc-easy runs/smollm2-study/static-arc-challenge

The last point of each line is the model as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from skiploop.studies.static.figures import ChosenChain, StaticFigures
from skiploop.studies.static.study import load_static

LEFT, TOP, WIDTH, HEIGHT = 60, 20, 500, 220
FIRST, MOST = 14, 0.7  # the least layer calls, and the highest accuracy drawn
STYLE = """
text { font: 13px Helvetica, Arial, 'DejaVu Sans', sans-serif; fill: #1c2128; }
.small { font-size: 11px; fill: #5f6873; } .grid { stroke: #d5dae1; }
.arc-easy { fill: #b8450c; stroke: #b8450c; } .arc-challenge { fill: #1f6fb2; stroke: #1f6fb2; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .small { fill: #9aa4b0; } .grid { stroke: #3a424d; }
  .arc-easy { fill: #f0883e; stroke: #f0883e; } .arc-challenge { fill: #58a6ff; stroke: #58a6ff; }
}
polyline { fill: none !important; }
"""


def drawn(studies: Sequence[StaticFigures]) -> str:
    """The figure as SVG, light or dark as the reader's system is."""
    layers = studies[0].num_layers
    lines = [line for number, figures in enumerate(studies) for line in _curve(figures, layers, number)]
    grid = []
    for share in (0.0, 0.25, 0.5):
        y = _y(share)
        grid.append(f'<line class="grid" x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y:.0f}" y2="{y:.0f}"/>')
        grid.append(f'<text class="small" text-anchor="end" x="{LEFT - 8}" y="{y + 4:.0f}">{100 * share:.0f} %</text>')
    for depth in range(15, layers + 1, 5):
        x = _x(depth, layers)
        grid.append(f'<text class="small" text-anchor="middle" x="{x:.0f}" y="{TOP + HEIGHT + 18}">{depth}</text>')
    middle = LEFT + WIDTH / 2
    grid.append(f'<text class="small" text-anchor="middle" x="{middle:.0f}" y="{TOP + HEIGHT + 36}">layer calls</text>')
    title = "<title>Accuracy on 160 test inputs by layer calls, with 95 % intervals</title>"
    size = f'width="{LEFT + WIDTH + 120}" height="{TOP + HEIGHT + 44}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    return "\n".join([head, title, f"<style>{STYLE}</style>", *grid, *lines, "</svg>"]) + "\n"


def _curve(figures: StaticFigures, layers: int, number: int) -> list[str]:
    style = figures.task.partition(":")[0]
    points = [*(point.chosen for point in figures.curve if point.chosen.depth < layers), figures.chosen["identity"]]
    # Both lines have points at the same numbers of layer calls; a little apart, their intervals can be told.
    places = [(_x(each.depth, layers) + 5 * number, each) for each in points]
    path = " ".join(f"{x:.1f},{_y(each.test.value or 0.0):.1f}" for x, each in places)
    last = _y(points[-1].test.value or 0.0) + 4
    return [
        f'<polyline class="{style}" points="{path}"/>',
        *(line for x, each in places for line in _point(style, x, each)),
        f'<text x="{places[-1][0] + 14:.0f}" y="{last:.0f}">{style}</text>',
    ]


def _point(style: str, x: float, chosen: ChosenChain) -> list[str]:
    low, high = chosen.test.interval or (0.0, 1.0)
    return [
        f'<line class="{style}" stroke-width="2" x1="{x:.1f}" x2="{x:.1f}" y1="{_y(low):.1f}" y2="{_y(high):.1f}"/>',
        f'<circle class="{style}" cx="{x:.1f}" cy="{_y(chosen.test.value or 0.0):.1f}" r="5"/>',
    ]


def _x(depth: int, layers: int) -> float:
    return LEFT + WIDTH * (depth - FIRST) / (layers - FIRST)


def _y(share: float) -> float:
    return TOP + HEIGHT * (1 - share / MOST)


if __name__ == "__main__":
    picture = Path(__file__).with_suffix(".svg")
    picture.write_text(drawn([load_static(folder).figures for folder in sys.argv[1:]]), encoding="utf-8")
    print(picture)
