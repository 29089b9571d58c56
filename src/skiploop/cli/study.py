"""`skiploop study`: the search with everything that has to stand beside it, in one command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skiploop.cli.flags import (
    STATIC,
    app,
    asked,
    errors,
    print_json,
    say,
    say_how_to_resume,
    with_flags_of,
)
from skiploop.cli.search import search
from skiploop.cli.values import confirm_code, numbers, set_threads, words
from skiploop.errors import InvalidInput

if TYPE_CHECKING:
    from skiploop.full_study.context import FullSettings
    from skiploop.studies.full_record import FullStudy

SAMPLING, ANALYSES = "Sampling and voting", "Analyses"


def study(
    *,
    limit: Annotated[int, typer.Option(help="Test inputs on which chains are searched.")] = 50,
    seed: Annotated[int, typer.Option(help="Of searchers and samples; the split stays.")] = 0,
    without: Annotated[
        str | None, typer.Option(help="Parts to leave out, of sampling,options,ablation,analyses,report.")
    ] = None,
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
    seeds: Annotated[
        int, typer.Option(help="Searches of each input, for its difficulty.", rich_help_panel=ANALYSES)
    ] = 5,
    neighbours: Annotated[
        int, typer.Option(help="Neighbours of each chain, for its robustness.", rich_help_panel=ANALYSES)
    ] = 16,
    **given: Any,
) -> None:
    """Search with all controls and analyses, and write a report. Given again, the same command resumes."""
    with errors(given["json"]):
        from skiploop.full_study.context import FullSettings
        from skiploop.studies.controls.sampling import SamplingSettings
        from skiploop.studies.settings import StudySettings
        from skiploop.studies.static.study import StaticSettings
        from skiploop.tasks import make_task

        if limit < 1:
            raise InvalidInput(f"--limit {limit} doesn't work; a full study searches on 1 or more of its test inputs")
        settings, options = asked({**given, "seed": seed, "limit": limit})
        full = FullSettings(
            study=StudySettings().changed(**settings),
            static=StaticSettings(
                train=given["train"], test=given["test"], per_round=given["per_round"] or 8,
                references=not given["no_references"], gates=given["gates"],
            ),
            static_budget=static_budget,
            sampling=SamplingSettings(
                temperatures=tuple(numbers("--temperatures", temperatures) or ()), most=samples, tune=tune, seed=seed
            ),
            seeds=seeds,
            neighbours=neighbours,
        )  # fmt: skip
        whole = make_task(given["task"], **options)
        confirm_code(given["model"], given["trust_remote_code"], given["yes"])
        set_threads(given["threads"])
        found = _run(given["model"], whole, given["out"], full, words(without) or (), given["json"])
        show_full(found, given["json"])


def _run(model: str, task: Any, out: Any, settings: FullSettings, without: Sequence[str], json: bool) -> FullStudy:
    from skiploop.cli.progress import make_progress
    from skiploop.full_study.run import Stopped, run_study

    try:
        return run_study(
            model, task, out=out, settings=settings, without=without,
            progress=lambda figure: make_progress(quiet=json, figure=figure),
            say=(lambda text: None) if json else say,
        )  # fmt: skip
    except Stopped as stop:
        say(f"Interrupted during the part {stop.part!r}; what is done is kept in {stop.out}")
        say_how_to_resume()
        raise typer.Exit(130) from None


def show_full(found: FullStudy, json: bool) -> None:
    """A full study, as JSON or for people."""
    from skiploop.reporting.study_terminal import print_full
    from skiploop.reporting.terminal import make_console

    if json:
        print_json({**found.record, "out": str(found.out), "figures": found.parts})
    else:
        print_full(found, make_console())


with_flags_of(search, study, without=("static",))
app.command()(study)
