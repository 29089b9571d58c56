"""Sampled answers of an input: what they vote for, and how often one of them is right. No torch, no I/O.

A *ballot* is an answer as it is counted: two texts that the task reads alike are one ballot. An answer that can't be
read abstains.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from skiploop.stats.measured import Measured, measured_mean, measured_share
from skiploop.stats.shares import pass_at_k
from skiploop.tasks import Task
from skiploop.tasks.answers.text import normalise


@dataclass(frozen=True, slots=True)
class Said:
    """One answer: its ballot (None: it can't be read), and its reward."""

    ballot: str | None
    reward: float


@dataclass(frozen=True, slots=True)
class Samples:
    """The answers of one input.

    Attributes:
        greedy: of the identity, decoded greedily (or the option it rates highest).
        drawn: sampled from the identity, in the order they were drawn.
    """

    greedy: Said
    drawn: tuple[Said, ...]

    def vote(self, k: int, first: int = 0) -> Said:
        """What k samples agree on most, by default the first.

        Ties go to the greedy answer if it is among the tied, else to the ballot that was cast first. Where all
        abstain it is the greedy answer.
        """
        cast = [said for said in self.drawn[first : first + k] if said.ballot is not None]
        if not cast:
            return self.greedy
        counts = Counter(said.ballot for said in cast)
        most = max(counts.values())
        tied = [said for said in cast if counts[said.ballot] == most]
        return next((said for said in tied if said.ballot == self.greedy.ballot), tied[0])

    def mean_vote(self, k: int) -> float:
        """Share of the votes that are right when the samples are cut into as many groups of k as there are."""
        starts = range(0, len(self.drawn) - k + 1, k)
        return sum(self.vote(k, first).reward >= 1 for first in starts) / len(starts)

    @property
    def right(self) -> int:
        """How many samples are right."""
        return sum(said.reward >= 1 for said in self.drawn)

    def oracle(self, k: int, *, greedy: bool) -> float:
        """Probability that one of k samples (or, with `greedy`, the greedy answer) is right."""
        if greedy and self.greedy.reward >= 1:
            return 1.0
        return pass_at_k(len(self.drawn), self.right, k)


def ballot(task: Task, answer: str | None) -> str | None:
    """An answer as it is counted: without case and punctuation where the task doesn't look at them."""
    return normalise(answer) if answer is not None and task.scoring == "exact" else answer


def powers(most: int) -> list[int]:
    """1, 2, 4, ..., and `most` itself."""
    found = [1]
    while 2 * found[-1] < most:
        found.append(2 * found[-1])
    return found if found[-1] == most else [*found, most]


@dataclass(frozen=True, slots=True)
class VotingPoint:
    """A number of samples.

    Attributes:
        samples: k.
        layer_calls: of an input: L for each sample and L for the greedy answer, which decides ties.
        accuracy: of the vote of the first k samples.
        mean_accuracy: the mean over all groups of k, which shakes less.
        any_oracle_accuracy: probability that one of k samples is right.
        any_or_greedy_oracle_accuracy: the same for k samples and the greedy answer.
    """

    samples: int
    layer_calls: int
    accuracy: Measured
    mean_accuracy: float
    any_oracle_accuracy: Measured
    any_or_greedy_oracle_accuracy: Measured


@dataclass(frozen=True, slots=True)
class VotingCurve:
    """The vote and any of the samples at a temperature, by number of samples."""

    temperature: float
    points: tuple[VotingPoint, ...]


def curve_points(inputs: Sequence[Samples], most: int, num_layers: int, *, seed: int = 0) -> tuple[VotingPoint, ...]:
    """A point for each of `powers`."""
    return tuple(_point(inputs, k, num_layers, seed) for k in powers(most))


def _point(inputs: Sequence[Samples], k: int, num_layers: int, seed: int) -> VotingPoint:
    drawn, either = ([each.oracle(k, greedy=greedy) for each in inputs] for greedy in (False, True))
    return VotingPoint(
        samples=k,
        layer_calls=(k + 1) * num_layers,
        accuracy=measured_share(sum(each.vote(k).reward >= 1 for each in inputs), len(inputs)),
        mean_accuracy=sum(each.mean_vote(k) for each in inputs) / len(inputs),
        any_oracle_accuracy=_measured(drawn, seed),
        any_or_greedy_oracle_accuracy=_measured(either, seed),
    )


def _measured(values: list[float], seed: int) -> Measured:
    """Bootstrap over inputs; Wilson's where every value is 0 or 1, as the bootstrap is too narrow there."""
    if all(value in (0.0, 1.0) for value in values):
        return measured_share(round(sum(values)), len(values))
    return measured_mean(values, seed=seed)
