"""Whether chains near a right one are right, too: `analysis/robustness.json`."""

from __future__ import annotations

from dataclasses import dataclass

from skiploop.analysis.settings import RobustnessSettings
from skiploop.chains.weights import Layers
from skiploop.stats.measured import Measured


@dataclass(frozen=True, slots=True)
class InputNeighbours:
    """The neighbours of one chain of one input.

    Attributes:
        input: its id.
        transition: what became of the input.
        kind: `best`, `found`, `random` or `identity`.
        chain: its layers.
        neighbours: how many were evaluated.
        reward: their mean.
        chance: share of right chains in the random arm; None without one.
    """

    input: str
    transition: str
    kind: str
    chain: Layers
    neighbours: int
    reward: float
    chance: float | None


@dataclass(frozen=True, slots=True)
class NeighbourGroup:
    """Chains of one kind.

    Attributes:
        reward: mean reward of their neighbours.
        chance: share of right chains in the random arm on the same inputs.
        depth: mean depth of the chains; None without any.
    """

    reward: Measured
    chance: Measured
    depth: float | None


@dataclass(frozen=True, slots=True)
class NeighbourDifferences:
    """Differences of the neighbours' mean reward on the same inputs.

    Attributes:
        best_random: best chain less random chain.
        found_random: drawn chain less random chain.
        found_identity: drawn chain less identity, on corrected inputs.
    """

    best_random: Measured
    found_random: Measured
    found_identity: Measured


@dataclass(frozen=True, slots=True)
class RobustnessFigures:
    """`robustness.json`; see `skiploop.analysis.robustness`. `n` counts best chains other than the identity."""

    version: int
    name: str
    settings: RobustnessSettings
    n: int
    best: NeighbourGroup
    best_corrected: NeighbourGroup
    best_shorter: NeighbourGroup
    found: NeighbourGroup
    found_corrected: NeighbourGroup
    random: NeighbourGroup
    identity: NeighbourGroup
    identity_right: NeighbourGroup
    identity_corrected: NeighbourGroup
    differences: NeighbourDifferences
    inputs: tuple[InputNeighbours, ...]
