"""The settings of `skiploop evaluate`. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from skiploop.settings.flag import STUDY, TASK, Flag
from skiploop.studies.settings import EngineSettings
from skiploop.validate import whole_number


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateSettings:
    """What is evaluated, and on what.

    Attributes:
        chain: that stands beside the identity, in the notation of chains; None: the identity alone.
        limit: size of a sample of the task's inputs; of lm:TASK its first ones. None: all.
        include_path: a folder with YAML files of further tasks, for lm:TASK.
        shots: few-shot examples of lm:TASK, None: what the task has; of other tasks they are an option of the task.
        engine: what evaluates.
    """

    chain: Annotated[str | None, Flag("A chain to compare with the identity, such as '0-9 12-15x2'.", panel=STUDY)] = (
        None
    )
    limit: Annotated[int | None, Flag("Size of the sample of inputs (default: all).")] = None
    include_path: Annotated[Path | None, Flag("A folder with task files, for lm:TASK.", panel=TASK)] = None
    shots: int | None = None
    engine: EngineSettings = field(default_factory=EngineSettings)

    def __post_init__(self) -> None:
        if self.limit is not None:
            whole_number("limit", self.limit, 1)
        if self.shots is not None:
            whole_number("shots", self.shots, 0)
