"""What a chooser may do with inputs whose right answer it doesn't know, and what it costs.

A chooser runs passes on rows of inputs, and each layer call that it causes is charged, once. So its cost isn't its own
statement, and failed tries are in it. `TableRuns` answers from a table, `skiploop.routing.live` from a model.

Shapes: R rows asked for, N inputs, O options, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from skiploop.routing.passes import ModelPass
from skiploop.routing.table import Bools, Floats, Ints, Options, Table


@dataclass(frozen=True, slots=True, eq=False)
class PassOutputs:
    """What one pass gave on rows.

    Attributes:
        answers: number of the answer, `NO_ANSWER` where there is none, [R].
        logprobs: mean log-probability of its tokens, [R].
        scores: log-likelihood of each option, [R, O]; None where text is generated.
    """

    answers: Ints
    logprobs: Floats
    scores: Floats | None


class Runs(Protocol):
    """Inputs without their right answers, on which passes can be run."""

    @property
    def passes(self) -> tuple[ModelPass, ...]:
        """What can be run; the first is the identity."""

    @property
    def num_layers(self) -> int:
        """Of the model."""

    @property
    def prompt_tokens(self) -> Floats:
        """Length of each prompt, [N]; free."""

    @property
    def options(self) -> Options | None:
        """Lengths of the options, free; their priors are to be had from `prior`."""

    @property
    def layer_calls(self) -> Floats:
        """Charged so far for each input, [N]."""

    def __len__(self) -> int: ...

    def run(self, index: int, rows: Ints | None = None) -> PassOutputs:
        """What a pass gives on some inputs (None: all)."""

    def state(self) -> Floats:
        """The identity's state of the bare question after half of its layers, [N, D]; charged as half a pass."""

    def prior(self) -> Floats:
        """Log-likelihood of each option where nothing stands before it, [N, O]."""


class TableRuns:
    """Runs that are read from a table, charged as if they were made."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._ran: Bools = np.zeros((len(table), len(table.passes)), dtype=bool)
        self._state = self._prior = False

    def __len__(self) -> int:
        return len(self._table)

    @property
    def passes(self) -> tuple[ModelPass, ...]:
        return self._table.passes

    @property
    def num_layers(self) -> int:
        return self._table.num_layers

    @property
    def prompt_tokens(self) -> Floats:
        return self._table.prompt_tokens

    @property
    def options(self) -> Options | None:
        return self._table.options

    @property
    def ran(self) -> Bools:
        """Which passes were run on which input, [N, K]."""
        return self._ran

    @property
    def layer_calls(self) -> Floats:
        depths = np.array([each.depth for each in self.passes], dtype=float)
        calls: Floats = self._ran @ depths
        if self._state:
            calls = calls + self.num_layers // 2
        if self._prior and self._table.options is not None:
            calls = calls + self._table.options.prior_calls
        return calls

    def run(self, index: int, rows: Ints | None = None) -> PassOutputs:
        table = self._table
        wanted = np.arange(len(self)) if rows is None else rows
        self._ran[wanted, index] = True
        scores = None if table.scores is None else table.scores[wanted, index]
        return PassOutputs(table.answers[wanted, index], table.logprobs[wanted, index], scores)

    def state(self) -> Floats:
        self._state = True
        return self._table.states

    def prior(self) -> Floats:
        if self._table.options is None:
            raise ValueError("generated answers have no priors")
        self._prior = True
        return self._table.options.prior
