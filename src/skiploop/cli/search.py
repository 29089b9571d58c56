"""`skiploop search`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skiploop.cli.flags import (
    MODEL,
    SEARCHER,
    STATIC,
    STUDY,
    TASK,
    Device,
    Dtype,
    Json,
    Threads,
    Trust,
    Yes,
    app,
    asked,
    errors,
    print_json,
    say,
    say_how_to_resume,
)
from skiploop.cli.values import confirm_code, set_threads

if TYPE_CHECKING:
    from skiploop.studies.search import Study
    from skiploop.studies.static.study import StaticSettings, StaticStudy


@app.command()
def search(
    model: Annotated[str, typer.Option(help="nano, a folder, or a name on the hub.")] = "nano",
    task: Annotated[str, typer.Option(help="nano, jsonl:FILE, gsm8k, arc-easy, math:FILE, rg:NAME, ...")] = "nano",
    limit: Annotated[int, typer.Option(help="Sample so many inputs; 0: all of them.")] = 50,
    budget: Annotated[int, typer.Option(help="Distinct evaluations per input and arm.")] = 100,
    searcher: Annotated[str, typer.Option(help="How chains are looked for: auto (is gp), cola, random, ...")] = "auto",
    space: Annotated[str, typer.Option(help="Which chains there are: cola, skip, loop, segments, ...")] = "cola",
    seed: Annotated[int, typer.Option(help="Of the searchers; the sample of inputs stays.")] = 0,
    out: Annotated[Path | None, typer.Option(help="The folder of the results (default: one below runs/).")] = None,
    json: Json = False,
    no_random_peer: Annotated[
        bool, typer.Option("--no-random-peer", help="Without uniform random chains.", rich_help_panel=STUDY)
    ] = False,
    no_nearby_peer: Annotated[
        bool, typer.Option("--no-nearby-peer", help="Without random chains near the identity.", rich_help_panel=STUDY)
    ] = False,
    no_control: Annotated[
        bool, typer.Option("--no-control", help="Without a search for wrong answers.", rich_help_panel=STUDY)
    ] = False,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Don't run successes again, alone.", rich_help_panel=STUDY)
    ] = False,
    stop_early: Annotated[
        bool,
        typer.Option("--stop-early", help="Stop at a right chain of the least depth.", rich_help_panel=STUDY),
    ] = False,
    per_round: Annotated[
        int | None,
        typer.Option(help="Chains asked of a searcher at a time (4; static: 8).", rich_help_panel=STUDY),
    ] = None,
    static: Annotated[
        bool,
        typer.Option("--static", help="One chain for all inputs, with a test split.", rich_help_panel=STATIC),
    ] = False,
    train: Annotated[int, typer.Option(help="Inputs to choose on.", rich_help_panel=STATIC)] = 128,
    test: Annotated[int, typer.Option(help="Other inputs to report on.", rich_help_panel=STATIC)] = 256,
    no_references: Annotated[
        bool,
        typer.Option("--no-references", help="Without RYS and ShortGPT beside it.", rich_help_panel=STATIC),
    ] = False,
    gates: Annotated[
        bool, typer.Option("--gates", help="Also gates trained by gradient.", rich_help_panel=STATIC)
    ] = False,
    levels: Annotated[str | None, typer.Option(help="Such as 1,2.", rich_help_panel=TASK)] = None,
    families: Annotated[str | None, typer.Option(help="Such as sort,dates.", rich_help_panel=TASK)] = None,
    split: Annotated[str | None, typer.Option(help="Of the data set (default: by task).", rich_help_panel=TASK)] = None,
    prompt: Annotated[
        str | None, typer.Option(help="A template with {question}, or @FILE.", rich_help_panel=TASK)
    ] = None,
    scoring: Annotated[
        str | None, typer.Option(help="verbatim, exact, numeric, math, choice or letter.", rich_help_panel=TASK)
    ] = None,
    max_new_tokens: Annotated[
        int | None, typer.Option(help="Limit of an answer, its end included.", rich_help_panel=TASK)
    ] = None,
    difficulty: Annotated[
        str | None, typer.Option(help="A file of fail rates, for dart and dart-1 to dart-5.", rich_help_panel=TASK)
    ] = None,
    difficulty_cuts: Annotated[
        str | None, typer.Option(help="Where levels 2 to 5 begin, such as .2,.4,.6,.8.", rich_help_panel=TASK)
    ] = None,
    max_block: Annotated[
        int | None, typer.Option(help="Most layers of an edit (4; space block: all).", rich_help_panel=SEARCHER)
    ] = None,
    max_repeats: Annotated[int, typer.Option(help="Most extra runs of a loop.", rich_help_panel=SEARCHER)] = 4,
    max_length: Annotated[
        int | None, typer.Option(help="Longest chain (default: twice the layers).", rich_help_panel=SEARCHER)
    ] = None,
    length_penalty: Annotated[
        float | None, typer.Option(help="Lambda of cola (5), puct, hybrid (0).", rich_help_panel=SEARCHER)
    ] = None,
    exploration: Annotated[
        float | None, typer.Option(help="How much cola, puct, hybrid and gflownet explore.", rich_help_panel=SEARCHER)
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=NUMBER: any constant of the searcher; repeatable.", rich_help_panel=SEARCHER),
    ] = None,
    warm_start: Annotated[
        Path | None,
        typer.Option(
            help="Chains to try first: a JSON list, or a finished study of other inputs.", rich_help_panel=SEARCHER
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="auto; compiled: for long runs; plain: one chain after another.", rich_help_panel=MODEL)
    ] = "auto",
    batch_tokens: Annotated[int | None, typer.Option(help="Most tokens of a batch.", rich_help_panel=MODEL)] = None,
    dtype: Dtype = None,
    device: Device = None,
    threads: Threads = None,
    trust_remote_code: Trust = False,
    yes: Yes = False,
) -> None:
    """Search chains for each input of a task, with controls. Given again, the same command resumes."""
    given = dict(locals())
    with errors(json):
        settings, options = asked(given)
        if static:
            from skiploop.studies.static.study import StaticSettings

            each = StaticSettings(
                train=train, test=test, per_round=per_round or 8, references=not no_references, gates=gates
            )
            found = _search(model, task, out, settings, options, threads=threads, json=json, yes=yes, static=each)
        else:
            found = _search(model, task, out, settings, options, threads=threads, json=json, yes=yes)
        show_found(found, json)


def _search(
    model: str,
    task: str,
    out: Path | None,
    settings: dict[str, Any],
    options: dict[str, Any],
    *,
    threads: int | None,
    json: bool,
    yes: bool,
    static: StaticSettings | None = None,
) -> Study | StaticStudy:
    from skiploop.cli.progress import make_progress
    from skiploop.studies.search import Interrupted
    from skiploop.studies.search import search as run_search
    from skiploop.studies.settings import StudySettings
    from skiploop.studies.static.study import search_static
    from skiploop.tasks import make_task

    checked = StudySettings().changed(**settings)
    whole = make_task(task, **options)
    confirm_code(model, settings["trust_remote_code"], yes)
    set_threads(threads)
    try:
        if static is not None:
            progress = make_progress(quiet=json, figure="best on training inputs")
            return search_static(model, whole, out=out, settings=checked, static=static, progress=progress)
        return run_search(model, whole, out=out, settings=checked, progress=make_progress(quiet=json))
    except Interrupted as stop:
        say(f"Interrupted after {stop.done} of {stop.total} evaluations; they are kept in {stop.out}")
        say_how_to_resume()
        raise typer.Exit(130) from None


def show_found(study: Study | StaticStudy, json: bool) -> None:
    from skiploop.reporting.terminal import make_console, print_static, print_study
    from skiploop.studies.static.study import StaticStudy

    if json:
        print_json(study.summary)
    elif isinstance(study, StaticStudy):
        print_static(study.summary, make_console())
    else:
        print_study(study, make_console())
