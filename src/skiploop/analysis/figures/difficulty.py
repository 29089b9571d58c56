"""How many evaluations an input needs: `analysis/difficulty.json`."""

from __future__ import annotations

from dataclasses import dataclass

from skiploop.analysis.settings import DifficultySettings
from skiploop.stats.measured import Measured, PooledShare, RankCorrelation


@dataclass(frozen=True, slots=True)
class Retest(Measured):
    """The mean of Spearman's rho over pairs of seeds.

    Attributes:
        reliable: it is high enough to measure single inputs; None where it is undefined.
    """

    reliable: bool | None


@dataclass(frozen=True, slots=True)
class InputDifficulty:
    """One input.

    Attributes:
        input: its id.
        level: as the task states it.
        family: as the task states it.
        base_right: the identity is right.
        evaluations: to the first success, one number per seed; budget + 1 where it is censored.
        mean: of these.
        censored: seeds that found nothing.
    """

    input: str
    level: int | None
    family: str | None
    base_right: bool
    evaluations: tuple[int, ...]
    mean: float
    censored: int


@dataclass(frozen=True, slots=True)
class DifficultyGroup:
    """A group of inputs.

    Attributes:
        evaluations: mean number.
        censored: share of (input, seed).
        retest: correlation of two seeds.
        spearman_brown: what the correlation of the mean over this many seeds would be.
        level: correlation of the mean number with the task's level.
    """

    evaluations: Measured
    censored: PooledShare
    retest: Retest
    spearman_brown: Measured
    level: RankCorrelation


@dataclass(frozen=True, slots=True)
class DifficultyGroups:
    """By the identity and by what was found.

    Attributes:
        all: all inputs.
        base_wrong: the identity is wrong.
        found: the identity is wrong, and some seed found a right chain.
    """

    all: DifficultyGroup
    base_wrong: DifficultyGroup
    found: DifficultyGroup


@dataclass(frozen=True, slots=True)
class DifficultyFigures:
    """`difficulty.json`; see `skiploop.analysis.difficulty`. `n` counts inputs."""

    version: int
    name: str
    settings: DifficultySettings
    searcher: str
    budget: int
    n: int
    groups: DifficultyGroups
    inputs: tuple[InputDifficulty, ...]
