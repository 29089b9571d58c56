"""Runs passes on the inputs of a task and keeps what they gave, in a folder that an interrupted call resumes.

run.json is what was asked for; inputs.jsonl the inputs; journal.jsonl has a line for each input with what every pass
gave, and spent.jsonl one for each part of the inputs with what it cost. `load` makes a table of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from skiploop.routing.passes import ModelPass, passes_for
from skiploop.routing.settings import RouteSettings
from skiploop.routing.work import KIND, PART, CollectWork, Forms, prepare
from skiploop.studies.execution import Execution
from skiploop.studies.folder import StudyFolder, check_place, read_inputs, read_run
from skiploop.studies.merge import merge_parts
from skiploop.studies.opening import open_replica
from skiploop.studies.settings import EngineSettings
from skiploop.studies.spread import work_alone


@dataclass(frozen=True, slots=True)
class CollectJob:
    """What `skiploop route train` runs, see `skiploop.studies.spread.Job`.

    Attributes:
        model: its name, or a folder that every process can read.
        forms: the task, its repeated questions dropped, and other forms of its prompts.
        settings: of the menu and the opponents.
    """

    model: str
    forms: Forms
    settings: RouteSettings
    share: ClassVar[str] = "identity right so far"
    multiple: ClassVar[int] = PART

    def open(self, *, several_gpus: bool = False) -> CollectWork:
        """See `skiploop.studies.spread.Job`."""
        model = open_replica(self.model, self.settings.engine, several_gpus)
        return prepare(
            model,
            self.forms.for_model(model.chat),
            wanted_passes(self.settings, model.num_layers),
            self.settings.engine,
            Execution(),
        )

    def evaluations(self, run: dict[str, Any]) -> int:
        """Inputs are counted, not passes."""
        return 1

    def finish(self, folder: StudyFolder, shards: Sequence[Path]) -> None:
        """See `skiploop.studies.spread.Job`."""
        merge_parts(folder.path, shards, PART)
        finish(folder)


def wanted_passes(settings: RouteSettings, num_layers: int) -> tuple[ModelPass, ...]:
    """The menu on a model, and the opponents beside it."""
    return passes_for(
        settings.chains(num_layers),
        num_layers,
        prompts=settings.prompts,
        samples=settings.samples,
        seed=settings.seed,
    )


def collect(
    model: Any,
    forms: Forms,
    passes: Sequence[ModelPass],
    *,
    out: Path,
    execution: Execution | None = None,
    engine: EngineSettings | None = None,
) -> Path:
    """Runs all passes on all inputs in this process; the same call resumes an interrupted one.

    Args:
        model: opened.
        forms: the task, its repeated questions dropped, and other forms of its prompts.
        passes: the first is the identity.
        out: the folder.
        execution: what runs them, and what shows progress.
        engine: its settings.

    Returns:
        The folder.

    Raises:
        InvalidInput: an input is too long, a pass wants what the task hasn't, or the folder is used for something else.
        Interrupted: on Ctrl-C; what was run is kept.
    """
    execution = execution or Execution()
    check_place(out, KIND)
    work = prepare(model, forms.for_model(model.chat), passes, engine or EngineSettings(), execution)
    work_alone(work, out, execution.progress(CollectJob.share), finish)
    return out


def finish(folder: StudyFolder) -> None:
    """Completes a folder whose journal is complete."""
    passes = read_run(folder.path)["settings"]["passes"]
    folder.write_summary({"inputs": len(read_inputs(folder.path)), "passes": len(passes)})
