"""Tree search for a whole Pareto front: rewards are vectors (PepTune's MCTS-guided search, arXiv 2412.17780).

Each node holds W, the sum of reward vectors below it, and N, its visits. Selection picks uniformly among the open
children whose W/N no other one dominates. A new chain is held against the archive F of chains that nothing told
dominates: its reward is, for each objective, the share of F that it is at least as good as. It joins F unless one
there dominates it, and what it dominates leaves. A chain that can't be compared with another is *not* dominated by
it: the authors' published code drops those too, and so thins out the middle of the front.

Told in a batch, the chains meet the archive in the order in which they were asked, at the next `ask`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers.fronts import Vector, dominates, non_dominated
from skiploop.searchers.protocol import checked
from skiploop.searchers.trees.tree import TreeNode, TreeSearcher, TreeSettings
from skiploop.spaces.space import Space

Layers = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ParetoSettings(TreeSettings):
    """How fast nodes get children; selection itself has no constants."""


class VectorNode(TreeNode):
    """A node with a total for each objective: W of the paper; `visits` is N."""

    __slots__ = ("totals",)

    def __init__(self, number: int, chain: Chain, parent: TreeNode | None) -> None:
        super().__init__(number, chain, parent, 0.0)
        self.totals: Vector = ()

    def add_vector(self, vector: Vector) -> None:
        """Adds a reward whose visit was counted before; `total` is kept as the mean over objectives, for `tree()`."""
        self.totals = tuple(a + b for a, b in zip(self.totals or (0.0,) * len(vector), vector, strict=True))
        self.add(0, math.fsum(vector) / len(vector))


class Archive:
    """Chains with vectors that nothing told so far dominates; equal ones are all kept."""

    def __init__(self, entries: Sequence[tuple[Chain, Vector]] = ()) -> None:
        self.entries = list(entries)

    def shares(self, vector: Vector) -> Vector:
        """For each objective the share of the archive that the vector is at least as good as; 1 of nothing."""
        if not self.entries:
            return (1.0,) * len(vector)
        size = len(self.entries)
        return tuple(sum(value >= other[k] for _, other in self.entries) / size for k, value in enumerate(vector))

    def add(self, chain: Chain, vector: Vector) -> bool:
        """Takes the chain in unless one here dominates it, and drops what it dominates; whether it was."""
        if any(dominates(other, vector) for _, other in self.entries):
            return False
        self.entries = [entry for entry in self.entries if not dominates(vector, entry[1])]
        self.entries.append((chain, vector))
        return True


class ParetoSearcher(TreeSearcher[ParetoSettings]):
    """Looks for chains that are good in several objectives, by default in reward and in being short.

    Args:
        space: the chains and edits to search.
        seed: seeds this searcher's own generator.
        settings: how fast nodes get children.
    """

    settings_type = ParetoSettings

    def __init__(self, space: Space, *, seed: int = 0, settings: ParetoSettings | None = None) -> None:
        super().__init__(space, seed=seed, settings=settings, make_node=VectorNode)
        self._vectors: dict[Layers, Vector] = {}
        self._untold: dict[Layers, Chain] = {}  # told since the last ask, not in the archive yet
        self._turn: dict[Layers, int] = {}  # pending -> when it was asked
        self._asks = 0
        self._archive = Archive()

    def ask(self, n: int) -> list[Chain]:
        """Up to n further chains; fewer when the space is exhausted."""
        for chain in self._in_order():
            self._back_up(self._pending.pop(chain.layers, []), chain.layers)
            self._archive.add(chain, self._vectors[chain.layers])
            self._turn.pop(chain.layers, None)
        self._untold = {}
        asked = super().ask(n)
        for chain in asked:
            self._turn[chain.layers] = self._asks
            self._asks += 1
        return asked

    def tell(self, chain: Chain, reward: float | Sequence[float]) -> None:
        """The objectives of a chain, higher is better; a single number r stands for (r, 1 - depth / max_length)."""
        vector = self._vector(chain, reward)
        if chain.layers in self._vectors or chain not in self.space:
            return
        self._vectors[chain.layers] = vector
        self._rewards[chain.layers] = math.fsum(vector) / len(vector)
        self._untold[chain.layers] = chain

    def front(self) -> list[tuple[Chain, Vector]]:
        """The archive: chains that nothing told so far dominates, with their objectives."""
        archive = Archive(self._archive.entries)
        for chain in self._in_order():
            archive.add(chain, self._vectors[chain.layers])
        return archive.entries

    def _vector(self, chain: Chain, reward: float | Sequence[float]) -> Vector:
        if isinstance(reward, (str, bytes)) or not isinstance(reward, Sequence):
            number = checked(self.space, chain, reward)  # type: ignore[arg-type]
            return (number, 1 - len(chain) / self.space.max_length)
        vector = tuple([checked(self.space, chain, value) for value in reward])
        known = len(next(iter(self._vectors.values()), vector))
        if not vector or len(vector) != known:
            raise InvalidInput(
                f"{str(chain)!r} has {len(vector)} objectives, others have {known}; tell as many for each chain"
            )
        return vector

    def _in_order(self) -> list[Chain]:
        """What was told since the last ask: by when it was asked, then what never was."""
        return sorted(self._untold.values(), key=lambda chain: (self._turn.get(chain.layers, math.inf), chain.layers))

    def _back_up(self, path: list[TreeNode], layers: Layers) -> None:
        """Backs up how the chain does against the archive."""
        vector = self._archive.shares(self._vectors[layers])
        for node in path:
            assert isinstance(node, VectorNode)
            node.add_vector(vector)

    def _best(self, node: TreeNode) -> TreeNode | None:
        """One of the open children with non-dominated W/N, each equally likely."""
        children = [child for child in node.children.values() if isinstance(child, VectorNode) and not child.closed]
        if len(children) < 2:
            return children[0] if children else None
        return children[self._rng.choice(non_dominated(mean_vectors(children)))]


def mean_vectors(nodes: Sequence[VectorNode]) -> list[Vector]:
    """W/N of each node; 0 in all objectives where nothing is known (PepTune, arXiv 2412.17780)."""
    objectives = max([len(node.totals) for node in nodes]) or 1
    return [
        tuple([total / node.visits for total in node.totals]) if node.visits and node.totals else (0.0,) * objectives
        for node in nodes
    ]
