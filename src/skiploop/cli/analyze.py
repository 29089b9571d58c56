"""`skiploop analyze` and `skiploop ablate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from skiploop.cli.flags import (
    Device,
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
    with_flags_of,
)
from skiploop.cli.search import search
from skiploop.cli.values import confirm_code, set_threads, words

_NOT_OF_ABLATION = ("space", "static", "train", "test", "no_references", "gates")


@app.command()
def analyze(
    run: Annotated[Path, typer.Argument(help="The folder of a finished study.")],
    only: Annotated[
        str | None, typer.Option(help="Some of difficulty,edits,robustness,similarity,lens (default: all).")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Of difficulty: searches of each input, with other seeds.")] = 5,
    inputs: Annotated[
        int | None, typer.Option(help="Of edits, similarity, lens: at most so many inputs, the first ones.")
    ] = None,
    neighbours: Annotated[int, typer.Option(help="Of robustness: at most so many neighbours of each chain.")] = 16,
    again: Annotated[bool, typer.Option("--again", help="Also those that are there already.")] = False,
    device: Device = None,
    threads: Threads = None,
    trust_remote_code: Trust = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Analyse a study with its model: difficulty, edits, neighbours, phases, logit lens."""
    with errors(json):
        from skiploop.analysis.runs import analyze as run_analyses
        from skiploop.cli.progress import make_progress
        from skiploop.reporting.sentences.analyses import reading
        from skiploop.studies.folder import read_run

        names = words(only)
        limit = {} if inputs is None else {"inputs": inputs}
        settings: dict[str, dict[str, int]] = {
            "difficulty": {"seeds": seeds}, "robustness": {"neighbours": neighbours},
            "edits": limit, "similarity": limit, "lens": limit,
        }  # fmt: skip
        confirm_code(read_run(run)["model"]["name"], trust_remote_code, yes)
        set_threads(threads)
        found = run_analyses(
            run, names, settings=settings, again=again, progress=make_progress(quiet=json, figure="right"),
            device=device, trust_remote_code=trust_remote_code,
        )  # fmt: skip
        if json:
            print_json(found.results)
            return
        for name, result in found.results.items():
            typer.echo(f"{name}{' (done before)' if name in found.read else ''}")
            for line in reading(result):
                typer.echo(f"  {line}")
        typer.echo(f"The analyses are in {found.folder}")


def ablate(**given: Any) -> None:
    """Search skip-only, loop-only and with both, and compare. Given again, the same command resumes."""
    with errors(given["json"]):
        from skiploop.analysis.ablation import ablate as run_ablation
        from skiploop.analysis.ablation import reading
        from skiploop.cli.progress import make_progress
        from skiploop.studies.progress import Progress
        from skiploop.studies.search import Interrupted
        from skiploop.studies.settings import StudySettings
        from skiploop.tasks import make_task

        settings, options = asked({**given, "space": "cola"})
        checked = StudySettings().changed(**settings)
        whole = make_task(given["task"], **options)
        confirm_code(given["model"], given["trust_remote_code"], given["yes"])
        set_threads(given["threads"])

        def progress() -> Progress:
            return make_progress(quiet=given["json"])

        try:
            found = run_ablation(given["model"], whole, out=given["out"], settings=checked, progress=progress)
        except Interrupted as stop:
            say(f"Interrupted after {stop.done} of {stop.total} evaluations of {stop.out.name}; they are kept")
            say_how_to_resume()
            raise typer.Exit(130) from None
        if given["json"]:
            print_json(found.table | {"out": str(found.out)})
            return
        for line in reading(found.table):
            typer.echo(line)
        typer.echo(f"The studies are in {found.out}; oracle figures need the gold answer")


with_flags_of(search, ablate, without=_NOT_OF_ABLATION)
app.command()(ablate)
