"""A warm start: given chains are asked for first, then any searcher goes on.

The chains come from earlier inputs (`skiploop.searchers.memory`), from another study, or from somebody who knows the
model. The searcher behind is told their rewards like all others, and learns from them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from skiploop.chains.chain import Chain
from skiploop.spaces.space import Space
from skiploop.validate import whole_number


class Asker(Protocol):
    """What a warm start needs of a searcher."""

    space: Space

    def ask(self, n: int) -> list[Chain]: ...
    def tell(self, chain: Chain, reward: float) -> None: ...


class WarmStart:
    """Asks for given chains first, each once, then goes on with another searcher, to which all rewards are told.

    Args:
        searcher: the searcher that goes on.
        chains: in the order in which to try them; those that aren't in the searcher's space are left out.
    """

    def __init__(self, searcher: Asker, chains: Iterable[Chain]) -> None:
        self.searcher, self.space = searcher, searcher.space
        self._first = [chain for chain in dict.fromkeys(chains) if chain in searcher.space][::-1]
        self._asked: set[tuple[int, ...]] = set()  # from the list; unknown to the searcher until told
        self._told: set[tuple[int, ...]] = set()

    def ask(self, n: int) -> list[Chain]:
        """Up to n further chains; fewer when the space is exhausted."""
        wanted = whole_number("n", n, 0)
        chains: list[Chain] = []
        while len(chains) < wanted and self._first:
            chain = self._first.pop()
            if chain.layers not in self._told:
                self._asked.add(chain.layers)
                chains.append(chain)
        while len(chains) < wanted and (more := self.searcher.ask(wanted - len(chains))):
            chains += [chain for chain in more if chain.layers not in self._asked]
        return chains

    def tell(self, chain: Chain, reward: float) -> None:
        """Passes the reward on."""
        self.searcher.tell(chain, reward)
        self._told.add(chain.layers)
