"""Accuracy against layer calls of every rule, as a file."""

from __future__ import annotations

from pathlib import Path

from skiploop.reporting.canvas import COLOURS, require_matplotlib
from skiploop.routing.choosers.named import OPPONENTS
from skiploop.routing.figures import RouteFigures
from skiploop.storage.files import writing

_MARKS = {"menu": ("o", "search"), "random": ("s", "random"), "prompt": ("D", "nearby"), "sample": ("^", "control")}


def write_route_plot(figures: RouteFigures, path: Path) -> None:
    """An SVG with a point and its 95 % interval for each rule, opponents in grey.

    Raises:
        InvalidInput: matplotlib isn't installed, or the file can't be written.
    """
    require_matplotlib()
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = canvas.add_subplot()
    for name, rule in figures.rules.items():
        base, _, role = name.partition(" on ")
        mark, colour = _MARKS[role or "menu"]
        shade = COLOURS["evaluated"] if base in OPPONENTS else COLOURS[colour]
        value, ends = rule.accuracy.value or 0.0, rule.accuracy.interval or (0.0, 0.0)
        spread = [[100 * (value - ends[0])], [100 * (ends[1] - value)]]
        at = rule.relative_layer_calls
        axes.errorbar([at], [100 * value], yerr=spread, fmt=mark, color=shade, elinewidth=0.6, markersize=4)
        if not role:
            axes.annotate(base, (at, 100 * value), xytext=(4, 3), textcoords="offset points", fontsize=7)
    axes.set_xlabel("layer calls, in passes of the identity")
    axes.set_ylabel("accuracy on held-out inputs, %")
    with writing(path):
        canvas.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
