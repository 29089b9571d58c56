"""The application, and how errors and results are printed."""

from __future__ import annotations

import json as jsonlib
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from skiploop.cli.commands import COMMANDS
from skiploop.errors import InvalidInput, UnsupportedModel
from skiploop.storage.foreign_text import shown
from skiploop.studies.progress import Interrupted


class LazyGroup(TyperGroup):
    """Knows all commands by name and summary; the module of the one that is run is imported then.

    Importing all of them takes longer than printing the help.
    """

    def __init__(self, *, commands: Any = None, **attributes: Any) -> None:
        super().__init__(commands=commands, **attributes)
        known = self.commands
        self.commands = {
            name: known.get(name) or TyperCommand(name, help=summary) for name, (_, summary) in COMMANDS.items()
        }

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that was asked for, with its flags."""
        name, found, rest = super().resolve_command(ctx, args)
        return name, found if name is None else load_command(name), rest


def load_command(name: str) -> Any:
    """A command with its flags, or a group with its commands; `name` is in `COMMANDS`."""
    import_module(f"skiploop.cli.{COMMANDS[name][0]}")  # puts its commands on the application
    return get_group(app).commands[name]


app = typer.Typer(
    name="skiploop",
    cls=LazyGroup,
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
