"""`skiploop show`: studies of every kind, from their folders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from skiploop.cli.app import Json, print_json
from skiploop.cli.flags import command
from skiploop.cli.search import show_found
from skiploop.errors import InvalidInput


@command
def show(
    run: Annotated[Path, typer.Argument(help="The folder of a study.")],
    input_id: Annotated[str | None, typer.Option("--input", help="Only this input, in full.")] = None,
    json: Json = False,
) -> None:
    """Show a study, also one that is still running: figures, or one input in full."""
    from skiploop.cli.study import show_full
    from skiploop.reporting.terminal import input_json, make_console, print_input
    from skiploop.studies.folder import read_run
    from skiploop.studies.full_record import is_full, load_full
    from skiploop.studies.search import load_study
    from skiploop.studies.static.study import is_static, load_static

    if is_full(run):
        show_full(load_full(run), json)
        return
    if is_static(read_run(run)):
        show_found(load_static(run), json)
        return
    study = load_study(run)
    if input_id is None:
        show_found(study, json)
        return
    found = [result for result in study.inputs if result.example["id"] == input_id]
    if not found:
        known = ", ".join(result.example["id"] for result in study.inputs[:5])
        raise InvalidInput(f"{run} has no input {input_id!r}; it has {known}, ...")
    if json:
        print_json(input_json(found[0]))
    else:
        print_input(found[0], make_console())
