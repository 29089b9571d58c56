"""`skiploop report`: studies as one HTML file, figures and numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from skiploop.cli.app import print_json, tell
from skiploop.cli.flags import command
from skiploop.cli.values import check_new, write_file
from skiploop.errors import InvalidInput

Json = Annotated[bool, typer.Option("--json", help="Print all numbers as one JSON object; write only what is named.")]


@command
def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of studies; the first one is compared with.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The HTML file (default: report.html; none with --json).")
    ] = None,
    figures: Annotated[
        Path | None, typer.Option(help="Also write every figure into this folder, as SVG, PDF and PNG.")
    ] = None,
    inputs: Annotated[int, typer.Option(help="Single inputs to look at, at most, shared by the runs.")] = 100,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    title: Annotated[str | None, typer.Option(help="Of the page.")] = None,
    json: Json = False,
) -> None:
    """Write a report of one study, or of several side by side: one HTML file that needs nothing else."""
    place = out if out is not None or json else Path("report.html")
    if place is None and title is not None:
        raise InvalidInput("--title is for the page; name its file with -o report.html")
    if place is not None:
        check_new(place, force=force)
    from skiploop.reporting import build, render_page, write_figures

    found = build(runs)
    files = [] if figures is None else write_figures(found, figures, force=force)
    if place is not None:
        write_file(place, render_page(found, title=title, inputs=inputs), force=force)
    if json:
        written = {"out": None if place is None else str(place), "figures": [str(each) for each in files]}
        print_json(found.to_json() | written)
        return
    for run in found.runs:
        tell(f"{run.name}: {run.reading.conclusion}")
    if files:
        tell(f"{len(files)} figure files are in {figures}")
    tell(f"The report is in {place}")
