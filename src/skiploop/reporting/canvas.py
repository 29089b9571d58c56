"""Figures drawn by matplotlib: as SVG inside the page, as SVG, PDF and PNG in files. The same bytes every time.

On the page colours are CSS variables, so that a figure is legible on light and dark; in files they are those for
light paper. Text stays text on the page; in SVG files it becomes paths, as the fonts of another machine are unknown.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

from skiploop.errors import InvalidInput
from skiploop.reporting.parts import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

FORMATS = ("svg", "pdf", "png")
# Can be told apart by people with colour blindness, as far as they meet in one figure; marks and dashes differ, too.
COLOURS = {
    "ink": "#1c2128", "muted": "#5f6873", "grid": "#dde2e8", "search": "#0a62b8", "random": "#c2570c",
    "nearby": "#a8236e", "control": "#00805d", "evaluated": "#868f9a", "five": "#7b3f98", "twenty": "#a87800",
    "skip": "#3a7fbf", "loop": "#c9702f",
}  # fmt: skip
DARK = {
    "ink": "#e8ebef", "muted": "#a3acb8", "grid": "#323a45", "search": "#63adf5", "random": "#f59a5f",
    "nearby": "#f48cc3", "control": "#3cc79b", "evaluated": "#8b95a2", "five": "#cf92ee", "twenty": "#dcb84a",
    "skip": "#6fa9dd", "loop": "#e8975a",
}  # fmt: skip
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "skiploop", "pdf.fonttype": 42, "text.parse_math": False, "font.family": "DejaVu Sans",
    "font.size": 8.5, "axes.titlesize": 9, "axes.labelsize": 8.5, "legend.fontsize": 8, "legend.frameon": False,
    "xtick.labelsize": 8, "ytick.labelsize": 8, "axes.spines.top": False, "axes.spines.right": False,
    "text.color": COLOURS["ink"], "axes.labelcolor": COLOURS["ink"], "axes.edgecolor": COLOURS["muted"],
    "axes.titlecolor": COLOURS["ink"], "xtick.color": COLOURS["muted"], "ytick.color": COLOURS["muted"],
    "xtick.labelcolor": COLOURS["ink"], "ytick.labelcolor": COLOURS["ink"], "axes.linewidth": 0.8,
    "xtick.major.width": 0.8, "ytick.major.width": 0.8, "axes.titlelocation": "left", "axes.axisbelow": True,
    "grid.color": COLOURS["grid"], "grid.linewidth": 0.7, "lines.linewidth": 1.5, "axes.unicode_minus": True,
    "savefig.facecolor": "white",
}  # fmt: skip
_METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}


def require_matplotlib() -> None:
    """InvalidInput, naming the extra, where figures can't be drawn."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise InvalidInput(
            "a report's figures need matplotlib; install it with: pip install 'skiploop[report]'"
        ) from None


def figure_files(figure: Figure) -> dict[str, bytes]:
    """The figure as a file of each of `FORMATS`."""
    with _drawing(figure, "path") as canvas:
        return {kind: _saved(canvas, kind, dpi=200) for kind in FORMATS}


def inline_svg(figure: Figure, prefix: str) -> str:
    """The figure as an SVG element for a page; `prefix` keeps its ids apart from those of other figures."""
    with _drawing(figure, "none") as canvas:
        canvas.patch.set_alpha(0)
        for axes in canvas.axes:
            axes.patch.set_alpha(0)
        drawn = _saved(canvas, "svg").decode()
    return _for_page(drawn, prefix, figure.alt)


@contextmanager
def _drawing(figure: Figure, fonts: str) -> Iterator[Canvas]:
    import matplotlib
    from matplotlib.figure import Figure as Canvas

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # names of levels and families are anybody's
        matplotlib.rcdefaults()  # not what the user has set for his own figures
        matplotlib.rcParams.update({**_STYLE, "svg.fonttype": fonts})
        canvas = Canvas(figsize=figure.size, layout="constrained")
        figure.draw(canvas)
        yield canvas


def _saved(canvas: Canvas, kind: str, dpi: int = 100) -> bytes:
    file = io.BytesIO()
    canvas.savefig(file, format=kind, dpi=dpi, metadata=_METADATA[kind])
    return file.getvalue()


def _for_page(drawn: str, prefix: str, alt: str) -> str:
    svg = drawn[drawn.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<style type="text/css">.*?</style>', "", svg, flags=re.DOTALL)  # would apply to the whole page
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda m: f' id="{prefix}-{m[1]}"' if m[1] in used else "", svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\1{prefix}-", svg)
    svg = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", svg)  # the page's font
    for name, colour in COLOURS.items():
        svg = svg.replace(colour, f"var(--{name})")
    width, height = (float(each) for each in re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)[0])
    head = (
        f'<svg viewBox="0 0 {width:g} {height:g}" class="plot" role="img" aria-label="{escape(alt, quote=True)}" '
        'stroke-linejoin="round" stroke-linecap="butt" '
        'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    )
    body = re.sub(r"\n\s*", "\n", svg[svg.index(">") + 1 :]).strip()
    return head + re.sub(r"\n(?:\n)+", "\n", body)
