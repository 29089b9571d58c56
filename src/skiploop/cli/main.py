"""The command line. `skiploop --help` answers without torch: what is heavy is imported where it is used, commands too.

Exit codes: 0 fine, 2 wrong input or a model that can't be used, 130 interrupted.
"""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from skiploop._version import __version__
from skiploop.cli.app import app


def main() -> None:
    """The entry point of the `skiploop` command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows ASCII only shows question marks
    app()


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"skiploop {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Chains of layers for pretrained transformers: which to skip, loop or reorder, input by input."""
