"""Random chains near the identity: an honest baseline in spaces where uniform chains are far from anything useful.

A uniform chain of a large space has many edits (19 on average in CoLa's space at 28 layers), and hardly any such chain
works. This searcher draws the number of edits first, few more often than many, and then the edits one after another,
uniformly among the legal ones. It ignores rewards, so what another searcher finds beyond it is due
to what that searcher learned.
"""

from __future__ import annotations

from dataclasses import dataclass

from skiploop.chains.chain import Chain
from skiploop.chains.edits import Edit, edited
from skiploop.searchers.base import DrawingSearcher, Layers
from skiploop.searchers.samplers.random import RandomSearcher
from skiploop.spaces.space import Space
from skiploop.validate import Range, numbers

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
        numbers(self, within={"more": Range(0, 1, high_included=False)})


class NearbySearcher(DrawingSearcher[NearbySettings]):
    """Asks for the identity first, then for chains a few random edits away, each at most once.

    Args:
        space: the chains and edits to search.
        seed: seeds this searcher's own generator.
        settings: how far from the identity.
    """

    settings_type = NearbySettings

    def __init__(self, space: Space, *, seed: int = 0, settings: NearbySettings | None = None) -> None:
        super().__init__(space, seed=seed, settings=settings)
        self._edits: dict[Layers, list[Edit]] = {}  # of chains near the identity, which come again
        self._uniform = RandomSearcher(space, seed=self.seed)  # for what is left of a small space

    def _next(self) -> Layers | None:
        if self.space.identity.layers not in self._seen:
            return self.space.identity.layers
        for _ in range(_TRIES):
            layers = self.draw().layers
            if layers not in self._seen:
                return layers
        return self._unseen(self._uniform)

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
