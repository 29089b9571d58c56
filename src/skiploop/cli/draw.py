"""`skiploop draw`: one chain, without a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from skiploop.cli.app import Json, print_json
from skiploop.cli.flags import command
from skiploop.cli.values import numbers, terminal, write_file
from skiploop.errors import InvalidInput


@command
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
    from skiploop.chains.chain import Chain
    from skiploop.chains.drawing import draw_svg, draw_text

    what = Chain.parse(chain, layers)
    if out is not None:
        drawing = draw_svg(what, title=title, cost=None if cost is None else numbers("--cost", cost), unit=unit)
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
