"""A search among the chains of at most so many layer calls, with any searcher. No torch.

Searchers begin at the identity, and mostly look near it. Where it is too deep, they have to be led away: a chain that
is too deep isn't run, and counts as worse than every chain that isn't, by how much it is too deep (the rules of Deb,
"An efficient constraint handling method for genetic algorithms", 2000). So they learn to come below the bound before
anything else. Uniform random chains need no leading: they are drawn from the chains that are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from skiploop.chains.chain import Chain
from skiploop.searchers import Searcher
from skiploop.spaces.space import Space

_TRIES = 2000  # chains in a row that are too deep, after which the searcher is given up


class WithinDepth:
    """Passes on the chains of a searcher that aren't too deep.

    Args:
        searcher: looks for chains, and is told of all that it asked for.
        max_depth: most layer calls.
    """

    def __init__(self, searcher: Searcher, max_depth: int) -> None:
        self._searcher, self._max_depth = searcher, max_depth

    def ask(self, n: int) -> list[Chain]:
        """Up to n chains; fewer when the space is exhausted, or nothing that is short enough is found."""
        found: list[Chain] = []
        left = _TRIES
        while len(found) < n and left > 0 and (asked := self._searcher.ask(n - len(found))):
            fitting = [chain for chain in asked if len(chain) <= self._max_depth]
            self._refuse([chain for chain in asked if len(chain) > self._max_depth])
            left = _TRIES if fitting else left - len(asked)
            found += fitting
        return found

    def tell(self, chain: Chain, reward: float) -> None:
        """Passes the reward on, unless the chain is too deep for it to count."""
        if len(chain) > self._max_depth:
            self._refuse([chain])
        else:
            self._searcher.tell(chain, reward)

    def _refuse(self, chains: Sequence[Chain]) -> None:
        for chain in chains:
            self._searcher.tell(chain, (self._max_depth - len(chain)) / chain.num_layers)


def shallow(space: Space, max_depth: int) -> Space:
    """The chains of a space of at most so many layer calls, to draw from; the identity may be missing."""
    limits = replace(space.limits, max_length=min(max_depth, space.limits.max_length))
    return type(space)(space.name, space.num_layers, space.word, limits)
