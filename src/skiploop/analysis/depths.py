"""Transitions, and how deep chains are: by level, by family, by whether the identity is right.

What a search evaluates is biased towards what its searcher likes (CoLa's length penalty prefers short chains before
any reward is seen), so beside the depth of the best chains stand the depth of *all* chains that the search evaluated
and the best ones of the random arm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from skiploop.stats.measured import Measured, measured_difference, measured_mean, measured_share
from skiploop.stats.shares import paired_counts
from skiploop.studies.results import TRANSITIONS, InputResult
from skiploop.studies.search import Study


@dataclass(frozen=True, slots=True)
class Transition:
    """The share of inputs in one transition.

    Attributes:
        name: one of `skiploop.studies.results.TRANSITIONS`.
        search: in the search arm.
        random: in the random arm; None without one.
        difference: search - random on the same inputs.
        nearby: in the nearby arm; None without one.
    """

    name: str
    search: Measured
    random: Measured | None
    difference: Measured | None
    nearby: Measured | None


@dataclass(frozen=True, slots=True)
class DepthGroup:
    """Depths over a group of inputs.

    Attributes:
        kind: what the inputs are grouped by: all, level, family, verdict.
        name: of the group.
        inputs: how many.
        best: of the search's best chains; the identity where no chain is right, as in `mean_best_depth`.
        right: the same over inputs for which some chain is right.
        evaluated: mean over inputs of the mean depth of all chains that the search evaluated, without the identity.
        random: of the random arm's best chains; None without one.
        nearby: likewise.
    """

    kind: str
    name: str
    inputs: int
    best: Measured
    right: Measured
    evaluated: Measured
    random: Measured | None
    nearby: Measured | None


def transitions(study: Study) -> tuple[Transition, ...]:
    """The four transitions with their intervals, in the order of `TRANSITIONS`."""
    return tuple(_transition(name, study.inputs) for name in TRANSITIONS)


def _transition(name: str, inputs: Sequence[InputResult]) -> Transition:
    search = measured_share(sum(each.transition() == name for each in inputs), len(inputs))
    near = [each for each in inputs if "nearby" in each.arms]
    nearby = measured_share(sum(each.transition("nearby") == name for each in near), len(near)) if near else None
    both = [each for each in inputs if "random" in each.arms]
    if not both:
        return Transition(name, search, None, None, nearby)
    first = [each.transition() == name for each in both]
    second = [each.transition("random") == name for each in both]
    difference = measured_difference(paired_counts(first, second))
    return Transition(name, search, measured_share(sum(second), len(second)), difference, nearby)


def depths(study: Study) -> tuple[DepthGroup, ...]:
    """All inputs, then each level, each family, and the inputs by the identity's verdict, where there are several."""
    inputs = study.inputs
    groups = [("all", "all", inputs)]
    for kind, key in (("level", _level), ("family", _family), ("verdict", _verdict)):
        found = grouped(inputs, key)
        groups += [(kind, *each) for each in found if len(found) > 1]
    return tuple(_depth_group(*group) for group in groups)


def grouped(
    inputs: Sequence[InputResult], key: Callable[[InputResult], Any]
) -> list[tuple[str, tuple[InputResult, ...]]]:
    """The inputs by a key, ascending, those without one last; a name for each group."""
    found: dict[Any, list[InputResult]] = {}
    for each in inputs:
        found.setdefault(key(each), []).append(each)
    order = sorted(found, key=lambda value: (value is None, value))
    return [("-" if value in (None, "") else str(value), tuple(found[value])) for value in order]


def _level(result: InputResult) -> Any:
    return result.example["level"]


def _family(result: InputResult) -> Any:
    return result.example["family"]


def _verdict(result: InputResult) -> str:
    return "identity right" if result.base_right else "identity wrong"


def _depth_group(kind: str, name: str, inputs: Sequence[InputResult]) -> DepthGroup:
    tried = [[len(chain) for chain, _ in each.search.evaluations[1:]] for each in inputs]
    random, nearby = (
        [len(each.arms[arm].best[0]) for each in inputs if arm in each.arms] for arm in ("random", "nearby")
    )
    return DepthGroup(
        kind,
        name,
        len(inputs),
        best=measured_mean([len(each.search.best[0]) for each in inputs]),
        right=measured_mean([len(each.search.best[0]) for each in inputs if each.search.right]),
        evaluated=measured_mean([sum(each) / len(each) for each in tried if each]),
        random=measured_mean(random) if random else None,
        nearby=measured_mean(nearby) if nearby else None,
    )
