"""A study's budget shared between its inputs (`--total-budget`): who is asked in each round, and for how much. No
torch.

An arm has so many evaluations in all, instead of so many on each input. They are divided into two pools, in proportion
to the inputs that the identity gets right and to those that it gets wrong, so that the control, which is run on the
latter alone, can spend there exactly what the search and the baselines can. Within a pool, in every round:

1. Inputs on which nothing better can come are done: a right chain of the least depth of the space is known.
2. Inputs that weren't asked yet come first, then those without a right chain, then those with one. Those without one
   are ordered by a bound on the best value so far,

       b + c * sqrt(ln V / v)              (UCB1, Auer et al. 2002, with the best value in place of the mean)

   b the highest value that its searcher was told, v the evaluations spent on it, V those of the pool. The best value
   and not the mean, because one right chain is all that is looked for (the max K-armed bandit, Streeter and Smith
   2006). So the budget goes where the guide has risen, and nowhere is forgotten. Without a guide b is 0 everywhere,
   and the order is by the fewest evaluations.
3. Inputs with a right chain follow, those of the fewest evaluations first: a shorter one may be found.
4. The first half of the inputs in this order are asked for a few chains each, until the pool is spent.

Every arm has pools of its own and the same rule; ties go by the order of the inputs. All of it follows from what was
told before, so a study that is resumed makes the same turns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from skiploop.errors import InvalidInput
from skiploop.studies.arms import Arm, InputState
from skiploop.studies.settings import SearchSettings

EXPLORATION = 0.1
"""c: values are in [0, 1/2] until an input is solved."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One arm of an input that is asked, and for how many chains at most."""

    state: InputState
    arm: Arm
    most: int


class Pool:
    """The evaluations that one arm may spend on some inputs together.

    Args:
        members: the inputs, each with its arm.
        total: evaluations, the identities included.
    """

    def __init__(self, members: Sequence[tuple[InputState, Arm]], total: int) -> None:
        self._members, self._total = members, total

    @property
    def spent(self) -> int:
        """Evaluations so far."""
        return sum(arm.used for _, arm in self._members)

    @property
    def most(self) -> int:
        """Evaluations that there will be at most."""
        return min(self._total, sum(arm.used if arm.done else arm.budget for _, arm in self._members))

    def turns(self, per_round: int) -> list[Turn]:
        """Who is asked next; nobody where all is spent or done."""
        left, spent = self._total - self.spent, self.spent
        waiting = [each for each in self._members if not each[1].done]
        order = sorted(range(len(waiting)), key=lambda number: (urgency(waiting[number][1], spent), number))
        found: list[Turn] = []
        for number in order[: math.ceil(len(waiting) / 2)]:
            state, arm = waiting[number]
            most = min(per_round, left, arm.budget - arm.used)
            if most > 0:
                found.append(Turn(state, arm, most))
                left -= most
        return found


def urgency(arm: Arm, spent: int) -> tuple[int, float]:
    """What inputs of a pool are ordered by, the first one to be asked having the least."""
    if arm.used <= 1:  # the identity alone
        return 0, 0.0
    if arm.best >= 1:
        return 2, arm.used
    return 1, -(arm.highest + EXPLORATION * math.sqrt(math.log(max(spent, 1)) / max(arm.used, 1)))


class SharedBudget:
    """The pools of all arms.

    Args:
        states: the inputs, whose identities have been told.
        settings: with the total budget.
        inputs: the inputs of the study, of which these may be a part; its share of the total is theirs.
    """

    def __init__(self, states: Sequence[InputState], settings: SearchSettings, inputs: int) -> None:
        assert settings.total_budget is not None, "there is something to share"
        self._states, self._per_round = states, settings.per_round
        self._pools: list[Pool] = []
        for right in (True, False):
            own = [state for state in states if (state.arms[0].best >= 1) is right]
            total = settings.total_budget * len(own) // inputs
            for name in dict.fromkeys(arm.name for state in own for arm in state.arms):
                members = [(state, arm) for state in own for arm in state.arms if arm.name == name]
                self._pools.append(Pool(members, total))

    @property
    def most(self) -> int:
        """Evaluations that there will be at most, in all arms."""
        return sum(pool.most for pool in self._pools)

    def turns(self) -> list[Turn]:
        """Who is asked in this round, in the order of the inputs and of their arms."""
        found = {id(turn.arm): turn for pool in self._pools for turn in pool.turns(self._per_round)}
        return [found[id(arm)] for state in self._states for arm in state.arms if id(arm) in found]


def check_total(settings: SearchSettings, inputs: int) -> None:
    """Raises InvalidInput for a total of which some input would have nothing."""
    least = inputs * min(1 + settings.per_round, settings.budget)
    if settings.total_budget is not None and settings.total_budget < least:
        raise InvalidInput(
            f"total_budget={settings.total_budget} is too little for {inputs} inputs: the identity and the first "
            f"{settings.per_round} chains of each take {least}; use at least that, fewer inputs, or a smaller per_round"
        )
