"""Equal accuracy within a margin: non-inferiority, for a chain that is cheaper. No torch.

"No difference was shown" isn't "equal": with few inputs nothing is ever shown. So a margin is set beforehand, and a
chain is as accurate within it where the whole 95 % interval of its paired difference to the identity lies above minus
the margin. That is a one-sided test at 2.5 % (Piaggio et al., JAMA 2012, the CONSORT statement on such trials). The
interval is Newcombe's for paired shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from skiploop.stats.measured import Measured

Outcome = Literal["shown", "refuted", "open"]
"""The loss is less than the margin; it is more; or these inputs are too few to tell."""


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """Whether a chain is as accurate as the identity, within a margin.

    Attributes:
        outcome: what the test inputs say.
        most_lost: the largest loss of accuracy, as a share, that the interval leaves possible: the smallest margin
            that would have been shown.
    """

    outcome: Outcome
    most_lost: float


def non_inferiority(difference: Measured, margin: float) -> NonInferiority:
    """By a chain's accuracy less the identity's, on the same test inputs.

    Args:
        difference: with its 95 % interval.
        margin: the loss that still counts as equal, as a share.
    """
    assert difference.interval is not None, "there is at least one test input"
    low, high = difference.interval
    outcome: Outcome = "shown" if low > -margin else "refuted" if high < -margin else "open"
    return NonInferiority(outcome, max(0.0, -low))
