"""Two arms compared input by input: a difference of shares with its interval and its test. Needs numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from skiploop.stats.measured import Measured, measured_difference, measured_mean
from skiploop.stats.shares import mcnemar, paired_counts


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """P(first) - P(second) over the same inputs.

    Attributes:
        difference: with Newcombe's paired interval.
        mcnemar_p: of McNemar's exact test.
    """

    difference: Measured
    mcnemar_p: float

    def negated(self) -> PairedDifference:
        """P(second) - P(first)."""
        value, ends = self.difference.value, self.difference.interval
        turned = None if ends is None else (-ends[1], -ends[0])
        return PairedDifference(
            Measured(None if value is None else -value, turned, self.difference.count), self.mcnemar_p
        )


@dataclass(frozen=True, slots=True)
class BootstrappedDifference(PairedDifference):
    """A paired difference with a second interval, which makes other assumptions.

    Attributes:
        bootstrap: the same difference with a bootstrap interval over the inputs, where they can give one.
    """

    bootstrap: Measured


def paired(first: Sequence[bool], second: Sequence[bool]) -> PairedDifference:
    """The difference of two shares of the same inputs."""
    counts = paired_counts(first, second)
    return PairedDifference(measured_difference(counts), mcnemar(counts.first, counts.second))


def bootstrapped(first: Sequence[bool], second: Sequence[bool], *, seed: int) -> BootstrappedDifference:
    """The difference of two shares of the same inputs, with both intervals."""
    found = paired(first, second)
    again = measured_mean([int(a) - int(b) for a, b in zip(first, second, strict=True)], seed=seed)
    return BootstrappedDifference(found.difference, found.mcnemar_p, again)
