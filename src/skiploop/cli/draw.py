"""`skiploop draw`: one chain, without a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from skiploop.cli.app import Json, print_json
from skiploop.cli.flags import command
from skiploop.cli.values import terminal, write_file
from skiploop.errors import InvalidInput
from skiploop.settings.flag import Flag


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How a chain is drawn: as text, or as an SVG file where `out` names one."""

    out: Annotated[Path | None, Flag("Write an SVG file (default: print text).", short="-o")] = None
    force: Annotated[bool, Flag("Replace the file if it exists.")] = False
    title: Annotated[str | None, Flag("Heading of the SVG.")] = None
    cost: Annotated[Sequence[float] | None, Flag("A number per layer, as bars in the SVG: 1,1,2.5,...")] = None
    unit: Annotated[str, Flag("Of the cost, such as ms.")] = ""
    width: Annotated[int | None, Flag("Of the text (default: the terminal's).")] = None
    ascii_only: Annotated[bool, Flag("Text without box-drawing characters.", name="--ascii")] = False


@command
def draw(
    *,
    chain: Annotated[str, typer.Argument(help='Such as "0-9 12-15x2 16-27".')],
    layers: Annotated[int, typer.Option(help="Number of layers of the model.")],
    drawing: Drawing,
    json: Json = False,
) -> None:
    """Draw a chain, as text or as an SVG file."""
    from skiploop.chains.chain import Chain
    from skiploop.chains.drawing import draw_svg, draw_text

    what, out = Chain.parse(chain, layers), drawing.out
    if out is not None:
        svg = draw_svg(what, title=drawing.title, cost=drawing.cost, unit=drawing.unit)
        write_file(out, svg, force=drawing.force)
    elif drawing.title is not None or drawing.cost is not None:
        raise InvalidInput("--title and --cost are for the SVG; name its file with -o chain.svg")
    if json:
        edits = [str(edit) for edit in what.edits()]
        place = None if out is None else str(out)
        figures = {"num_layers": layers, "depth": what.depth, "edits": edits, "out": place}
        print_json({"chain": what.to_json(), "notation": str(what), **figures})
    elif out is None:
        room, plain, color = terminal()
        width = room if drawing.width is None else drawing.width
        text = draw_text(what, width=width, ascii_only=drawing.ascii_only or plain, color=color)
        typer.echo(f"{text}\n{what}, depth {what.depth}; identity {layers}")
    else:
        typer.echo(f"{what}, depth {what.depth}; identity {layers}, drawn to {out}")
