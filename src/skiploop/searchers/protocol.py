"""What a searcher is, and what every one of them checks of an evaluation that it is told."""

from __future__ import annotations

import math
from typing import Protocol

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.spaces.space import Space


class Searcher(Protocol):
    """Looks for good chains of one space, for one input."""

    def ask(self, n: int) -> list[Chain]:
        """Up to n chains to evaluate next, none asked or told before; fewer when the space is exhausted."""

    def tell(self, chain: Chain, reward: float) -> None:
        """The reward of a chain, asked or not; telling twice is harmless, the first reward counts."""


def checked(space: Space, chain: Chain, reward: float) -> float:
    """The reward as a float; InvalidInput for a chain of another model, or a reward that isn't finite."""
    if chain.num_layers != space.num_layers:
        raise InvalidInput(
            f"chain {str(chain)!r} is for a model of {chain.num_layers} layers, the space for one of "
            f"{space.num_layers}; use one searcher for each model"
        )
    try:
        number = float(reward)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InvalidInput(f"reward {reward!r} of {str(chain)!r} isn't a finite number; use a score in [0, 1]")
    return number
