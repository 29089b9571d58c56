"""PUCT: the tree search with priors over edits (AlphaZero, arXiv 1712.01815).

The child of a node P is selected by

    Q(child) + c * P(edit) * sqrt(V) / (1 + v)                   (AlphaGo Zero, Methods, "Select")

with V the visits of the node, v those of the child. The priors come from a router, a surrogate or another function
of (chain, children); without one, edits that change few slots are preferred mildly. Nodes widen by descending
prior, so a good prior decides what is explored at all, and is read once for each node.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from skiploop.chains.chain import Chain
from skiploop.chains.edits import Edit, edited
from skiploop.errors import InvalidInput
from skiploop.searchers.trees.tree import FirstValue, Node, TreeSearcher, Valuing, check_numbers
from skiploop.spaces.space import Space

Layers = tuple[int, ...]
Prior = Callable[[Chain, Sequence[Chain]], Sequence[float]]


@dataclass(frozen=True, slots=True)
class PuctSettings:
    """The constants of the search.

    Attributes:
        exploration: c of the PUCT term, for rewards in [0, 1].
        length_penalty: subtracted times depth / L, as in CoLa; 0 has no prior for short chains.
        random_child: probability at each node to take the next unexplored child although it is as wide as allowed.
        widening: children allowed at one visit.
        widening_power: how fast that number grows with visits.
        pessimism: weight of a node's lowest reward against its mean, e.g. 0.5 where the reward is noisy.
        first_weight: visits that a certain `first_value` counts for; without a `first_value`, nothing.
    """

    exploration: float = 1.25
    length_penalty: float = 0.0
    random_child: float = 0.0
    widening: float = 2.0
    widening_power: float = 0.5
    pessimism: float = 0.0
    first_weight: float = 1.0

    def __post_init__(self) -> None:
        check_numbers(self, shares=("random_child", "widening_power", "pessimism"))


class PuctSearcher(TreeSearcher):
    """Tree search that looks first where the prior says.

    Args:
        space: the chains and edits to search.
        seed: seeds this searcher's own generator.
        settings: the constants of the search.
        prior: one number of at least 0 for each child of a chain, normalised here.
        first_value: a chain's value before it is evaluated, and the certainty of that in [0, 1].
    """

    settings_type: ClassVar[type[PuctSettings]] = PuctSettings

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 0,
        settings: PuctSettings | None = None,
        prior: Prior | None = None,
        first_value: FirstValue | None = None,
    ) -> None:
        self.settings = settings or PuctSettings()
        self.prior = prior or few_slots
        self._valuing = Valuing(self.settings.pessimism, self.settings.first_weight, first_value)
        self._ranked: dict[int, list[tuple[float, Edit]]] = {}  # node -> unexplored, by ascending prior
        self._shares: dict[int, dict[Layers, float]] = {}  # node -> P of each child explored
        super().__init__(space, seed=seed, settings=self.settings)

    def _make(self, number: int, chain: Chain, parent: Node | None) -> Node:
        return self._valuing.node(number, chain, parent, self.settings.length_penalty)

    def _draw(self, node: Node) -> Layers | None:
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

    def _best(self, node: Node, spread: float) -> Node | None:
        """The open child with the highest Q + c * P * sqrt(V) / (1 + v)."""
        shares = self._shares.get(node.id, {})
        factor = self.settings.exploration * math.sqrt(node.visits)
        best, highest = None, -math.inf
        for layers, child in node.children.items():
            bound = child.base + factor * shares[layers] / (1 + child.visits)
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
