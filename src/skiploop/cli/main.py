"""The command line. `skiploop --help` answers without torch: what is heavy is imported where it is used.

Exit codes: 0 fine, 2 wrong input or a model that can't be used, 130 interrupted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from skiploop._version import __version__
from skiploop.cli import analyze, report, search, show, study
from skiploop.cli.flags import Device, Dtype, Json, Threads, Trust, Yes, app, errors, print_json
from skiploop.cli.values import confirm_code, numbers, set_threads, terminal, write_file
from skiploop.errors import InvalidInput

# Each of these modules puts its commands on `app`.
__all__ = ["analyze", "app", "main", "report", "search", "show", "study"]


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
    with errors(json):
        opened = _open(model, dtype, device, threads, trust_remote_code, yes)
        report = opened.check()
        cached = "with and without a cache alike" if report.cached_generation else "without a cache only"
        if json:
            print_json(
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
    max_new_tokens: Annotated[int, typer.Option(help="Limit of an answer, its end included.")] = 64,
    dtype: Dtype = None,
    device: Device = None,
    threads: Threads = None,
    trust_remote_code: Trust = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Continue prompts, greedily, under a chain."""
    with errors(json):
        from skiploop.chains.chain import Chain
        from skiploop.validate import whole_number

        whole_number("--max-new-tokens", max_new_tokens, 1)
        opened = _open(model, dtype, device, threads, trust_remote_code, yes)
        layers = Chain.identity(opened.num_layers) if chain is None else Chain.parse(chain, opened.num_layers)
        if not layers.is_identity:
            opened.check()
        texts = opened.generate(prompts, chain=layers, max_new_tokens=max_new_tokens)
        if json:
            outputs = [{"prompt": p, "text": t} for p, t in zip(prompts, texts, strict=True)]
            print_json({"model": opened.name, "chain": list(layers), "notation": str(layers), "outputs": outputs})
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
    with errors(json):
        from skiploop.chains.chain import Chain
        from skiploop.chains.drawing import draw_svg, draw_text

        what = Chain.parse(chain, layers)
        if out is not None:
            drawing = draw_svg(what, title=title, cost=numbers("--cost", cost), unit=unit)
            write_file(out, drawing, force=force)
        elif title is not None or cost is not None:
            raise InvalidInput("--title and --cost are for the SVG; name its file with -o chain.svg")
        if json:
            edits = [str(edit) for edit in what.edits()]
            place = None if out is None else str(out)
            figures = {"num_layers": layers, "depth": what.depth, "edits": edits, "out": place}
            print_json({"chain": list(what), "notation": str(what), **figures})
        elif out is None:
            room, plain, color = terminal()
            text = draw_text(what, width=room if width is None else width, ascii_only=ascii_only or plain, color=color)
            typer.echo(f"{text}\n{what}, depth {what.depth} of {layers}")
        else:
            typer.echo(f"{what}, depth {what.depth} of {layers}, drawn to {out}")


def _open(model: str, dtype: str | None, device: str | None, threads: int | None, trust: bool, yes: bool) -> Any:
    confirm_code(model, trust, yes)
    set_threads(threads)
    from skiploop.models.layered import LayeredModel

    return LayeredModel.from_pretrained(model, dtype=dtype, device=device, trust_remote_code=trust)
