"""The kinds of charts in a report; each function returns what draws it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from skiploop.analysis.hits import HitCurve
from skiploop.reporting.canvas import COLOURS
from skiploop.stats.measured import Measured

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

Draw = Callable[["Canvas"], None]
MARKS = {
    "ink": "o", "search": "o", "random": "s", "nearby": "D", "control": "^", "evaluated": "v", "five": "^",
    "twenty": "s", "skip": "o", "loop": "s",
}  # fmt: skip
_DASHES: dict[str, Any] = {
    "search": "-", "random": (0, (5, 2)), "nearby": (0, (3, 1.2)), "control": (0, (1.5, 1.5)),
    "evaluated": (0, (4, 1.5, 1, 1.5)), "skip": "-", "loop": "-", "ink": "-",
    "five": (0, (1.5, 1.5)), "twenty": (0, (5, 2)),
}  # fmt: skip
_TEXT_CELLS = 16  # columns of a heat map up to which numbers are written into it
_LEGEND, _HANDLE = 92, 7  # letters that fit into a legend's row, and the width of a mark in letters
_DARK_CELL = 0.45  # luminance below which a cell's number is white


@dataclass(frozen=True, slots=True)
class Series:
    """One measured figure for each row or position of a chart; `style` is a name of `MARKS`."""

    label: str
    style: str
    values: tuple[Measured | None, ...]


def dots(rows: Sequence[str], series: Sequence[Series], *, axis: str, percent: bool = False) -> Draw:
    """Rows of dots with whiskers: figures beside each other, with their intervals."""

    def draw(canvas: Canvas) -> None:
        axes = canvas.subplots()
        step = 0.62 / max(len(series), 2)
        for number, each in enumerate(series):
            offset = (number - (len(series) - 1) / 2) * step
            found = [(y + offset, value) for y, value in enumerate(each.values) if value and value.value is not None]
            _whiskers(axes, each, [(value, y) for y, value in found], horizontal=True)
        axes.set_yticks(range(len(rows)), rows)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        axes.set_xlabel(axis)
        if percent:
            _percent(axes.xaxis)
            axes.set_xlim(-0.015, 1.015)
        _legend(canvas, axes, series)

    return draw


def arms(panels: Mapping[str, Sequence[Series]]) -> Draw:
    """A row for each arm: its share with its interval, and both in numbers; panels share the axis.

    Args:
        panels: title of a panel -> series of one value each.
    """

    def draw(canvas: Canvas) -> None:
        heights = [len(rows) + 0.4 for rows in panels.values()]
        grid = canvas.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        for axes, (title, rows) in zip(grid, panels.items(), strict=True):
            for y, each in enumerate(rows):
                share = each.values[0]
                if share is not None and share.value is not None:
                    _whiskers(axes, each, [(share, y)], horizontal=True)
                    axes.text(1.04, y, _share_words(share), transform=axes.get_yaxis_transform(), va="center")
            axes.set_title(title)
            axes.set_yticks(range(len(rows)), [each.label for each in rows])
            axes.set_ylim(len(rows) - 0.5, -0.5)
            axes.tick_params(axis="y", length=0)
            axes.grid(axis="x")
            axes.set_xlim(-0.015, 1.015)
            _percent(axes.xaxis)

    return draw


def _share_words(share: Measured) -> str:
    ends = "" if share.interval is None else f" ({100 * share.interval[0]:.0f}–{100 * share.interval[1]:.0f})"
    return f"{100 * (share.value or 0.0):.0f} %{ends}"


def skips_and_loops(skipped: Sequence[Series], looped: Sequence[Series]) -> Draw:
    """Bars over the layers, loops up and skips down, with intervals, and a mark at what was tried.

    Args:
        skipped: shares of right chains that leave each layer out, and of all chains tried.
        looped: likewise of those that run it more than once.
    """

    def draw(canvas: Canvas) -> None:
        axes = canvas.subplots()
        for sign, (right, tried), style in ((1, looped, "loop"), (-1, skipped, "skip")):
            for layer, share in enumerate(right.values):
                if share is not None and share.interval is not None:
                    low, high = share.interval
                    axes.vlines(layer, sign * low, sign * high, color=COLOURS["ink"], linewidth=0.8)
            heights = [sign * _plain(share) for share in right.values]
            axes.bar(range(len(heights)), heights, width=0.72, color=COLOURS[style], label=right.label)
            marks = [sign * _plain(share) for share in tried.values]
            label = tried.label if sign > 0 else None  # one legend entry for both directions
            axes.plot(range(len(marks)), marks, "_", color=COLOURS["muted"], markersize=9, label=label)
        axes.axhline(0, color=COLOURS["muted"], linewidth=0.8)
        axes.set_xlabel("layer")
        axes.set_ylabel("share of chains")
        axes.grid(axis="y")
        axes.yaxis.set_major_formatter(lambda value, _: f"{abs(100 * value):.0f} %")
        _layers(axes, len(skipped[0].values), most=16)
        _legend(canvas, axes, [*looped, skipped[0]])

    return draw


def _plain(share: Measured | None) -> float:
    return 0.0 if share is None or share.value is None else share.value


def curves(found: Sequence[HitCurve], *, axis: str) -> Draw:
    """Shares by budget, as steps with a band."""

    def draw(canvas: Canvas) -> None:
        axes = canvas.subplots()
        for each in found:
            values = [share.value or 0.0 for share in each.shares]
            ends = [share.interval or (0.0, 1.0) for share in each.shares]
            colour, dash = COLOURS[each.arm], _DASHES[each.arm]
            low, high = [a for a, _ in ends], [b for _, b in ends]
            axes.fill_between(each.budgets, low, high, step="post", color=colour, alpha=0.13, linewidth=0)
            axes.step(each.budgets, values, where="post", color=colour, linestyle=dash, label=each.name)
        axes.set_ylim(-0.015, 1.015)
        axes.set_xlim(1, max(2, max(each.budgets[-1] for each in found)))
        axes.grid(axis="y")
        axes.set_xlabel("evaluations per input, the identity included")
        axes.set_ylabel(axis)
        _percent(axes.yaxis)
        _legend(canvas, axes, found)

    return draw


@dataclass(frozen=True, slots=True)
class PlottedLine:
    """A curve over any positions; `style` is a name of `MARKS`."""

    label: str
    style: str
    places: tuple[float, ...]
    values: tuple[Measured, ...]


@dataclass(frozen=True, slots=True)
class Level:
    """A figure that doesn't depend on the position, as a line across."""

    label: str
    style: str
    value: float


