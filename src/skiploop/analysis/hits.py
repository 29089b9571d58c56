"""How often evaluated chains reach their target, and how the oracle accuracy grows with the budget.

An input *has a hit* once one of its evaluated chains reached the arm's target. The control aims at a wrong answer and
is run on inputs that the identity gets wrong, so it is compared with the search on those inputs alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from skiploop.stats.measured import Measured, measured_difference, measured_mean, measured_share
from skiploop.stats.shares import mcnemar, paired_counts
from skiploop.studies.results import ArmResult, InputResult
from skiploop.studies.search import Study

_MOST_POINTS = 200  # of a curve


@dataclass(frozen=True, slots=True)
class HitCurve:
    """Share of inputs with a hit after k evaluations, the identity included.

    Attributes:
        name: the arm; "search, control inputs" for the search where the control is run.
        arm: search, random, nearby or control.
        inputs: "all" or "control".
        budgets: k, ascending.
        shares: for each k.
    """

    name: str
    arm: str
    inputs: str
    budgets: tuple[int, ...]
    shares: tuple[Measured, ...]


@dataclass(frozen=True, slots=True)
class HitShare:
    """Share of an arm's evaluated chains that reached its target, the identity left out.

    Attributes:
        name: the arm and the inputs.
        hits: chains that did.
        chains: evaluated chains.
        share: mean over inputs of each input's share.
    """

    name: str
    hits: int
    chains: int
    share: Measured


@dataclass(frozen=True, slots=True)
class Hits:
    """What `hits` finds.

    Attributes:
        curves: the oracle accuracy by budget.
        shares: of the evaluated chains.
        share_difference: search - control, mean over the control's inputs; None without a control.
        against_random: P(search has a hit) - P(random has a hit), on the same inputs; None without a random arm.
        against_random_p: McNemar's exact test of that.
    """

    curves: tuple[HitCurve, ...]
    shares: tuple[HitShare, ...]
    share_difference: Measured | None
    against_random: Measured | None
    against_random_p: float | None


def hits(study: Study) -> Hits:
    """Everything about hits in a study."""
    inputs = study.inputs
    random = tuple(each for each in inputs if "random" in each.arms)
    control = tuple(each for each in inputs if "control" in each.arms)
    groups = [("search", "search", "all", inputs)]
    groups += [("random", "random", "all", random)] * bool(random)
    nearby = tuple(each for each in inputs if "nearby" in each.arms)
    groups += [("nearby", "nearby", "all", nearby)] * bool(nearby)
    if control:
        groups.append(("search, control inputs", "search", "control", control))
        groups.append(("control", "control", "control", control))
    budget = int(study.run["settings"]["search"]["budget"])
    pairs = paired_counts([each.search.right for each in random], [each.arms["random"].right for each in random])
    return Hits(
        tuple(_curve(*group, budget) for group in groups),
        tuple(_hit_share(name, [each.arms[arm] for each in own]) for name, arm, _, own in groups),
        measured_mean([_rate(each.search) - _rate(each.arms["control"]) for each in control]) if control else None,
        measured_difference(pairs) if random else None,
        mcnemar(pairs.first, pairs.second) if random else None,
    )


def first_hit(arm: ArmResult) -> int | None:
    """The number of evaluations, the identity included, after which there was a hit; None where there wasn't."""
    return next((k for k, (_, reward) in enumerate(arm.evaluations, 1) if reward >= 1), None)


def _curve(name: str, arm: str, where: str, inputs: Sequence[InputResult], budget: int) -> HitCurve:
    firsts = [first_hit(each.arms[arm]) for each in inputs]
    points = budgets(budget)
    shares = [measured_share(sum(k is not None and k <= limit for k in firsts), len(firsts)) for limit in points]
    return HitCurve(name, arm, where, points, tuple(shares))


def budgets(most: int) -> tuple[int, ...]:
    """1 to `most`; where that is too many, evenly spread on a logarithmic scale, both ends included."""
    if most <= _MOST_POINTS:
        return tuple(range(1, most + 1))
    steps = _MOST_POINTS - 1
    return tuple(sorted({round(most ** (i / steps)) for i in range(_MOST_POINTS)}))


def _hit_share(name: str, arms: Sequence[ArmResult]) -> HitShare:
    chains = sum(len(arm.evaluations) - 1 for arm in arms)
    rates = [_rate(arm) for arm in arms if len(arm.evaluations) > 1]
    return HitShare(name, sum(arm.right_chains for arm in arms), chains, measured_mean(rates))


def _rate(arm: ArmResult) -> float:
    tried = len(arm.evaluations) - 1
    return arm.right_chains / tried if tried else 0.0
