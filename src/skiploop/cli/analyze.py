"""`skiploop analyze`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from skiploop.cli.app import print_json
from skiploop.cli.call import Call
from skiploop.cli.flags import Only, command
from skiploop.settings.flag import Flag
from skiploop.studies.settings import EngineSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which analyses, and their settings."""

    only: Annotated[
        Collection[str] | None, Flag("Some of difficulty,edits,robustness,similarity,lens (default: all).")
    ] = None
    seeds: Annotated[int, Flag("Of difficulty: searches of each input, with other seeds.")] = 5
    inputs: Annotated[int | None, Flag("Inputs of edits, similarity and lens, at most: the first ones.")] = None
    neighbours: Annotated[int, Flag("Neighbours of each chain that robustness tries, at most.")] = 16
    damping: Annotated[
        float | None, Flag("Of edits: also loops with this damping, beside plain ones (such as .5).")
    ] = None
    again: Annotated[bool, Flag("Also those that are there already.")] = False

    @property
    def settings(self) -> dict[str, dict[str, int | float]]:
        """Of each analysis."""
        limit: dict[str, int | float] = {} if self.inputs is None else {"inputs": self.inputs}
        damped: dict[str, int | float] = {} if self.damping is None else {"damping": self.damping}
        return {
            "difficulty": {"seeds": self.seeds}, "robustness": {"neighbours": self.neighbours},
            "edits": limit | damped, "similarity": limit, "lens": limit,
        }  # fmt: skip


@command
def analyze(
    *,
    run: Annotated[Path, typer.Argument(help="The folder of a finished study.")],
    wanted: Wanted,
    engine: Annotated[EngineSettings, Only("device", "trust_remote_code")],
    call: Call,
) -> None:
    """Analyse a study with its model: difficulty, edits, neighbours, phases, logit lens."""
    from skiploop.analysis.runs import Selection
    from skiploop.analysis.runs import analyze as run_analyses
    from skiploop.reporting.sentences.analyses import reading
    from skiploop.reporting.terminal.console import make_console, say, say_sentences
    from skiploop.storage.records import as_json
    from skiploop.studies.folder import read_run

    name = read_run(run)["model"]["name"]
    opened = call.prepare(name, engine.trust_remote_code)
    found = run_analyses(
        run,
        Selection(None if wanted.only is None else list(wanted.only), wanted.settings, wanted.again),
        model=None if isinstance(opened, str) else opened,
        execution=call.execution,
        device=engine.device,
        trust_remote_code=engine.trust_remote_code,
    )
    if call.json:
        print_json(as_json(found.results))
        return
    console = make_console()
    for name, result in found.results.items():
        say(console, f"{name}{' (done before)' if name in found.read else ''}")
        say_sentences(console, reading(result))
    say(console, f"The analyses are in {found.folder}")