def lines(
    found: Sequence[PlottedLine], levels: Sequence[Level] = (), *, axes_names: tuple[str, str], percent: bool = False,
    doubling: bool = False,
) -> Draw:  # fmt: skip
    """Curves with bands, and lines across; `doubling` puts 1, 2, 4, ... at equal distances."""

    def draw(canvas: Canvas) -> None:
        axes = canvas.subplots()
        for each in found:
            values = [value.value or 0.0 for value in each.values]
            ends = [value.interval or (middle, middle) for value, middle in zip(each.values, values, strict=True)]
            colour, style = COLOURS[each.style], {"linestyle": _DASHES.get(each.style, "-"), "markersize": 3.5}
            axes.fill_between(
                each.places, [a for a, _ in ends], [b for _, b in ends], color=colour, alpha=0.13, linewidth=0
            )
            axes.plot(each.places, values, marker=MARKS[each.style], color=colour, label=each.label, **style)
        for level in levels:
            line = {"linestyle": _DASHES.get(level.style, "-"), "linewidth": 1.1}
            axes.axhline(level.value, color=COLOURS[level.style], label=level.label, **line)
        if doubling:
            axes.set_xscale("log", base=2)
            axes.set_xticks(found[0].places, [f"{place:g}" for place in found[0].places])
            axes.minorticks_off()
        axes.grid(axis="y")
        axes.set_xlabel(axes_names[0])
        axes.set_ylabel(axes_names[1])
        if percent:
            _percent(axes.yaxis)
        _legend(canvas, axes, [*found, *levels])

    return draw


def by_layer(
    panels: Mapping[str, Sequence[Series]], *, axis: str, percent: bool = False, level: float | None = None
) -> Draw:
    """For each panel, figures over the layers; a line at `level`, such as 1, a run of each layer."""

    def draw(canvas: Canvas) -> None:
        grid = canvas.subplots(len(panels), 1, sharex=True, squeeze=False)
        for axes, (title, series) in zip(grid[:, 0], panels.items(), strict=True):
            for number, each in enumerate(series):
                shift = (number - (len(series) - 1) / 2) * 0.16
                points = [
                    (x + shift, value) for x, value in enumerate(each.values) if value and value.value is not None
                ]
                xs, ys = [x for x, _ in points], [value.value for _, value in points]
                line = {"color": COLOURS[each.style], "linestyle": _DASHES[each.style]}
                axes.plot(xs, ys, linewidth=0.9, alpha=0.6, **line)
                _whiskers(axes, each, [(value, x) for x, value in points], horizontal=False)
            if level is not None:
                axes.axhline(level, color=COLOURS["muted"], linewidth=0.8)
            axes.set_title(title)
            axes.set_ylabel(axis)
            axes.grid(axis="y")
            _layers(axes, max(len(each.values) for each in series))
            if percent:
                _percent(axes.yaxis)
                if level is None:
                    axes.set_ylim(-0.02, None)
        grid[-1, 0].set_xlabel("layer")
        _legend(canvas, grid[0, 0], next(iter(panels.values())))

    return draw


