"""`skiploop show`: studies of every kind, from their folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skiploop.cli.app import Json, print_json
from skiploop.cli.flags import command
from skiploop.cli.search import show_found
from skiploop.errors import InvalidInput

if TYPE_CHECKING:
    from skiploop.studies.search import Study


@command
def show(
    run: Annotated[Path, typer.Argument(help="The folder of a study.")],
    input_id: Annotated[str | None, typer.Option("--input", help="Only this input, in full.")] = None,
    json: Json = False,
) -> None:
    """Show a study, also one that is still running: figures, or one input in full."""
    from skiploop.analysis.ablation import Ablation
    from skiploop.cli.ablate import show_ablation
    from skiploop.cli.evaluate import show_evaluated
    from skiploop.cli.study import show_full
    from skiploop.folders.full import FullStudy
    from skiploop.folders.open import open_folder
    from skiploop.studies.evaluate.study import Evaluated
    from skiploop.studies.search import Study

    found = open_folder(run)
    if input_id is not None:
        if not isinstance(found, Study):
            raise InvalidInput(f"--input is for a study with chains per input, which {run} isn't; leave it out")
        _show_input(found, input_id, json)
    elif isinstance(found, FullStudy):
        show_full(found, json)
    elif isinstance(found, Ablation):
        show_ablation(found, json)
    elif isinstance(found, Evaluated):
        show_evaluated(found, json)
    else:
        show_found(found, json)


def _show_input(study: Study, input_id: str, json: bool) -> None:
    from skiploop.reporting.terminal.console import make_console
    from skiploop.reporting.terminal.inputs import input_json, print_input

    found = [result for result in study.inputs if result.example["id"] == input_id]
    if not found:
        known = ", ".join(result.example["id"] for result in study.inputs[:5])
        raise InvalidInput(f"{study.out} has no input {input_id!r}; it has {known}, ...")
    if json:
        print_json(input_json(found[0]))
    else:
        print_input(found[0], make_console())
