"""`skiploop export`: a chain as a folder that other tools load."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skiploop.cli.app import print_json, tell
from skiploop.cli.call import Call
from skiploop.cli.flags import Only, command
from skiploop.errors import InvalidInput
from skiploop.export.settings import ExportSettings
from skiploop.studies.settings import EngineSettings

if TYPE_CHECKING:
    from skiploop.export.run import Exported

Opening = Annotated[EngineSettings, Only("dtype", "device", "trust_remote_code", "allow_missing")]


@command
def export(
    *,
    model: Annotated[
        str | None, typer.Option(help="The base (default: with --run that of the study, else nano).")
    ] = None,
    chain: Annotated[str | None, typer.Option(help='Such as "0-9 12-15x2 16-29".')] = None,
    run: Annotated[Path | None, typer.Option(help="A study of static chains, or an evaluation: its chain.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder that is written.")],
    settings: ExportSettings,
    engine: Opening,
    call: Call,
) -> None:
    """Write a chain as a checkpoint that every other tool loads; it is loaded back and compared."""
    from skiploop.export.figures import chain_of_run
    from skiploop.export.run import export_chain

    if (chain is None) == (run is None):
        raise InvalidInput("give a chain with --chain, or a finished study with --run: one of them")
    found = None if run is None else chain_of_run(run)
    wanted = chain or "" if found is None else found.chain
    base = model or ("nano" if found is None else found.model)
    exported = export_chain(
        call.prepare(base, engine.trust_remote_code),
        wanted,
        out,
        settings=settings,
        figures=None if found is None else found.figures,
        opening=engine.opening,
    )
    if call.json:
        print_json(exported.to_json())
        return
    for line in _told(exported):
        tell(line)


def _told(exported: Exported) -> list[str]:
    """What was written, for people."""
    from skiploop.export.card import COMPARED, LOADING

    chain, place = exported.chain, exported.out
    flag = " --trust-remote-code" if exported.form == "tied" else ""
    use = (
        f'model.generate(**inputs, custom_generate="{place}", trust_remote_code=True)'
        if exported.form == "custom_generate"
        else f'AutoModelForCausalLM.from_pretrained("{place}"{LOADING[exported.form]})'
    )
    size = f"{exported.size / 2**20:.1f} MiB"
    return [
        f"{place}: {exported.form}, {size}; {chain}, depth {chain.depth}; identity {chain.num_layers}",
        COMPARED[exported.form],
        *([] if exported.url is None else [f"pushed to {exported.url}"]),
        f'use: {use}, or skiploop generate --model {place}{flag} "..."',
    ]