def bars(values: Sequence[float], *, axis: str) -> Draw:
    """One bar per layer."""

    def draw(canvas: Canvas) -> None:
        axes = canvas.subplots()
        axes.bar(range(len(values)), values, color=COLOURS["search"], width=0.7)
        axes.axhline(0, color=COLOURS["muted"], linewidth=0.8)
        axes.set_ylabel(axis)
        axes.set_xlabel("layer")
        axes.grid(axis="y")
        _layers(axes, len(values))

    return draw


@dataclass(frozen=True, slots=True)
class Heat:
    """A heat map: `values[row][column]`, None where there is nothing."""

    title: str
    rows: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]


def heat_maps(
    maps: Sequence[Heat], *, middle: float, axes_names: tuple[str, str], bar: str, share: bool = False
) -> Draw:
    """Heat maps below each other on one scale; blue below `middle`, orange above, like skips and loops.

    With `share` the values are shares, which are written into the cells where there are few.
    """

    def draw(canvas: Canvas) -> None:
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import LinearSegmentedColormap, TwoSlopeNorm

        numbers = [v for each in maps for row in each.values for v in row if v is not None]
        reach = max(0.05, *(abs(v - middle) for v in numbers))
        norm = TwoSlopeNorm(middle, middle - reach, middle + reach)
        colours = LinearSegmentedColormap.from_list(
            "skiploop", ["#0b4f94", "#7fb2e0", "#f3f1ee", "#f0aa72", "#a3420a"], N=41
        )
        grid = canvas.subplots(len(maps), 1, sharex=True, squeeze=False)[:, 0]
        for axes, each in zip(grid, maps, strict=True):
            _cells(axes, each, lambda v: colours(norm(v)), share)
            axes.set_title(each.title)
            axes.set_ylabel(axes_names[1])
        grid[-1].set_xlabel(axes_names[0])
        scale = canvas.colorbar(ScalarMappable(norm, colours), ax=list(grid), label=bar, shrink=0.8, aspect=24)
        scale.outline.set_visible(False)
        if share:
            _percent(scale.ax.yaxis)
            scale.ax.set_ylim(max(0.0, middle - reach), min(1.0, middle + reach))
        elif min(numbers) >= middle:
            scale.ax.set_ylim(middle, middle + reach)

    return draw


def _cells(axes: Axes, heat: Heat, colour: Callable[[float], Any], share: bool) -> None:
    from matplotlib.patches import Rectangle

    columns = max(map(len, heat.values))
    for y, row in enumerate(heat.values):
        for x, value in enumerate(row):
            if value is None:
                continue
            filled = colour(value)
            axes.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, facecolor=filled, linewidth=0))
            if share and columns <= _TEXT_CELLS:
                ink = "#fefefe" if sum(filled[:3]) / 3 < _DARK_CELL else "#16191e"
                axes.text(x, y, f"{100 * value:.0f}", ha="center", va="center", color=ink, fontsize=7.5)
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(len(heat.values) - 0.5, -0.5)
    axes.set_yticks(range(len(heat.rows)), heat.rows)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    _layers(axes, columns)


def _whiskers(axes: Axes, series: Series, points: Sequence[tuple[Measured, float]], *, horizontal: bool) -> None:
    colour = COLOURS[series.style]
    for value, place in points:
        if value.interval is not None:
            draw = axes.hlines if horizontal else axes.vlines
            draw(place, *value.interval, color=colour, linewidth=1.4, alpha=0.75)
    places, values = [place for _, place in points], [value.value or 0.0 for value, _ in points]
    xs, ys = (values, places) if horizontal else (places, values)
    axes.plot(xs, ys, MARKS[series.style], color=colour, markersize=4.5, label=series.label)


def _legend(canvas: Canvas, axes: Axes, series: Sequence[Any]) -> None:
    if len(series) > 1:
        handles, labels = axes.get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside upper left", ncols=_columns(labels), handlelength=2.2)


def _columns(labels: Sequence[str]) -> int:
    """As many columns of a legend as fit beside each other; they are filled from top to bottom."""
    for columns in range(min(4, len(labels)), 1, -1):
        rows = -(-len(labels) // columns)
        widest = [max(map(len, labels[start : start + rows])) for start in range(0, len(labels), rows)]
        if sum(widest) + _HANDLE * len(widest) <= _LEGEND:
            return columns
    return 1


def _layers(axes: Axes, count: int, most: int = 32) -> None:
    """Layers along the x axis, at most `most` of them with a number."""
    step = next(step for step in (1, 2, 4, 5, 10, 20, 50, 100) if count / step <= most or step == 100)
    axes.set_xticks(range(0, count, step))
    axes.set_xlim(-0.5, count - 0.5)


def _percent(axis: Any) -> None:
    axis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
