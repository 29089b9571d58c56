"""`skiploop compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from skiploop.cli.app import Json, print_json
from skiploop.cli.flags import command


@command
def compare(
    first: Annotated[Path, typer.Argument(help="The folder of a finished run.")],
    second: Annotated[Path, typer.Argument(help="That of another one, which is compared with the first.")],
    json: Json = False,
) -> None:
    """Compare two runs input by input, with intervals; runs that can't be compared are refused."""
    from skiploop.folders.compare import compare as compare_runs
    from skiploop.reporting.terminal.compare import print_comparison
    from skiploop.reporting.terminal.console import make_console

    found = compare_runs(first, second)
    if json:
        print_json(found.to_json())
    else:
        print_comparison(found, make_console())
