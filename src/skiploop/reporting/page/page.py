"""A report as one HTML file that needs nothing else, and its figures as files.

Prompts and answers are anybody's, so everything is escaped by jinja2 unless it was drawn here, and the page's own
policy allows no script but its own, and no connection at all.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

from skiploop._version import __version__
from skiploop.chains.drawing.style import stylesheet
from skiploop.errors import InvalidInput
from skiploop.reporting.build import Report, RunReport
from skiploop.reporting.canvas import COLOURS, DARK, FORMATS, figure_files, inline_svg, require_matplotlib
from skiploop.reporting.names import TRANSITION_BADGES, TRANSITION_NAMES
from skiploop.reporting.page.explorer import MOST, explore
from skiploop.reporting.page.glossary import Glossary
from skiploop.reporting.page.paths import without_paths
from skiploop.reporting.page.settings import facts, subtitle, title_of, what
from skiploop.reporting.parts import Cell, Column, Figure, Section
from skiploop.stats import numbers
from skiploop.storage.foreign_text import shown
from skiploop.validate import whole_number

_UNITS = {"share": "%", "points": "points"}


def render_page(report: Report, *, title: str | None = None, inputs: int = MOST) -> str:
    """The report as HTML; the same bytes for the same folders.

    Args:
        report: what to show.
        title: of the page; by default what was run on what.
        inputs: most single inputs to look at, shared by the runs.

    Raises:
        InvalidInput: matplotlib or jinja2 isn't installed.
    """
    require_matplotlib()
    glossary = Glossary()
    template = _environment(glossary).get_template("page.html")
    style, script = _asset("style.css"), _asset("page.js")
    most = max(1, whole_number("inputs", inputs, 1) // len(report.runs))
    page = template.render(
        title=title or title_of(report),
        version=__version__,
        style=f"{_palette()}\n{style}\n{_drawings()}",
        script=script,
        script_hash=_hash(script),
        report=report,
        several=len(report.runs) > 1,
        glossary=glossary,
        explorers=[explore(run.folder, most) for run in report.runs],
    )
    return str(page)


def write_figures(report: Report, folder: Path, *, force: bool = False) -> list[Path]:
    """Every figure as SVG, PDF and PNG.

    Args:
        report: whose figures.
        folder: made where it is missing.
        force: replace files that exist.

    Returns:
        The files, named NAME.svg, or RUN-NAME.svg where there are several runs.
    """
    require_matplotlib()
    wanted = []
    for run in report.runs:
        prefix = f"{slug(run.name)}-" if len(report.runs) > 1 else ""
        wanted += [(f"{prefix}{figure.name}", figure) for figure in figures(run)]
    places = [folder / f"{name}.{kind}" for name, _ in wanted for kind in FORMATS]
    there = [place for place in places if place.exists()]
    if there and not force:
        raise InvalidInput(f"{there[0]} exists; use another --figures folder, or --force to replace it")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, figure in wanted:
            for kind, content in figure_files(figure).items():
                (folder / f"{name}.{kind}").write_bytes(content)
    except OSError as error:
        raise InvalidInput(f"--figures {folder} can't be written ({error.strerror}); use another folder") from None
    return places


def figures(run: RunReport) -> list[Figure]:
    """All figures of a run, in order."""
    return [*run.answer.figures, *(figure for section in run.sections for figure in section.figures)]


def slug(name: str) -> str:
    """A name for files and anchors."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower() or "run"


# What the template needs


def _environment(glossary: Glossary) -> Any:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
    except ImportError:
        raise InvalidInput("a report needs jinja2; install it with: pip install 'skiploop[report]'") from None
    environment = Environment(
        loader=PackageLoader("skiploop.reporting.page", "."),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"terms": glossary.mark, "local": without_paths}
    environment.globals |= {
        "units": _UNITS,
        "cell": shown_cell, "draw": drawn, "groups": grouped, "what": what,
        "transitions": TRANSITION_NAMES, "badges": TRANSITION_BADGES,
        "subtitle": subtitle, "facts": facts,
    }  # fmt: skip
    return environment


def shown_cell(cell: Cell, column: Column) -> tuple[str, str]:
    """A cell's value and its interval, as they are written; 31 to 83 as 31–83 where no minus sign can be meant."""
    kind = cell.kind or column.kind
    value, ends = numbers.value(cell.value, kind), numbers.interval(cell.interval, kind)
    if kind == column.kind == "share":  # the heading has the unit
        value = value.replace("\u00a0%", "")
    value = shown(without_paths(value)) if kind == "text" else value
    return value, ends.replace(" to ", "–") if kind == "share" else ends


def grouped(sections: Sequence[Section]) -> list[tuple[str, str, list[Section]]]:
    """The sections by their group: its name, its anchor and what is in it."""
    return [(name, slug(name), list(own)) for name, own in groupby(sections, key=lambda section: section.group)]


def drawn(figure: Figure, prefix: str) -> Any:
    """A figure's SVG, which is safe: matplotlib escapes the text in it."""
    from markupsafe import Markup

    return Markup(inline_svg(figure, f"{prefix}-{figure.name}"))


def _asset(name: str) -> str:
    return (files("skiploop.reporting.page") / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _palette() -> str:
    light, dark = (";".join(f"--{name}:{colour}" for name, colour in each.items()) for each in (COLOURS, DARK))
    return f":root{{{light}}}\n@media screen and (prefers-color-scheme: dark){{:root{{{dark}}}}}"


def _drawings() -> str:
    return stylesheet().replace("@media (prefers", "@media screen and (prefers")
