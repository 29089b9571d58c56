"""A table of what every chain of a space says on every input. No torch.

Shapes: I inputs, C chains of the space, K answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.spaces.named import per_layer
from skiploop.spaces.space import Space

COUNTS = (0, 1, 2)
DEPTH_PRICE = 0.1  # what the dense reward takes off for a chain of the greatest depth
Kind = Literal["dense", "binary"]
Floats = NDArray[np.float64]


def all_chains(num_layers: int) -> tuple[Chain, ...]:
    """Every chain in which each layer is run 0, 1 or 2 times in a row, but the empty one; 3^L - 1 of them."""
    found = []
    for counts in product(COUNTS, repeat=num_layers):
        layers = tuple([layer for layer, count in enumerate(counts) for _ in range(count)])
        if layers:
            found.append(Chain.unchecked(layers, num_layers))
    return tuple(found)


@dataclass(frozen=True)
class AnswerTable:
    """What each chain answers on each input.

    Attributes:
        chains: the columns, all of `space`.
        answers: probability of each answer, [I, C, K].
        gold: the right answer of each input, [I].
        levels: difficulty of each input, [I].
        features: what a method may know of an input without running a chain, [I, F].
    """

    chains: tuple[Chain, ...]
    answers: NDArray[np.floating]
    gold: NDArray[np.integer]
    levels: NDArray[np.integer]
    features: NDArray[np.floating]

    @property
    def inputs(self) -> int:
        """I."""
        return len(self.gold)

    @cached_property
    def space(self) -> Space:
        """Each layer is run 0, 1 or 2 times."""
        return per_layer(self.chains[0].num_layers, counts=COUNTS)

    @cached_property
    def column(self) -> dict[tuple[int, ...], int]:
        """Number of a chain by its layers."""
        return {chain.layers: number for number, chain in enumerate(self.chains)}

    @cached_property
    def p_true(self) -> Floats:
        """Probability of the right answer, [I, C]."""
        return self._probability_of(self.gold)

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the most likely answer is the right one, [I, C]."""
        found: NDArray[np.bool_] = self.answers.argmax(axis=2) == self.gold[:, None]
        return found

    def wrong_targets(self, seed: int = 0) -> NDArray[np.int64]:
        """For each input an answer that is wrong, drawn uniformly: what a lottery control aims at, [I]."""
        shift = np.random.default_rng(seed).integers(1, self.answers.shape[2], self.inputs)
        found: NDArray[np.int64] = (self.gold + shift) % self.answers.shape[2]
        return found

    def rewards(self, kind: Kind = "dense", *, target: NDArray[np.integer] | None = None) -> Floats:
        """The reward of every chain on every input, in [0, 1], [I, C].

        Args:
            kind: `binary`: 1 where the most likely answer is the wanted one; `dense`: its probability, less
                DEPTH_PRICE * depth / (2 L), and 0 where that is negative.
            target: the wanted answers, [I]; the right ones unless given.
        """
        wanted = self.gold if target is None else target
        if kind == "binary":
            hits: Floats = (self.answers.argmax(axis=2) == wanted[:, None]).astype(np.float64)
            return hits
        if kind != "dense":
            raise InvalidInput(f"unknown kind of reward {kind!r}; use 'dense' or 'binary'")
        dense: Floats = np.clip(self._probability_of(wanted) - DEPTH_PRICE * self.depths, 0.0, 1.0)
        return dense

    def reward(self, row: int, chain: Chain, kind: Kind = "dense") -> float:
        """The reward of one chain on one input."""
        return float((self._dense if kind == "dense" else self.rewards(kind))[row, self.column[chain.layers]])

    @property
    def depths(self) -> Floats:
        """Depth of each chain over the greatest there is, [C]."""
        return np.array([len(chain) for chain in self.chains]) / (max(COUNTS) * self.chains[0].num_layers)

    def objectives(self) -> Floats:
        """For searches with several aims: probability of the right answer, and 1 - depth / (2 L), [I, C, 2]."""
        return np.stack([self.p_true, np.broadcast_to(1 - self.depths, self.p_true.shape)], axis=2)

    @cached_property
    def _dense(self) -> Floats:
        return self.rewards("dense")

    def _probability_of(self, wanted: NDArray[np.integer]) -> Floats:
        found: Floats = np.take_along_axis(self.answers, wanted[:, None, None], axis=2)[:, :, 0].astype(np.float64)
        return found
