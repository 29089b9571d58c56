"""`skiploop study`: the search with everything that has to stand beside it, in one command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skiploop.cli_common import (
    MODEL,
    SEARCHER,
    STATIC,
    TASK,
    Device,
    Dtype,
    Json,
    Threads,
    Trust,
    Yes,
    app,
    errors,
    print_json,
    say,
    say_how_to_resume,
)
from skiploop.cli_values import confirm_code, constants, set_threads
from skiploop.cli_values import levels as level_list
from skiploop.cli_values import numbers as number_list
from skiploop.cli_values import words as word_list

if TYPE_CHECKING:
    from skiploop.full_study import FullStudy
    from skiploop.study_parts import FullSettings

SAMPLING = "Sampling and voting"


@app.command()
def study(
    model: Annotated[str, typer.Option(help="nano, a folder, or a name on the hub.")] = "nano",
    task: Annotated[str, typer.Option(help="nano, jsonl:FILE, gsm8k, arc-easy, math:FILE, ...")] = "nano",
    limit: Annotated[int, typer.Option(help="Test inputs on which chains are searched.")] = 50,
    budget: Annotated[int, typer.Option(help="Distinct evaluations per input and arm.")] = 100,
    searcher: Annotated[str, typer.Option(help="How chains are looked for: auto, cola, random, ...")] = "auto",
    space: Annotated[str, typer.Option(help="Which chains there are.")] = "cola",
    seed: Annotated[int, typer.Option(help="Of searchers and samples; the split stays.")] = 0,
    out: Annotated[Path | None, typer.Option(help="The study's folder (default: below runs/).")] = None,
    json: Json = False,
    train: Annotated[int, typer.Option(help="Inputs to choose on.", rich_help_panel=STATIC)] = 128,
    test: Annotated[int, typer.Option(help="Other inputs to report on.", rich_help_panel=STATIC)] = 256,
    static_budget: Annotated[
        int, typer.Option(help="Distinct chains of the static search.", rich_help_panel=STATIC)
    ] = 64,
    temperatures: Annotated[str, typer.Option(help="To choose from.", rich_help_panel=SAMPLING)] = "0.3,0.7,1.0",
    samples: Annotated[
        int | None,
        typer.Option(help="Most samples of an input (default: what the budget pays for).", rich_help_panel=SAMPLING),
    ] = None,
    tune: Annotated[
        int, typer.Option(help="Training inputs on which the temperature is chosen.", rich_help_panel=SAMPLING)
    ] = 64,
    levels: Annotated[str | None, typer.Option(help="Such as 1,2.", rich_help_panel=TASK)] = None,
    families: Annotated[str | None, typer.Option(help="Such as sort,dates.", rich_help_panel=TASK)] = None,
    split: Annotated[str | None, typer.Option(help="Of the data set (default: test).", rich_help_panel=TASK)] = None,
    prompt: Annotated[
        str | None, typer.Option(help="A template with {question}, or @FILE.", rich_help_panel=TASK)
    ] = None,
    scoring: Annotated[
        str | None, typer.Option(help="verbatim, exact, numeric, choice or letter.", rich_help_panel=TASK)
    ] = None,
    max_new_tokens: Annotated[
        int | None, typer.Option(help="Limit of an answer, its end included.", rich_help_panel=TASK)
    ] = None,
    max_block: Annotated[int | None, typer.Option(help="Most layers of an edit (4).", rich_help_panel=SEARCHER)] = None,
    max_repeats: Annotated[int, typer.Option(help="Most extra runs of a loop.", rich_help_panel=SEARCHER)] = 4,
    max_length: Annotated[
        int | None, typer.Option(help="Longest chain (default: twice the layers).", rich_help_panel=SEARCHER)
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE: a constant of the searcher.", rich_help_panel=SEARCHER),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="auto, or plain: one chain after another.", rich_help_panel=MODEL)
    ] = "auto",
    batch_tokens: Annotated[int | None, typer.Option(help="Most tokens of a batch.", rich_help_panel=MODEL)] = None,
    dtype: Dtype = None,
    device: Device = None,
    threads: Threads = None,
    trust_remote_code: Trust = False,
    yes: Yes = False,
) -> None:
    """Search with all controls: peers, a static chain on a test split, sampling and voting, options moved."""
    with errors(json):
        from skiploop.sampling import SamplingSettings
        from skiploop.settings import StudySettings
        from skiploop.static import StaticSettings
        from skiploop.study_parts import FullSettings
        from skiploop.tasks import make_task

        settings = FullSettings(
            study=StudySettings(
                searcher=searcher, searcher_settings=constants(setting), space=space, max_block=max_block,
                max_repeats=max_repeats, max_length=max_length, budget=budget, seed=seed, engine=engine,
                batch_tokens=batch_tokens, dtype=dtype, device=device, trust_remote_code=trust_remote_code,
            ),
            inputs=limit,
            static=StaticSettings(train=train, test=test),
            static_budget=static_budget,
            sampling=SamplingSettings(
                temperatures=tuple(number_list("--temperatures", temperatures) or ()), most=samples, tune=tune,
                seed=seed,
            ),
        )  # fmt: skip
        whole = make_task(
            task, levels=level_list(levels), families=word_list(families), split=split, prompt=prompt,
            scoring=scoring, max_new_tokens=max_new_tokens,
        )  # fmt: skip
        confirm_code(model, trust_remote_code, yes)
        set_threads(threads)
        show_full(_run(model, whole, out, settings, json), json)


def _run(model: str, task: Any, out: Path | None, settings: FullSettings, json: bool) -> FullStudy:
    from skiploop.full_study import Stopped, run_study
    from skiploop.progress import make_progress

    try:
        return run_study(
            model, task, out=out, settings=settings,
            progress=lambda figure: make_progress(quiet=json, figure=figure),
            say=(lambda text: None) if json else say,
        )  # fmt: skip
    except Stopped as stop:
        say(f"Interrupted during the part {stop.part!r}; what is done is kept in {stop.out}")
        say_how_to_resume()
        raise typer.Exit(130) from None


def show_full(found: FullStudy, json: bool) -> None:
    """A full study, as JSON or for people."""
    from skiploop.study_tables import print_full
    from skiploop.tables import make_console

    if json:
        print_json({**found.record, "out": str(found.out), "figures": found.parts})
    else:
        print_full(found, make_console())
