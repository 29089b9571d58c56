"""Random chains near the identity: an honest opponent in spaces where uniform chains are far from anything useful.

A uniform chain of a large space has many edits (19 on average in CoLa's space at 28 layers), and hardly any such chain
works. This searcher draws the number of edits first, few more often than many, and then the edits one after another,
uniformly among the legal ones. It learns nothing from rewards, so what another searcher finds beyond it is
owed to what that searcher learned.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import ClassVar

from skiploop.chains.chain import Chain
from skiploop.chains.edits import Edit, edited
from skiploop.errors import InvalidInput
from skiploop.searchers.protocol import checked
from skiploop.searchers.samplers.random import RandomSearcher
from skiploop.spaces.space import Space
from skiploop.validate import whole_number

_TRIES = 32  # draws of known chains in a row, after which uniform draws take over
_KEPT = 256  # chains whose edits are kept


@dataclass(frozen=True, slots=True)
class NearbySettings:
    """How far from the identity.

    Attributes:
        more: probability of a further edit after each; the mean number of edits is 1 / (1 - more).
    """

    more: float = 0.5

    def __post_init__(self) -> None:
        if isinstance(self.more, bool) or not isinstance(self.more, (int, float)) or not 0 <= self.more < 1:
            raise InvalidInput(f"more={self.more!r} doesn't work; use a number of at least 0 and below 1")


class NearbySearcher:
    """Asks for the identity first, then for chains a few random edits away, each at most once.

    Args:
        space: the chains and edits to search.
        seed: seeds this searcher's own generator.
        settings: how far from the identity.
    """

    settings_type: ClassVar[type[NearbySettings]] = NearbySettings

    def __init__(self, space: Space, *, seed: int = 0, settings: NearbySettings | None = None) -> None:
        self.space = space
        self.seed = whole_number("seed", seed, 0)
        self.settings = settings or NearbySettings()
        self._rng = random.Random(self.seed)
        self._seen: set[tuple[int, ...]] = set()
        self._edits: dict[tuple[int, ...], list[Edit]] = {}  # of chains near the identity, which come again
        self._uniform = RandomSearcher(space, seed=self.seed)  # for what is left of a small space

    def ask(self, n: int) -> list[Chain]:
        """Up to n further chains; fewer when the space is exhausted."""
        wanted = whole_number("n", n, 0)
        asked: list[Chain] = []
        while len(asked) < wanted and (chain := self._next()) is not None:
            self._seen.add(chain.layers)
            asked.append(chain)
        return asked

    def tell(self, chain: Chain, reward: float) -> None:
        """Takes note of an evaluation: a chain that is told won't be asked."""
        checked(self.space, chain, reward)
        self._seen.add(chain.layers)

    def _next(self) -> Chain | None:
        if self.space.identity.layers not in self._seen:
            return self.space.identity
        for _ in range(_TRIES):
            chain = self.draw()
            if chain.layers not in self._seen:
                return chain
        while found := self._uniform.ask(1):
            if found[0].layers not in self._seen:
                return found[0]
        return None

    def draw(self) -> Chain:
        """A chain a few random edits from the identity, known or not."""
        chain = self.space.identity
        while True:
            edits = self._edits.get(chain.layers)
            if edits is None:
                edits = self.space.edits(chain)
                if len(self._edits) < _KEPT:
                    self._edits[chain.layers] = edits
            if not edits:
                return chain
            chain = Chain.unchecked(edited(chain.layers, self._rng.choice(edits)), self.space.num_layers)
            if self._rng.random() >= self.settings.more:
                return chain
