"""The command line. `skiploop --help` answers without torch: what is heavy is imported where it is used.

Exit codes: 0 fine, 2 wrong input or a model that can't be used, 130 interrupted.
"""

from __future__ import annotations

import json as jsonlib
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skiploop import __version__
from skiploop.cli_report import report
from skiploop.cli_values import confirm_code, constants, set_threads, terminal, write_file
from skiploop.cli_values import levels as level_list
from skiploop.cli_values import numbers as number_list
from skiploop.cli_values import words as word_list
from skiploop.errors import InvalidInput, UnsupportedModel

if TYPE_CHECKING:
    from skiploop.static import StaticSettings, StaticStudy
    from skiploop.study import Study

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


def main() -> None:
    """The entry point of the `skiploop` command."""
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


@app.command()
def search(
    model: Annotated[str, typer.Option(help="nano, a folder, or a name on the hub.")] = "nano",
    task: Annotated[str, typer.Option(help="nano, jsonl:FILE, gsm8k, arc-easy, math:FILE, rg:NAME, ...")] = "nano",
    limit: Annotated[int, typer.Option(help="Sample so many inputs; 0: all of them.")] = 50,
    budget: Annotated[int, typer.Option(help="Distinct evaluations per input and arm.")] = 100,
    searcher: Annotated[str, typer.Option(help="How chains are looked for.")] = "cola",
    space: Annotated[str, typer.Option(help="Which chains there are.")] = "cola",
    seed: Annotated[int, typer.Option(help="Of the searchers; the sample of inputs stays.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="The study's folder (default: runs/MODEL-TASK-SEARCHER-HASH).")
    ] = None,
    json: Json = False,
    no_random_peer: Annotated[
        bool, typer.Option("--no-random-peer", help="Without random chains beside it.", rich_help_panel=STUDY)
    ] = False,
    no_nearby_peer: Annotated[
        bool, typer.Option("--no-nearby-peer", help="Without chains near the identity.", rich_help_panel=STUDY)
    ] = False,
    no_control: Annotated[
        bool, typer.Option("--no-control", help="Without a search for wrong answers.", rich_help_panel=STUDY)
    ] = False,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Don't run successes again, alone.", rich_help_panel=STUDY)
    ] = False,
    stop_early: Annotated[
        bool,
        typer.Option("--stop-early", help="Stop where nothing better can come.", rich_help_panel=STUDY),
    ] = False,
    per_round: Annotated[
        int | None,
        typer.Option(help="Chains asked of a searcher at a time (4; 8 with --static).", rich_help_panel=STUDY),
    ] = None,
    static: Annotated[
        bool,
        typer.Option("--static", help="One chain for all inputs, with a test split.", rich_help_panel=STATIC),
    ] = False,
    train: Annotated[int, typer.Option(help="Inputs to choose it on.", rich_help_panel=STATIC)] = 128,
    test: Annotated[int, typer.Option(help="Other inputs to report it on.", rich_help_panel=STATIC)] = 256,
    no_references: Annotated[
        bool,
        typer.Option("--no-references", help="Without RYS and ShortGPT beside it.", rich_help_panel=STATIC),
    ] = False,
    levels: Annotated[str | None, typer.Option(help="Such as 1,2.", rich_help_panel=TASK)] = None,
    families: Annotated[str | None, typer.Option(help="Such as sort,dates.", rich_help_panel=TASK)] = None,
    split: Annotated[str | None, typer.Option(help="Of the data set (default: test).", rich_help_panel=TASK)] = None,
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
        str | None, typer.Option(help="File of fail rates, for dart-1 to dart-5.", rich_help_panel=TASK)
    ] = None,
    difficulty_cuts: Annotated[
        str | None, typer.Option(help="Where its levels begin, such as .2,.4,.6,.8.", rich_help_panel=TASK)
    ] = None,
    max_block: Annotated[int | None, typer.Option(help="Most layers of an edit (4).", rich_help_panel=SEARCHER)] = None,
    max_repeats: Annotated[int, typer.Option(help="Most extra runs of a loop.", rich_help_panel=SEARCHER)] = 4,
    max_length: Annotated[
        int | None, typer.Option(help="Longest chain (default: twice the layers).", rich_help_panel=SEARCHER)
    ] = None,
    length_penalty: Annotated[
        float | None, typer.Option(help="CoLa's lambda; 0: none.", rich_help_panel=SEARCHER)
    ] = None,
    exploration: Annotated[float | None, typer.Option(help="The c of its UCB term.", rich_help_panel=SEARCHER)] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE: any other constant of it.", rich_help_panel=SEARCHER),
    ] = None,
    warm_start: Annotated[
        Path | None,
        typer.Option(
            help="Chains to try first: a JSON list, or a finished study of other inputs.", rich_help_panel=SEARCHER
        ),
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
    """Search chains for each input of a task, with controls. Given again, the same command resumes."""
    given = dict(locals())
    with _errors(json):
        settings, options = asked(given)
        if static:
            from skiploop.static import StaticSettings

            each = StaticSettings(train=train, test=test, per_round=per_round or 8, references=not no_references)
            found = _search(model, task, out, settings, options, threads=threads, json=json, yes=yes, static=each)
        else:
            found = _search(model, task, out, settings, options, threads=threads, json=json, yes=yes)
        _show(found, json)


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
    from skiploop.progress import make_progress
    from skiploop.settings import StudySettings
    from skiploop.static import search_static
    from skiploop.study import Interrupted
    from skiploop.study import search as run_search
    from skiploop.tasks import make_task

    checked = StudySettings(**settings)
    whole = make_task(task, **options)
    confirm_code(model, settings["trust_remote_code"], yes)
    set_threads(threads)
    try:
        if static is not None:
            progress = make_progress(quiet=json, figure="best on training inputs")
            return search_static(model, whole, out=out, settings=checked, static=static, progress=progress)
        return run_search(model, whole, out=out, settings=checked, progress=make_progress(quiet=json))
    except Interrupted as stop:
        _say(f"Interrupted after {stop.done} of {stop.total} evaluations; they are kept in {stop.out}")
        _say(f"To go on from there: {shlex.join(['skiploop', *sys.argv[1:]])}")
        raise typer.Exit(130) from None


@app.command()
def show(
    run: Annotated[Path, typer.Argument(help="The folder of a study.")],
    input_id: Annotated[str | None, typer.Option("--input", help="Only this input, in full.")] = None,
    json: Json = False,
) -> None:
    """Show a study, also one that is still running."""
    with _errors(json):
        from skiploop.full_study import is_full, load_full
        from skiploop.static import is_static, load_static
        from skiploop.store import read_run
        from skiploop.study import load_study
        from skiploop.tables import input_json, make_console, print_input

        if is_full(run):
            cli_study.show_full(load_full(run), json)
            return
        if is_static(read_run(run)):
            _show(load_static(run), json)
            return
        study = load_study(run)
        if input_id is None:
            _show(study, json)
            return
        found = [result for result in study.inputs if result.example["id"] == input_id]
        if not found:
            known = ", ".join(result.example["id"] for result in study.inputs[:5])
            raise InvalidInput(f"{run} has no input {input_id!r}; it has {known}, ...")
        if json:
            _print_json(input_json(found[0]))
        else:
            print_input(found[0], make_console())


@app.command()
def check(
    model: Annotated[str, typer.Argument(help="nano, a folder, or a name on the hub.")],
    dtype: Dtype = None,
    device: Device = None,
    threads: Threads = None,
    trust_remote_code: Trust = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Check whether a model can run chains exactly; exit code 2 if it can't."""
    with _errors(json):
        opened = _open(model, dtype, device, threads, trust_remote_code, yes)
        report = opened.check()
        cached = "with and without a cache alike" if report.cached_generation else "without a cache only"
        if json:
            _print_json(
                {
                    "model": opened.name,
                    "model_class": report.model_class,
                    "num_layers": report.num_layers,
                    "chains": list(report.chains),
                    "cached_generation": report.cached_generation,
                }
            )
        else:
            what = f"{report.model_class}, {report.num_layers} layers"
            typer.echo(f"{opened.name}: {what}. Chains run exactly, {cached}.")


@app.command()
def generate(
    prompts: Annotated[list[str], typer.Argument(help="One or more prompts.")],
    model: Annotated[str, typer.Option(help="nano, a folder, or a name on the hub.")] = "nano",
    chain: Annotated[str | None, typer.Option(help='Such as "0-2 3x2 4-7" (default: the identity).')] = None,
    max_new_tokens: Annotated[int, typer.Option(help="Most tokens of an answer.")] = 64,
    dtype: Dtype = None,
    device: Device = None,
    threads: Threads = None,
    trust_remote_code: Trust = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Continue prompts, greedily, under a chain."""
    with _errors(json):
        from skiploop.chain import Chain
        from skiploop.notation import whole_number

        whole_number("--max-new-tokens", max_new_tokens, 1)
        opened = _open(model, dtype, device, threads, trust_remote_code, yes)
        layers = Chain.identity(opened.num_layers) if chain is None else Chain.parse(chain, opened.num_layers)
        if not layers.is_identity:
            opened.check()
        texts = opened.generate(prompts, chain=layers, max_new_tokens=max_new_tokens)
        if json:
            outputs = [{"prompt": p, "text": t} for p, t in zip(prompts, texts, strict=True)]
            _print_json({"model": opened.name, "chain": list(layers), "notation": str(layers), "outputs": outputs})
        else:
            for text in texts:
                typer.echo(text)


@app.command()
def draw(
    chain: Annotated[str, typer.Argument(help='Such as "0-9 12-15x2 16-27".')],
    layers: Annotated[int, typer.Option(help="Number of layers of the model.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write an SVG file (default: print text).")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    title: Annotated[str | None, typer.Option(help="Heading of the SVG.")] = None,
    cost: Annotated[str | None, typer.Option(help="A number per layer, as bars in the SVG: 1,1,2.5,...")] = None,
    unit: Annotated[str, typer.Option(help="Of the cost, such as ms.")] = "",
    width: Annotated[int | None, typer.Option(help="Of the text (default: the terminal's).")] = None,
    ascii_only: Annotated[bool, typer.Option("--ascii", help="Text without box-drawing characters.")] = False,
    json: Json = False,
) -> None:
    """Draw a chain, as text or as an SVG file."""
    with _errors(json):
        from skiploop.chain import Chain
        from skiploop.drawing import draw_svg, draw_text

        what = Chain.parse(chain, layers)
        if out is not None:
            drawing = draw_svg(what, title=title, cost=number_list("--cost", cost), unit=unit)
            write_file(out, drawing, force=force)
        elif title is not None or cost is not None:
            raise InvalidInput("--title and --cost are for the SVG; name its file with -o chain.svg")
        if json:
            edits = [str(edit) for edit in what.edits()]
            place = None if out is None else str(out)
            figures = {"num_layers": layers, "depth": what.depth, "edits": edits, "out": place}
            _print_json({"chain": list(what), "notation": str(what), **figures})
        elif out is None:
            room, plain, color = terminal()
            text = draw_text(what, width=room if width is None else width, ascii_only=ascii_only or plain, color=color)
            typer.echo(f"{text}\n{what}, depth {what.depth} of {layers}")
        else:
            typer.echo(f"{what}, depth {what.depth} of {layers}, drawn to {out}")


app.command()(report)


def _open(model: str, dtype: str | None, device: str | None, threads: int | None, trust: bool, yes: bool) -> Any:
    confirm_code(model, trust, yes)
    set_threads(threads)
    from skiploop.model import LayeredModel

    return LayeredModel.from_pretrained(model, dtype=dtype, device=device, trust_remote_code=trust)


def _show(study: Study | StaticStudy, json: bool) -> None:
    from skiploop.static import StaticStudy
    from skiploop.tables import make_console, print_static, print_study

    if json:
        _print_json(study.summary)
    elif isinstance(study, StaticStudy):
        print_static(study.summary, make_console())
    else:
        print_study(study, make_console())


@contextmanager
def _errors(json: bool) -> Iterator[None]:
    """One clear message and an exit code, in place of a traceback, for what a user can do something about."""
    try:
        yield
    except (InvalidInput, UnsupportedModel) as error:
        if json:
            _print_json({"error": str(error), "kind": type(error).__name__})
        _say(f"Error: {error}")
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        _say("Interrupted.")
        raise typer.Exit(130) from None


def _print_json(value: dict[str, Any]) -> None:
    typer.echo(jsonlib.dumps(value, indent=2))


def _say(text: str) -> None:
    typer.echo(text, err=True)


from skiploop import cli_analyze, cli_study  # noqa: E402, F401  (put their commands on `app`)
