"""The arms of a study: their series in charts, and what holds of an input in one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from skiploop.reporting.charts import Series
from skiploop.reporting.names import ARM_NAMES
from skiploop.stats.measured import Measured, measured_share
from skiploop.studies.arms import PEERS
from skiploop.studies.results import InputResult

Holds = Callable[[InputResult, str], bool]


def hit(result: InputResult, arm: str) -> bool:
    """Some chain of the arm reached the arm's target."""
    return result.arms[arm].right


def shorter(result: InputResult, arm: str) -> bool:
    """The identity is right, and so is a shorter chain of the arm."""
    return result.transition(arm) == "right_shorter"


def having(inputs: Sequence[InputResult], arm: str) -> tuple[InputResult, ...]:
    """The inputs on which the arm was run."""
    return tuple(each for each in inputs if arm in each.arms)


def baselines(inputs: Sequence[InputResult]) -> tuple[str, ...]:
    """The baselines that ignore rewards, as far as they were run."""
    return tuple(arm for arm in PEERS if having(inputs, arm))


def share(inputs: Sequence[InputResult], arm: str, holds: Holds = hit) -> Measured | None:
    """Of the inputs that have the arm, the share for which something holds; None where none has it."""
    own = having(inputs, arm)
    return measured_share(sum(holds(each, arm) for each in own), len(own)) if own else None


def arm_series(arm: str, values: Sequence[Measured | None]) -> Series:
    """An arm in a chart, with its own name, colour and mark."""
    return Series(ARM_NAMES[arm], arm, tuple(values))
