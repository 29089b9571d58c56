"""The application, and how errors and results are printed."""

from __future__ import annotations

import json as jsonlib
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from skiploop.errors import InvalidInput, UnsupportedModel
from skiploop.storage.foreign_text import shown
from skiploop.studies.progress import Interrupted

app = typer.Typer(
    name="skiploop",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on stdout.")]


@contextmanager
def errors(json: bool) -> Iterator[None]:
    """One clear message and an exit code, in place of a traceback, for what a user can do something about."""
    try:
        yield
    except (InvalidInput, UnsupportedModel) as error:
        if json:
            print_json({"error": str(error), "kind": type(error).__name__})
        say(f"Error: {error}")
        raise typer.Exit(2) from None
    except Interrupted as stop:
        say(str(stop))
        say(f"To go on from there: {shlex.join(['skiploop', *sys.argv[1:]])}")
        raise typer.Exit(130) from None
    except KeyboardInterrupt:
        say("Interrupted.")
        raise typer.Exit(130) from None
    except Exception as error:
        if not _ran_out_of_memory(error):
            raise
        say("Error: memory ran out; use a narrower dtype (--dtype bfloat16), fewer inputs (--limit) or another machine")
        raise typer.Exit(2) from None


def _ran_out_of_memory(error: Exception) -> bool:
    if "torch" not in sys.modules:
        return isinstance(error, MemoryError)
    from skiploop.models.out_of_memory import ran_out

    return ran_out(error)


def print_json(value: dict[str, Any]) -> None:
    """On stdout."""
    typer.echo(jsonlib.dumps(value, indent=2))


def tell(text: str) -> None:
    """On stdout, without effects of what comes from elsewhere (`--json` has it as it is)."""
    typer.echo(shown(text))


def say(text: str) -> None:
    """On stderr."""
    typer.echo(shown(text), err=True)
