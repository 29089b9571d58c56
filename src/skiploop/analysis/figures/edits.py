"""What edits do, alone and in the chains that a search found: `analysis/edits.json`.

Shapes: E edits of a chain.
"""

from __future__ import annotations

from dataclasses import dataclass

from skiploop.analysis.settings import EditSettings
from skiploop.chains.weights import Layers
from skiploop.stats.measured import Measured, PooledShare


@dataclass(frozen=True, slots=True)
class EditEffect(Measured):
    """The change of the mean reward over all inputs when one edit is done alone; above 0 it helps.

    Attributes:
        kind: `skip`, `loop`, or `loop~.5` for a damped loop.
        layer: the layer.
        level: of the interval, corrected for the number of edits.
        p: of a sign-flip test.
        p_holm: the same, corrected by Holm.
        counts: both the interval and `p_holm` exclude no change.
    """

    kind: str
    layer: int
    level: float
    p: float
    p_holm: float
    counts: bool

    @property
    def edit(self) -> str:
        """For people, such as `skip 3`."""
        return f"{self.kind} {self.layer}"


@dataclass(frozen=True, slots=True)
class DampedEffect(Measured):
    """What a damped loop of one layer changes less what the plain loop does, a mean over layers and inputs.

    Attributes:
        kind: such as `loop~.5`.
        layers: that have both in the space.
        p: of a sign-flip test over inputs; one for each damping, not corrected.
    """

    kind: str
    layers: int
    p: float


@dataclass(frozen=True, slots=True)
class CorrectedChains:
    """Chains that correct an input.

    Attributes:
        n: how many.
        one_edit: those of a single edit, which are left out of `necessity` and `sufficiency`.
        edits: of a chain.
        minimal: edits of its minimal sufficient set.
        whole: share of chains that are minimal.
        necessity: share of edits without which the answer is wrong.
        sufficiency: share of edits that are enough alone.
    """

    n: int
    one_edit: int
    edits: Measured
    minimal: Measured
    whole: Measured
    necessity: PooledShare
    sufficiency: PooledShare


@dataclass(frozen=True, slots=True)
class ShorterChains:
    """Shorter right chains of inputs that the identity gets right.

    Attributes:
        n: how many.
        one_edit: those of a single edit, which are left out of the shares.
        alone: share of edits that keep the answer right alone.
        needed: share of edits without which it is wrong.
    """

    n: int
    one_edit: int
    alone: PooledShare
    needed: PooledShare


@dataclass(frozen=True, slots=True)
class LayerEdits:
    """One layer in the correcting chains; an edit of a block counts for each of its layers.

    Attributes:
        kind: of the edit.
        layer: the layer.
        chains: that have such an edit.
        minimal: chains that have it in their minimal set.
        necessity: share of these edits without which the answer is wrong, in chains of several edits.
    """

    kind: str
    layer: int
    chains: int
    minimal: int
    necessity: PooledShare


@dataclass(frozen=True, slots=True)
class CountedEdits:
    """Edits whose effect counts, such as `skip 3`.

    Attributes:
        helps: they raise the mean reward.
        hurts: they lower it.
    """

    helps: tuple[str, ...]
    hurts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InputEdits:
    """The chain of one input.

    Attributes:
        input: its id.
        transition: `corrected` or `right_shorter`.
        chain: its layers.
        edits: of the chain, [E].
        undone: the reward without each edit, [E].
        alone: the reward with this edit alone, [E].
        minimal: edits of a minimal sufficient set; None where no edit is needed.
    """

    input: str
    transition: str
    chain: Layers
    edits: tuple[str, ...]
    undone: tuple[float, ...]
    alone: tuple[float, ...]
    minimal: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class EditFigures:
    """`edits.json`; see `skiploop.analysis.edits`. `n` counts the inputs of `effects`."""

    version: int
    name: str
    settings: EditSettings
    n: int
    corrected: CorrectedChains
    shorter: ShorterChains
    layers: tuple[LayerEdits, ...]
    effects: tuple[EditEffect, ...]
    damped: tuple[DampedEffect, ...]
    counted: CountedEdits
    inputs: tuple[InputEdits, ...]
