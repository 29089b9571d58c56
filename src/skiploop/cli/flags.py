"""What all commands share: the application, flags that several have, and how errors and results are printed."""

from __future__ import annotations

import inspect
import json as jsonlib
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from skiploop.cli.values import constants
from skiploop.cli.values import levels as level_list
from skiploop.cli.values import numbers as number_list
from skiploop.cli.values import words as word_list
from skiploop.errors import InvalidInput, UnsupportedModel

app = typer.Typer(
    name="skiploop",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on stdout.")]
Dtype = Annotated[str | None, typer.Option(help="Of the weights: float32, bfloat16 (default: the checkpoint's).")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1 (default: a GPU where there is one).")]
Threads = Annotated[int | None, typer.Option(help="CPU threads of torch (default: as many as this process may use).")]
Trust = Annotated[bool, typer.Option("--trust-remote-code", help="Run Python code that the model brings.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before running a model's own code.")]
STUDY, TASK, SEARCHER, MODEL = "Study", "Task", "Searcher and space", "Model and speed"
STATIC = "One chain for all inputs"


def asked(given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings of a study and the options of its task, from the values of the flags of `search`."""
    numbers = constants(given["setting"], length_penalty=given["length_penalty"], exploration=given["exploration"])
    same = (
        "searcher", "space", "max_block", "max_repeats", "max_length", "budget", "seed", "stop_early", "engine",
        "batch_tokens", "dtype", "device", "trust_remote_code",
    )  # fmt: skip
    settings = {name: given[name] for name in same} | {
        "searcher_settings": numbers, "limit": given["limit"] or None, "per_round": given["per_round"] or 4,
        "random_peer": not given["no_random_peer"], "control": not given["no_control"],
        "nearby_peer": not given["no_nearby_peer"], "verify": not given["no_verify"],
        "warm_start": given["warm_start"] or (),
    }  # fmt: skip
    options = {name: given[name] for name in ("split", "prompt", "scoring", "max_new_tokens", "difficulty")} | {
        "levels": level_list(given["levels"]), "families": word_list(given["families"]),
        "difficulty_cuts": number_list("--difficulty-cuts", given["difficulty_cuts"]),
    }  # fmt: skip
    return settings, options


def with_flags_of(source: Callable[..., None], target: Callable[..., None], *, without: Sequence[str] = ()) -> None:
    """Gives a command that takes `**given` the flags of another one, too; its own stand where both have one."""
    theirs, own = (inspect.signature(each, eval_str=True) for each in (source, target))
    mine = {name: each for name, each in own.parameters.items() if each.kind is not each.VAR_KEYWORD}
    shared = {name: mine.get(name, each) for name, each in theirs.parameters.items() if name not in without}
    kept = [*shared.values(), *(each for name, each in mine.items() if name not in shared)]
    keyword = [each.replace(kind=each.KEYWORD_ONLY) for each in kept]
    target.__signature__ = theirs.replace(parameters=keyword)  # type: ignore[attr-defined]
    target.__annotations__ = {each.name: each.annotation for each in keyword}


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
    except KeyboardInterrupt:
        say("Interrupted.")
        raise typer.Exit(130) from None


def print_json(value: dict[str, Any]) -> None:
    typer.echo(jsonlib.dumps(value, indent=2))


def say(text: str) -> None:
    typer.echo(text, err=True)


def say_how_to_resume() -> None:
    """The command line as it was given, on stderr."""
    say(f"To go on from there: {shlex.join(['skiploop', *sys.argv[1:]])}")
