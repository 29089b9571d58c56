"""Settings of the analyses. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from skiploop.chains.weights import checked_weight
from skiploop.errors import InvalidInput
from skiploop.validate import whole_number


@dataclass(frozen=True, slots=True, kw_only=True)
class DifficultySettings:
    """How difficulty is measured.

    Attributes:
        seeds: searches of an input, the study's own included; two or more.
        budget: evaluations of each, the identity included; None: the study's.
        resamples: of the bootstrap.
    """

    seeds: int = 5
    budget: int | None = None
    resamples: int = 1000

    def __post_init__(self) -> None:
        whole_number("seeds", self.seeds, 2)
        whole_number("resamples", self.resamples, 1)
        if self.budget is not None:
            whole_number("budget", self.budget, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditSettings:
    """How edits are tested.

    Attributes:
        alpha: probability of any false edit among those that count.
        resamples: of the bootstrap and of the signs in the test; enough for intervals at 1 - alpha / m.
        inputs: most inputs on which edits are done alone, the first of the study; None: all.
        damping: also try loops with this damping beside plain ones; None: only where the study's space has damped ones.
        seed: of the resamples.
    """

    alpha: float = 0.05
    resamples: int = 19999
    inputs: int | None = None
    damping: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.damping is not None and checked_weight(self.damping, 0, 1, "damping") == 1:
            raise InvalidInput("damping=1 is the plain loop, which is tried anyway; use for instance 0.5")
        if not 0 < self.alpha < 1:
            raise InvalidInput(f"alpha={self.alpha!r} isn't between 0 and 1; use for instance 0.05")
        whole_number("resamples", self.resamples, 1)
        if self.inputs is not None:
            whole_number("inputs", self.inputs, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustnessSettings:
    """How many neighbours are tried.

    Attributes:
        neighbours: most neighbours of a chain.
        seed: of their sample, and of the random chains.
        resamples: of the bootstrap.
    """

    neighbours: int = 16
    seed: int = 0
    resamples: int = 2000

    def __post_init__(self) -> None:
        for name in ("neighbours", "resamples"):
            whole_number(name, getattr(self, name), 1)
        whole_number("seed", self.seed, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilaritySettings:
    """On how many inputs hidden states are looked at.

    Attributes:
        inputs: most inputs, the first of the study.
        resamples: of the bootstrap.
        seed: of the resamples.
    """

    inputs: int = 128
    resamples: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        whole_number("inputs", self.inputs, 2)
        whole_number("resamples", self.resamples, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LensSettings(SimilaritySettings):
    """The same for the logit lens, which costs one pass per input."""

    inputs: int = 256
    resamples: int = 1000
