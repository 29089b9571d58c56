"""The settings of a study of static chains. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Self

from skiploop.settings.flag import STATIC, Flag
from skiploop.studies.settings import SearchSettings, StudySettings
from skiploop.validate import whole_number


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticSettings:
    """How a task is split, and what stands beside the search.

    Attributes:
        train: training inputs, on which chains are chosen.
        test: test inputs, on which they are reported; no question is in both.
        first: training inputs on which every chain is tried.
        per_round: chains that are tried against each other.
        references: also try blocks (RYS) and Block Influence (ShortGPT).
        gates: also train gates, which takes memory for gradients; needs a model of its own, not only a runner.
    """

    train: Annotated[int, Flag("Inputs to choose on.", panel=STATIC)] = 128
    test: Annotated[int, Flag("Other inputs to report on.", panel=STATIC)] = 256
    first: int = 16
    per_round: Annotated[int, Flag("Chains tried against each other at a time.", panel=STATIC, shared=True)] = 8
    references: Annotated[bool, Flag("Without RYS and ShortGPT beside it.", panel=STATIC)] = True
    gates: Annotated[bool, Flag("Also gates trained by gradient.", panel=STATIC)] = False

    def __post_init__(self) -> None:
        for name in ("train", "test", "first", "per_round"):
            whole_number(name, getattr(self, name), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticStudySettings(StudySettings):
    """What a study of static chains does: the sections of any study, and one of its own.

    Attributes:
        search: how chains are looked for; the budget counts distinct chains of an arm.
        static: how the task is split, and what stands beside the search.
    """

    search: SearchSettings = field(default_factory=lambda: SearchSettings(budget=64))
    static: StaticSettings = field(default_factory=StaticSettings)

    @classmethod
    def of(cls, study: StudySettings, static: StaticSettings) -> Self:
        """The sections of a study's settings with this one."""
        return cls(search=study.search, space=study.space, engine=study.engine, controls=study.controls, static=static)
