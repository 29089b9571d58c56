"""`skiploop route train`, `eval`, `ablate` and `apply`: choosing a chain without the right answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skiploop.cli.app import app, print_json
from skiploop.cli.call import Call, Model, SpreadCall, TaskName
from skiploop.cli.flags import Only, Without, command_of
from skiploop.cli.model import show_routed
from skiploop.routing.settings import RouteSettings
from skiploop.studies.settings import EngineSettings
from skiploop.tasks.options import TaskOptions

if TYPE_CHECKING:
    from skiploop.routing.train import Routed

group = typer.Typer(no_args_is_help=True, help="Choose a chain for each input without the right answer.")
app.add_typer(group, name="route")
Folder = Annotated[Path, typer.Argument(help="A folder made by `skiploop route train`.")]


@command_of(group)
def train(
    *,
    model: Model = "nano",
    task: TaskName = "nano",
    settings: RouteSettings,
    options: Annotated[TaskOptions, Without("limit", "seed")],
    out: Annotated[Path, typer.Option(help="The folder of the router; given again, it is resumed.")],
    call: SpreadCall,
) -> None:
    """Run a menu of chains on a task, fit a router on half of the inputs, and test it on the rest."""
    from skiploop.routing.train import train as run_training

    call.tools.make_task(task, options)  # what is wrong with it is said before a model is opened
    opened = call.prepare(model, settings.engine.trust_remote_code)
    found = run_training(
        opened,
        lambda at: call.tools.make_task(task, replace(options, shots_seed=options.shots_seed + at)),
        out=out,
        settings=settings,
        execution=call.execution,
    )
    _show(found, call.json)


@command_of(group)
def eval(
    *,
    folder: Folder,
    chooser: Annotated[
        list[str] | None, typer.Option(help="Which to evaluate; repeatable (default: all but networks).")
    ] = None,
    folds: Annotated[int, typer.Option(help="Each input is held out once, in as many parts; 1: one split.")] = 5,
    seed: Annotated[int, typer.Option(help="Of the splits.")] = 0,
    on: Annotated[Path | None, typer.Option(help="Test on the inputs of this folder, of another task.")] = None,
    plot: Annotated[bool, typer.Option("--plot", help="Also draw accuracy against layer calls.")] = False,
    call: Annotated[Call, Only("json")],
) -> None:
    """Compare choosers with every opponent on held-out inputs; needs no model."""
    from skiploop.routing.train import evaluate_folder, evaluate_folder_elsewhere

    if on is not None:
        call.refuse(("folds",), "--on")
        found = evaluate_folder_elsewhere(folder, on, choosers=chooser or (), seed=seed)
    else:
        found = evaluate_folder(folder, choosers=chooser or (), folds=folds, seed=seed)
    if plot:
        from skiploop.reporting.route_plot import write_route_plot

        name = "accuracy_and_cost.svg" if on is None else "accuracy_and_cost_elsewhere.svg"
        write_route_plot(found.figures, folder / name)
    _show(found, call.json)


@command_of(group)
def ablate(
    *,
    folder: Folder,
    chooser: Annotated[
        list[str] | None, typer.Option(help="Which to look into; repeatable (default: those that look at inputs).")
    ] = None,
    folds: Annotated[int, typer.Option(help="Each input is held out once, in as many parts; 1: one split.")] = 5,
    seed: Annotated[int, typer.Option(help="Of the splits.")] = 0,
    call: Annotated[Call, Only("json")],
) -> None:
    """Which inputs of a router matter: text, hidden state, chain, nothing; needs no model."""
    from skiploop.reporting.terminal.console import make_console
    from skiploop.reporting.terminal.route import print_route_ablation
    from skiploop.routing.train import ABLATION, ablate_folder
    from skiploop.storage.records import as_json

    found = ablate_folder(folder, choosers=chooser or (), folds=folds, seed=seed)
    if call.json:
        print_json(as_json(found) | {"file": str(folder / ABLATION)})
    else:
        print_route_ablation(found, make_console())


@command_of(group)
def apply(
    *,
    folder: Folder,
    prompts: Annotated[list[str], typer.Argument(help="One or more prompts.")],
    model: Model = "nano",
    option: Annotated[
        list[str] | None, typer.Option(help="An answer to choose from, as it goes on from each prompt; repeatable.")
    ] = None,
    max_new_tokens: Annotated[int, typer.Option(help="Limit of an answer, its end included.")] = 64,
    engine: Annotated[EngineSettings, Only("dtype", "device", "trust_remote_code")],
    call: Call,
) -> None:
    """Continue prompts, or pick among options, each by the chains that the router chooses for it."""
    from skiploop.studies.opening import open_model
    from skiploop.validate import whole_number

    whole_number("--max-new-tokens", max_new_tokens, 1)
    opened = call.prepare(model, engine.trust_remote_code)
    opened = open_model(opened, engine) if isinstance(opened, str) else opened
    if option:
        call.refuse(("max_new_tokens",), "--option")
        _show_picked(folder, opened, prompts, option, call)
        return
    show_routed(folder, opened, (prompts, prompts), {"max_new_tokens": max_new_tokens}, call)


def _show_picked(folder: Path, opened: Any, prompts: list[str], options: list[str], call: Call) -> None:
    """The option that a router picks after each prompt."""
    from skiploop.cli.app import tell
    from skiploop.routing.router import load_router
    from skiploop.tasks import Example, Task

    router = load_router(folder)
    rows = tuple(Example(str(at), prompt, options[0], tuple(options), 0) for at, prompt in enumerate(prompts))
    picked = [
        options[number] if number >= 0 else None for number in router.pick(opened, Task("prompts", rows, "choice"))
    ]
    if call.json:
        outputs = [{"prompt": prompt, "option": each} for prompt, each in zip(prompts, picked, strict=True)]
        print_json({"model": opened.name, "router": str(folder), "chooser": router.chooser, "outputs": outputs})
        return
    for each in picked:
        tell(each or "(none: the scores aren't numbers)")


def _show(found: Routed, json: bool) -> None:
    from skiploop.reporting.terminal.console import make_console
    from skiploop.reporting.terminal.route import print_routed
    from skiploop.storage.records import as_json

    if json:
        figures = as_json(found.figures)
        print_json({"model": found.model, "task": found.task, "file": str(found.file), "figures": figures})
    else:
        print_routed(found, make_console())
