"""What the model would say after each slot: `analysis/lens.json`.

Shapes: L layers of the model, N slots of a chain.
"""

from __future__ import annotations

from dataclasses import dataclass

from skiploop.analysis.settings import LensSettings
from skiploop.chains.weights import Layers
from skiploop.stats.measured import Measured


@dataclass(frozen=True, slots=True)
class SlotCurves:
    """One chain through the lens, at each of its slots.

    Attributes:
        turn: the first slot, from 1, after which the most likely token stays the final one.
        gold_probability: of the gold token, [N].
        gold_rank: from 1, [N].
        identity_probability: of the identity's token, [N].
        identity_rank: from 1, [N].
        entropy: in nats, [N].
    """

    turn: int
    gold_probability: tuple[float, ...]
    gold_rank: tuple[int, ...]
    identity_probability: tuple[float, ...]
    identity_rank: tuple[int, ...]
    entropy: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class InputLens:
    """One chain of one input through the lens.

    Attributes:
        input: its id.
        group: `identity_right`, `identity_wrong`, `corrected` or `shorter`.
        chain: its layers.
        position: tokens of the gold answer before the one that is looked at.
        gold: the gold token.
        identity: the identity's token.
        slots: the curves.
    """

    input: str
    group: str
    chain: Layers
    position: int
    gold: int
    identity: int
    slots: SlotCurves


@dataclass(frozen=True, slots=True)
class LensCurves:
    """Means over inputs at 1/L, 2/L, ..., 1 of the chains' slots, [L] each; names as in `SlotCurves`."""

    gold_probability: tuple[Measured, ...]
    gold_rank: tuple[Measured, ...]
    identity_probability: tuple[Measured, ...]
    identity_rank: tuple[Measured, ...]
    entropy: tuple[Measured, ...]


@dataclass(frozen=True, slots=True)
class LensGroup:
    """Chains of one kind.

    Attributes:
        n: inputs.
        curves: means over inputs.
        turn: in shares of the chain.
    """

    n: int
    curves: LensCurves
    turn: Measured


@dataclass(frozen=True, slots=True)
class LensGroups:
    """The identity by whether it is right, the best chains of two transitions, and the identity by what was found."""

    identity_right: LensGroup
    identity_wrong: LensGroup
    corrected: LensGroup
    shorter: LensGroup
    corrected_identity: LensGroup
    still_wrong_identity: LensGroup


@dataclass(frozen=True, slots=True)
class LetterBias:
    """One option of multiple choice.

    Attributes:
        letter: the option.
        predicted: share of inputs on which the identity chooses it.
        gold: share of inputs on which it is right.
        difference: predicted - gold, paired by input.
    """

    letter: str
    predicted: float
    gold: float
    difference: Measured


@dataclass(frozen=True, slots=True)
class LensFigures:
    """`lens.json`; see `skiploop.analysis.lens`.

    Attributes:
        n: inputs.
        positions: at which shares of a chain's slots curves are read, [L].
        groups: means over inputs.
        turn_difference: turn of the best chain less that of the identity, on corrected inputs.
        letters: of multiple choice; None for other tasks.
        inputs: one by one.
    """

    version: int
    name: str
    settings: LensSettings
    n: int
    positions: tuple[float, ...]
    groups: LensGroups
    turn_difference: Measured
    letters: tuple[LetterBias, ...] | None
    inputs: tuple[InputLens, ...]
