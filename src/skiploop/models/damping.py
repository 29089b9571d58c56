"""What weights of a chain do to hidden states: residual scale of a slot, and the averages of a damped loop.

The formulas are in `skiploop.chains.weights`. A `Carry` is what a damped loop remembers between its slots; it belongs
to one batch of states on their way through one chain.

Shapes: B sequences, S tokens, D width.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from skiploop.chains.weights import Step


class Carry(NamedTuple):
    """Of a damped loop that is under way.

    Attributes:
        base: x_i, the state before the pass, [B, S, D] or any other shape of states.
        first: g(x_0), once the first pass has ended.
    """

    base: torch.Tensor
    first: torch.Tensor | None = None

    @property
    def nbytes(self) -> int:
        """Memory of what is remembered."""
        total: int = self.base.nbytes + (self.first.nbytes if self.first is not None else 0)
        return total


def after_slot(
    step: Step | None, before: torch.Tensor, output: torch.Tensor, carry: Carry | None
) -> tuple[torch.Tensor, Carry | None]:
    """The state after a slot, and what its loop remembers.

    Args:
        step: of the slot; None: the output is the state.
        before: the state that the slot's layer was given.
        output: what the layer made of it.
        carry: after the slot before; None outside of damped loops.
    """
    if step is None:
        return output, carry
    state = before + step.scale * (output - before) if step.scale != 1 else output
    if step.opens:
        carry = Carry(before)
    if not step.times:
        return state, carry
    assert carry is not None, "a pass ends in a loop that has begun"
    first = state if step.first else carry.first
    assert first is not None
    base = carry.base + (state - carry.base) / step.times
    if step.beta is None:
        return base, Carry(base, first)
    return base + step.beta * (first - base), None
