"""Every chain of the space in one fixed order: those near the identity first, then by rank.

The chains 0, 1, ... `near` edits from the identity come first, level by level, in the order of `space.edits`; then all
others in the order of `space.chain_at`. There is no chance in it, and the seed changes nothing. Where the space is
small its result is the truth that other searchers are compared with; where it is large, it says what the
simplest chains are worth.

Memory: the levels near the identity, as far as they were asked (530 chains at one edit, some 10^5 at two in CoLa's
space of 28 layers), what is asked and not told, and what was told unasked. The walk through the ranks adds nothing, so
a space of any size can be searched to its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from skiploop.chains.chain import Chain
from skiploop.searchers.base import DrawingSearcher, Layers
from skiploop.searchers.protocol import checked
from skiploop.spaces.space import Space
from skiploop.validate import numbers


@dataclass(frozen=True, slots=True)
class ExhaustiveSettings:
    """How far the first part goes.

    Attributes:
        near: edits from the identity up to which chains come by their number of edits; 0: all by rank.
    """

    near: int = 2

    def __post_init__(self) -> None:
        numbers(self, whole={"near": 0})


class ExhaustiveSearcher(DrawingSearcher[ExhaustiveSettings]):
    """Asks for all chains in a fixed order; rewards don't matter to it.

    Args:
        space: where the chains come from.
        seed: changes nothing.
        settings: how far the part that is sorted by edits goes.
    """

    settings_type = ExhaustiveSettings

    def __init__(self, space: Space, *, seed: int = 0, settings: ExhaustiveSettings | None = None) -> None:
        super().__init__(space, seed=seed, settings=settings)
        self._chains = self._in_order()
        self._waiting: set[Layers] = set()  # asked, not told
        self._unasked: set[Layers] = set()  # told before they were asked

    def _next(self) -> Layers | None:
        for chain in self._chains:
            if chain.layers not in self._unasked:
                return chain.layers
            self._unasked.discard(chain.layers)
        return None

    def _mark(self, layers: Layers) -> None:
        self._waiting.add(layers)

    def tell(self, chain: Chain, reward: float) -> None:
        """Takes note of an evaluation: a chain that is told won't be asked."""
        checked(self.space, chain, reward)
        if chain.layers in self._waiting:
            self._waiting.discard(chain.layers)
        else:
            self._unasked.add(chain.layers)  # or told again, which does no harm

    def _in_order(self) -> Iterator[Chain]:
        """Each chain once."""
        near: set[Layers] = {self.space.identity.layers}
        level = [self.space.identity]
        yield self.space.identity
        for edits in range(1, self.settings.near + 1):
            found = []
            for parent in level:
                for chain in self.space.children(parent):
                    if chain.layers not in near:
                        near.add(chain.layers)
                        if edits < self.settings.near:
                            found.append(chain)
                        yield chain
            level = found
        for rank in range(self.space.count()):
            chain = self.space.chain_at(rank)
            if chain.layers not in near:
                yield chain
