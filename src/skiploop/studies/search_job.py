"""A search as it is sent to the processes that do it, see `skiploop.studies.spread`. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from skiploop.errors import InvalidInput
from skiploop.studies.execution import Execution
from skiploop.studies.folder import StudyFolder
from skiploop.studies.merge import merge_search
from skiploop.studies.opening import open_replica
from skiploop.studies.prepared import PreparedSearch, prepare
from skiploop.studies.search_steps import finish
from skiploop.studies.settings import StudySettings
from skiploop.tasks import Example, Task


@dataclass(frozen=True, slots=True)
class SearchJob:
    """A search of chains for each input.

    Attributes:
        model: its name, or a folder that every process can read.
        pool: the task, whole.
        given: examples of it that are searched; None: as the settings say.
        settings: of the study.

    Raises:
        InvalidInput: with these settings inputs depend on each other.
    """

    model: str
    pool: Task
    given: tuple[Example, ...] | None
    settings: StudySettings
    share: ClassVar[str] = "oracle accuracy"
    multiple: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_independent(self.settings)

    def open(self, *, several_gpus: bool = False) -> PreparedSearch:
        """See `skiploop.studies.spread.Job`."""
        model = open_replica(self.model, self.settings.engine, several_gpus)
        return prepare(model, self.pool, self.given, self.settings, Execution())

    def evaluations(self, run: dict[str, Any]) -> int:
        """With the control, which not all inputs have."""
        settings = StudySettings.from_json(run["settings"])
        return (1 + len(settings.peers) + settings.controls.control) * settings.search.budget

    def finish(self, folder: StudyFolder, shards: Sequence[Path]) -> None:
        """See `skiploop.studies.spread.Job`."""
        merge_search(folder.path, shards, self.settings.engine.per_call)
        finish(folder)


def check_independent(settings: StudySettings) -> None:
    """Raises InvalidInput where what is done for an input depends on other inputs, so that they can't be spread."""
    for flag, given, why in (
        ("--memory", settings.search.memory, "what an input is searched with depends on the inputs before it"),
        ("--total-budget", settings.search.total_budget, "which input is asked depends on all the others"),
    ):
        if given:
            raise InvalidInput(f"{flag} doesn't go with --ray: {why}, so inputs can't be spread; leave one of them out")
