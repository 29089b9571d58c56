"""Damped loops and scaled slots in a decoding step: the same operations for all rows of a layer call.

The formulas are those of `skiploop.models.damping`, here with one number for each row. What a loop has to remember lies
in two buffers with a place for each row of the batch, so that a whole step can be captured.

Shapes: R rows of the batch, n rows of a layer call, k of these rows, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from skiploop.chains.weights import Step


class LoopStates(NamedTuple):
    """What damped loops remember, for each row of the batch, [R, 1, D]: x_i and g(x_0)."""

    base: torch.Tensor
    first: torch.Tensor

    @classmethod
    def like(cls, hidden: torch.Tensor) -> LoopStates:
        """Buffers for states such as `hidden`."""
        return cls(torch.empty_like(hidden), torch.empty_like(hidden))


class _Some(NamedTuple):
    """Some rows of a call: their places in the call [k], in the batch [k], and a number for each, [k, 1, 1]."""

    places: torch.Tensor
    rows: torch.Tensor
    numbers: torch.Tensor


@dataclass(frozen=True, slots=True)
class CallSteps:
    """What the weights of chains do to the states of one layer call.

    Attributes:
        scales: of the updates of all its rows, [n, 1, 1]; None: all 1.
        opens: rows in which a damped loop begins here.
        ends: rows in which a pass ends, with K.
        firsts: those of them in which it is the first pass.
        lasts: those in which it is the last one, with beta.
    """

    scales: torch.Tensor | None
    opens: _Some | None
    ends: _Some | None
    firsts: _Some | None
    lasts: _Some | None

    @classmethod
    def of(cls, members: Sequence[tuple[int, Step | None]], like: torch.Tensor) -> CallSteps | None:
        """Of a call's (row in the batch, step); None where no row has a step. `like`: device and dtype of states."""
        if not any(step for _, step in members):
            return None
        every = [(place, row, step or Step()) for place, (row, step) in enumerate(members)]

        def some(found: list[tuple[int, int, float]]) -> _Some | None:
            if not found:
                return None
            places, rows, numbers = (list(column) for column in zip(*found, strict=True))
            device = like.device
            column = torch.tensor(numbers, device=device, dtype=like.dtype)[:, None, None]
            return _Some(torch.tensor(places, device=device), torch.tensor(rows, device=device), column)

        scaled = some([(place, row, step.scale) for place, row, step in every])
        return cls(
            scaled.numbers if scaled is not None and any(step.scale != 1 for _, _, step in every) else None,
            some([(place, row, 0.0) for place, row, step in every if step.opens]),
            some([(place, row, float(step.times)) for place, row, step in every if step.times]),
            some([(place, row, 0.0) for place, row, step in every if step.first]),
            some([(place, row, step.beta) for place, row, step in every if step.beta is not None]),
        )

    def apply(self, before: torch.Tensor, output: torch.Tensor, memory: LoopStates) -> torch.Tensor:
        """The states [n, 1, D] after the call, from what its rows were given and what the layer made of it."""
        state = output if self.scales is None else before + self.scales * (output - before)
        if self.opens is not None:
            memory.base.index_copy_(0, self.opens.rows, before.index_select(0, self.opens.places))
        if self.ends is None:
            return state
        if self.firsts is not None:
            memory.first.index_copy_(0, self.firsts.rows, state.index_select(0, self.firsts.places))
        base = memory.base.index_select(0, self.ends.rows)
        mixed = base + (state.index_select(0, self.ends.places) - base) / self.ends.numbers
        memory.base.index_copy_(0, self.ends.rows, mixed)
        state = state.index_copy(0, self.ends.places, mixed)
        if self.lasts is not None:
            final = memory.base.index_select(0, self.lasts.rows)
            final = final + self.lasts.numbers * (memory.first.index_select(0, self.lasts.rows) - final)
            state = state.index_copy(0, self.lasts.places, final)
        return state
