"""The figures of options moved: what controls/options.json has. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from skiploop.stats.measured import Measured
from skiploop.storage.files import Line
from skiploop.storage.records import as_json
from skiploop.studies.paired import BootstrappedDifference

GROUPS = ("identity_right", "corrected", "right_shorter", "control_hit")
"""Of claims; the fields of `Survival`."""


@dataclass(frozen=True, slots=True)
class RotatedChain:
    """A chain on the test inputs, with their options moved.

    Attributes:
        notation: of the chain.
        by_rotation: accuracy with options moved up by 0, 1, ... places.
        right_at_all: inputs that are right at all rotations.
        majority: inputs that are right by the majority over rotations.
        chosen_letters: share of each letter, and of `none` of them, among all answers. Over all rotations the right
            option stands in each place equally often, so a reader has equal shares here.
    """

    notation: str
    by_rotation: tuple[Measured, ...]
    right_at_all: Measured
    majority: Measured
    chosen_letters: dict[str, float]


@dataclass(frozen=True, slots=True)
class RotationDifference:
    """A chain less the identity: right at all rotations, and right by the majority over them."""

    right_at_all: BootstrappedDifference
    majority: BootstrappedDifference


@dataclass(frozen=True, slots=True)
class SurvivalGroup:
    """Claims of one of `GROUPS`, with options moved.

    Attributes:
        inputs: that have such a claim.
        rate: mean share of the other rotations at which the claim is right.
        at_all: claims that are right at all rotations.
    """

    inputs: int
    rate: Measured
    at_all: Measured


@dataclass(frozen=True, slots=True)
class Survival:
    """How often what was right as the options stood is right with its options moved.

    Attributes:
        identity_right: inputs that the identity gets right.
        corrected: inputs that a chain corrects.
        right_shorter: inputs that are right with a shorter chain.
        control_hit: inputs whose control found a chain for its wrong option; it survives where it stays with that.
        corrected_minus_identity_right: difference of `at_all`, of different inputs; None where a group is empty.
        corrected_minus_control_hit: the same to the control.
    """

    identity_right: SurvivalGroup
    corrected: SurvivalGroup
    right_shorter: SurvivalGroup
    control_hit: SurvivalGroup
    corrected_minus_identity_right: Measured | None
    corrected_minus_control_hit: Measured | None


@dataclass(frozen=True, slots=True)
class RotationFigures:
    """The figures.

    Attributes:
        test_inputs: inputs with options.
        seen_by_the_model: whether prompts list the options; where they don't, moving them changes nothing.
        always: accuracy of always giving one letter, with the options where they stand in the data.
        chains: by name: `identity`, and `static` where a chain was chosen for all inputs.
        minus_identity: of the other chains.
        survival: of what the search claims.
        kind: tells these figures from those of other studies.
    """

    test_inputs: int
    seen_by_the_model: bool
    always: dict[str, Measured]
    chains: dict[str, RotatedChain]
    minus_identity: dict[str, RotationDifference]
    survival: Survival
    kind: str = "options"

    def to_json(self) -> Line:
        """What controls/options.json has."""
        line: Line = as_json(self)
        return line
