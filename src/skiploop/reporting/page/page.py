"""A report as one HTML file that needs nothing else, and its figures as files.

Prompts and answers are anybody's, so everything is escaped by jinja2 unless it was drawn here, and the page's own
policy allows no script but its own, and no connection at all.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from skiploop._version import __version__
from skiploop.chains.drawing.style import stylesheet
from skiploop.errors import InvalidInput
from skiploop.reporting import numbers
from skiploop.reporting.build import Report, RunReport
from skiploop.reporting.canvas import COLOURS, DARK, FORMATS, figure_files, inline_svg, require_matplotlib
from skiploop.reporting.page.explorer import MOST, explore
from skiploop.reporting.parts import Cell, Column, Figure
from skiploop.reporting.sections.search import NAMES
from skiploop.validate import whole_number

_BADGES = {
    "right_shorter": "right, shorter",
    "corrected": "corrected",
    "still_wrong": "still wrong",
    "identity_best": "identity best",
}


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
    template = _environment().get_template("page.html")
    style, script = _asset("style.css"), _asset("filter.js")
    most = max(1, whole_number("inputs", inputs, 1) // len(report.runs))
    page = template.render(
        title=title or _title(report),
        version=__version__,
        style=f"{_palette()}\n{style}\n{_drawings()}",
        script=script,
        script_hash=_hash(script),
        report=report,
        several=len(report.runs) > 1,
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
    return [figure for section in run.sections for figure in section.figures]


def slug(name: str) -> str:
    """A name for files and anchors."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower() or "run"


def _title(report: Report) -> str:
    runs = report.runs
    if len(runs) > 1:
        return f"{len(runs)} runs side by side"
    run = runs[0].folder.run
    return f"{run['model']['name']} on {run['task']['name']}"


# What the template needs


def _environment() -> Any:
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
    environment.filters |= {"setting": setting}
    environment.globals |= {
        "cell": shown_cell, "draw": drawn, "transitions": NAMES, "badges": _BADGES, "subtitle": subtitle,
        "facts": facts,
    }  # fmt: skip
    return environment


def shown_cell(cell: Cell, column: Column) -> tuple[str, str]:
    """A cell's value and its interval, as they are written."""
    kind = cell.kind or column.kind
    return numbers.value(cell.value, kind), numbers.interval(cell.interval, kind)


def drawn(figure: Figure, prefix: str) -> Any:
    """A figure's SVG, which is safe: matplotlib escapes the text in it."""
    from markupsafe import Markup

    return Markup(inline_svg(figure, f"{prefix}-{figure.name}"))


def subtitle(run: RunReport) -> str:
    """What was run, in a line."""
    folder = run.folder
    settings, summary = folder.run["settings"], folder.summary
    search = settings["search"]
    what = f"{search['searcher']} in the space “{settings['space']['name']}”, seed {search['seed']}"
    if folder.static is not None:
        split = f"{summary['train_inputs']} training and {summary['test_inputs']} test inputs"
        return f"One chain for all inputs: {what}, {search['budget']} chains, {split}"
    inputs = numbers.plural(summary["inputs"], "input")
    return f"Chains per input: {what}, {search['budget']} evaluations an input, {inputs}"


def facts(run: RunReport) -> dict[str, dict[str, Any]]:
    """run.json by its parts, for the table of settings."""
    parts = {key: value for key, value in run.folder.run.items() if isinstance(value, dict)}
    rest = {key: value for key, value in run.folder.run.items() if not isinstance(value, dict)}
    return {**parts, "study": rest}


def setting(value: Any) -> str:
    """A setting's value."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {setting(each)}" for key, each in value.items()) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _asset(name: str) -> str:
    return (files("skiploop.reporting.page") / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _palette() -> str:
    light, dark = (";".join(f"--{name}:{colour}" for name, colour in each.items()) for each in (COLOURS, DARK))
    return f":root{{{light}}}\n@media screen and (prefers-color-scheme: dark){{:root{{{dark}}}}}"


def _drawings() -> str:
    return stylesheet().replace("@media (prefers", "@media screen and (prefers")
