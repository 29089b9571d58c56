"""PUCT: the tree search with priors over edits (AlphaZero, arXiv 1712.01815).

The child of a node P is selected by

    Q(child) + c * P(edit) * sqrt(V) / (1 + v)                   (AlphaGo Zero, Methods, "Select")

with V the visits of the node, v those of the child. The priors come from a router, a surrogate or another function of
(chain, children); without one, edits that change few slots are preferred mildly. Nodes widen by descending prior, so
a good prior decides what is explored at all, and is read once for each node.

With `stretch=1`, Q is stretched between the lowest and the highest reward told so far, (Q - low) / (high - low), as in
MuZero (arXiv 1911.08265, appendix B): c is for values that fill [0, 1], and guides of wrong answers may differ by
hundredths. 1 and 0 need no stretching.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from skiploop.chains.chain import Chain
from skiploop.chains.edits import Edit, edited
from skiploop.errors import InvalidInput
from skiploop.searchers.trees.tree import FirstValue, TreeNode, TreeSearcher, ValueSettings, node_maker
from skiploop.spaces.space import Space

Layers = tuple[int, ...]
Prior = Callable[[Chain, Sequence[Chain]], Sequence[float]]


@dataclass(frozen=True, slots=True)
class PuctSettings(ValueSettings):
    """The constants of the search.

    Attributes:
        random_child: probability at each node to take the next unexplored child although it is as wide as allowed.
        exploration: c of the PUCT term, for values that fill [0, 1].
        stretch: 1 stretches Q between the rewards told, 0 takes it as it is.
    """

    random_child: float = 0.0
    exploration: float = 1.25
    stretch: float = 0.0

    shares: ClassVar[tuple[str, ...]] = (*ValueSettings.shares, "stretch")


class PuctSearcher(TreeSearcher[PuctSettings]):
    """Tree search that looks first where the prior says.

    Args:
        space: the chains and edits to search.
        seed: seeds this searcher's own generator.
        settings: the constants of the search.
        prior: one number of at least 0 for each child of a chain, normalised here.
        first_value: a chain's value before it is evaluated, and the certainty of that in [0, 1].
    """

    settings_type = PuctSettings

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 0,
        settings: PuctSettings | None = None,
        prior: Prior | None = None,
        first_value: FirstValue | None = None,
    ) -> None:
        settings = settings or PuctSettings()
        super().__init__(space, seed=seed, settings=settings, make_node=node_maker(settings, first_value))
        self.prior = prior or few_slots
        self._ranked: dict[int, list[tuple[float, Edit]]] = {}  # node -> unexplored, by ascending prior
        self._shares: dict[int, dict[Layers, float]] = {}  # node -> P of each child explored
        self._low, self._high = math.inf, -math.inf  # of the rewards told

    def tell(self, chain: Chain, reward: float) -> None:
        """Backs up the reward along the path on which the chain was asked, or keeps it for later."""
        super().tell(chain, reward)
        number = self._rewards[chain.layers]
        self._low, self._high = min(self._low, number), max(self._high, number)

    def _draw(self, node: TreeNode) -> Layers | None:
        """The unexplored child with the highest prior."""
        if node.id not in self._ranked:
            self._ranked[node.id] = self._rank(node.chain)
            self._shares[node.id] = {}
        rest = self._ranked[node.id]
        while rest:
            share, edit = rest.pop()
            child = edited(node.chain.layers, edit)
            if self._may_lead(node, child):
                self._shares[node.id][child] = share
                return child
        return None

    def _rank(self, chain: Chain) -> list[tuple[float, Edit]]:
        """The edits by ascending prior, ties in random order."""
        edits = self.space.edits(chain)
        children = [Chain.unchecked(edited(chain.layers, edit), chain.num_layers) for edit in edits]
        ranked = list(zip(normalised(self.prior(chain, children), len(children)), edits, strict=True))
        self._rng.shuffle(ranked)
        return sorted(ranked, key=lambda pair: pair[0])

    def _best(self, node: TreeNode) -> TreeNode | None:
        stretched = self.settings.stretch > 0 and self._low < self._high
        bounds = (self._low, self._high) if stretched else (0.0, 1.0)
        return puct(node, self.settings.exploration, self._shares.get(node.id, {}), bounds)


def puct(
    node: TreeNode, exploration: float, shares: Mapping[Layers, float], bounds: tuple[float, float] = (0.0, 1.0)
) -> TreeNode | None:
    """The open child with the highest Q + c * P * sqrt(V) / (1 + v) (AlphaZero, arXiv 1712.01815).

    Args:
        node: whose children are compared; V are its visits.
        exploration: c.
        shares: P of each child, by its layers.
        bounds: of the rewards, to stretch Q between; a child's length penalty stays as it is.
    """
    (low, high), plain = bounds, bounds == (0.0, 1.0)
    factor = exploration * math.sqrt(node.visits)
    best, highest = None, -math.inf
    for layers, child in node.children.items():
        value = child.base if plain else (child.base + child.penalty - low) / (high - low) - child.penalty
        bound = value + factor * shares[layers] / (1 + child.visits)
        if bound > highest and not child.closed:
            best, highest = child, bound
    return best


def few_slots(chain: Chain, children: Sequence[Chain]) -> list[float]:
    """A mild prior for small edits: 1 / (1 + the difference in depth)."""
    return [1 / (1 + abs(len(child) - len(chain))) for child in children]


def normalised(weights: Sequence[float], count: int) -> list[float]:
    """The weights divided by their sum; all equal where they are all 0."""
    numbers = [float(weight) for weight in weights]
    if len(numbers) != count or not all(math.isfinite(number) and number >= 0 for number in numbers):
        raise InvalidInput(
            f"the prior gave {len(numbers)} numbers for {count} children, or one that is negative or not finite; "
            "return one number of at least 0 for each child"
        )
    total = sum(numbers)
    return [number / total for number in numbers] if total else [1 / max(count, 1)] * count
