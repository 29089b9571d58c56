"""The settings of a study of static chains. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Self

from skiploop.chains.policy import checked_policy
from skiploop.errors import InvalidInput
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
        max_depth: most layer calls of a chain that is chosen; None: as the space has it.
        within: points of accuracy. The cheapest chain that loses no more on the training inputs is chosen, too, and
            whether a chain loses less than that is judged on the test inputs; None: neither.
        curve: most chains of the cost/accuracy curve, each chosen for its depth; 0: no curve.
        swap: a control: the search is made once more on other inputs, `half` for more of this task, or those of
            another task, by its specification; None: it isn't.
        policies: of the cache, under each of which a chain with a loop is tried, see `skiploop.chains.policy`; only
            where answers are generated. With several, evaluations are as many times more.
        timed: test inputs on which the chosen chains are timed beside the identity; 0: none.
        references: also try blocks (RYS) and Block Influence (ShortGPT).
        gates: also train gates, which takes memory for gradients; needs a model of its own, not only a runner.
    """

    train: Annotated[int, Flag("Inputs to choose on.", panel=STATIC)] = 128
    test: Annotated[int, Flag("Other inputs to report on.", panel=STATIC)] = 256
    first: int = 16
    per_round: Annotated[int, Flag("Chains tried against each other at a time.", panel=STATIC, shared=True)] = 8
    max_depth: Annotated[int | None, Flag("Only chains of at most so many layer calls.", panel=STATIC)] = None
    within: Annotated[
        float | None, Flag("Also the cheapest chain that loses at most so many points.", panel=STATIC)
    ] = None
    curve: Annotated[int, Flag("Most points of the cost/accuracy curve; 0: no curve.", panel=STATIC)] = 8
    swap: Annotated[
        str | None, Flag("Control: choose on other inputs, too: half (of this task), or a task.", panel=STATIC)
    ] = None
    policies: Annotated[
        tuple[str, ...], Flag("What loops may leave in the cache, to choose from: own,prefill, ...", panel=STATIC)
    ] = ("own",)
    timed: Annotated[int, Flag("Test inputs on which the chosen chains are timed.", panel=STATIC)] = 0
    references: Annotated[bool, Flag("Without RYS and ShortGPT beside it.", panel=STATIC)] = True
    gates: Annotated[bool, Flag("Also gates trained by gradient.", panel=STATIC)] = False

    def __post_init__(self) -> None:
        for name in ("train", "test", "first", "per_round"):
            whole_number(name, getattr(self, name), 1)
        for name in ("curve", "timed"):
            whole_number(name, getattr(self, name), 0)
        object.__setattr__(self, "policies", tuple(map(checked_policy, self.policies)))
        if not self.policies or len(set(self.policies)) < len(self.policies):
            raise InvalidInput(f"policies={self.policies} doesn't work; give different ones, such as own,prefill")
        if self.max_depth is not None:
            whole_number("max_depth", self.max_depth, 1)
        if self.within is not None and not 0 < self.within < 100:
            raise InvalidInput(
                f"within={self.within} points doesn't work: it is the loss of accuracy that still counts as equal, "
                "above 0 and below 100, such as 2"
            )
        if self.timed > self.test:
            raise InvalidInput(f"timed={self.timed} inputs are to be among the {self.test} test inputs; use fewer")

    @property
    def margin(self) -> float | None:
        """`within` as a share."""
        return None if self.within is None else self.within / 100


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
