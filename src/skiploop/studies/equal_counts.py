"""Two arms after the same number of evaluations on each input, where a budget is shared between the inputs. No torch.

With `--total-budget` all arms spend the same in sum, but not on each input: the arm that corrects one input early goes
on to others. That is the fair count of what a budget buys. What a searcher finds on an input is a second question, and
for that both arms are cut on each input to as many evaluations as the one that has fewer made there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skiploop.stats.measured import Measured, measured_share
from skiploop.studies.paired import PairedDifference, paired
from skiploop.studies.results import ArmResult, InputResult


@dataclass(frozen=True, slots=True)
class CutFigures:
    """The search and another arm, cut to as many evaluations on each input.

    Attributes:
        evaluations: that either arm keeps, over all inputs.
        search: inputs on which a chain of the search that is kept is right.
        other: inputs on which one of the other arm is; in a control, gives the wrong answer that was aimed at.
        difference: the first less the second.
    """

    evaluations: int
    search: Measured
    other: Measured
    difference: PairedDifference


@dataclass(frozen=True, slots=True)
class SharedFigures:
    """A study whose budget was shared between its inputs.

    Attributes:
        total_budget: evaluations that each arm might spend on all inputs.
        at_equal_evaluations: by arm, the search beside it at equal evaluations on each input. All other figures of the
            study are at equal totals.
    """

    total_budget: int
    at_equal_evaluations: dict[str, CutFigures]


def shared_figures(total_budget: int, results: Sequence[InputResult]) -> SharedFigures:
    """Both ways of counting, as far as they aren't among the study's figures."""
    others = dict.fromkeys(name for result in results for name in result.arms if name != "search")
    return SharedFigures(
        total_budget, {name: cut([each.arms for each in results if name in each.arms], name) for name in others}
    )


def cut(arms: Sequence[Mapping[str, ArmResult]], other: str) -> CutFigures:
    """The search beside another arm, of inputs that have both."""
    kept = [min(len(own["search"].evaluations), len(own[other].evaluations)) for own in arms]
    search = [own["search"].right_within(count) for own, count in zip(arms, kept, strict=True)]
    beside = [own[other].right_within(count) for own, count in zip(arms, kept, strict=True)]
    return CutFigures(
        sum(kept),
        measured_share(sum(search), len(arms)),
        measured_share(sum(beside), len(arms)),
        paired(search, beside),
    )
