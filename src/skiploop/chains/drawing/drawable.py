"""What a drawing asks of a chain. The drawings know no more of it, so that `Chain` may draw itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from skiploop.chains.edits import LayerEdit


class Drawable(Protocol):
    """A chain, as `skiploop.chains.chain.Chain` is one."""

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers in the order of execution."""

    @property
    def num_layers(self) -> int:
        """Of the model."""

    @property
    def depth(self) -> int:
        """How many layers are run, loops counted."""

    @property
    def relative_depth(self) -> float:
        """The depth over that of the model."""

    @property
    def has_weights(self) -> bool:
        """Whether a loop is damped or a slot scaled."""

    @property
    def skipped(self) -> tuple[int, ...]:
        """The layers that are never run, ascending."""

    @property
    def looped(self) -> Mapping[int, int]:
        """How often each layer is run that is run more than once."""

    def edits(self) -> Sequence[LayerEdit]:
        """A shortest list of edits from the identity."""

    def to_json(self) -> list[int | str]:
        """The layers, weights as text."""
