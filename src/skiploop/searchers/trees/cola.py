"""CoLa's search for a chain: Monte Carlo tree search over edits (arXiv 2507.07996), behind ask/tell.

A node is a chain, the root the identity, a step down a legal edit: skip or loop a block. Which child is the best is
said by the paper's UCB. What the paper leaves open (widening, transpositions, pending evaluations) is in
`skiploop.searchers.trees.tree`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from skiploop.chains.chain import Chain
from skiploop.searchers.trees.tree import FirstValue, Node, TreeSearcher, Valuing, check_numbers
from skiploop.spaces.space import Space


@dataclass(frozen=True, slots=True)
class ColaSettings:
    """The constants of the search.

    Attributes:
        exploration: c of the UCB term; the paper doesn't give it.
        length_penalty: lambda, subtracted times depth / L (paper: 5.0); 0 removes the prior for short chains.
        random_child: probability at each node to take a random unexplored child instead (paper: 0.1).
        widening: children allowed at one visit.
        widening_power: how fast that number grows with visits; a large `widening` gives plain UCT.
        pessimism: weight of a node's lowest reward against its mean, e.g. 0.5 where the reward is noisy.
        first_weight: visits that a certain `first_value` counts for; without a `first_value`, nothing.
    """

    exploration: float = math.sqrt(2)
    length_penalty: float = 5.0
    random_child: float = 0.1
    widening: float = 2.0
    widening_power: float = 0.5
    pessimism: float = 0.0
    first_weight: float = 1.0

    def __post_init__(self) -> None:
        check_numbers(self, shares=("random_child", "widening_power", "pessimism"))


class ColaSearcher(TreeSearcher):
    """CoLa's tree search over one input's chains, exact when asked one at a time and told at once.

    Args:
        space: the chains and edits to search.
        seed: seeds this searcher's own generator.
        settings: the constants of the search.
        first_value: a chain's value before it is evaluated, and the certainty of that in [0, 1].
    """

    settings_type: ClassVar[type[ColaSettings]] = ColaSettings

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 0,
        settings: ColaSettings | None = None,
        first_value: FirstValue | None = None,
    ) -> None:
        self.settings = settings or ColaSettings()
        self._valuing = Valuing(self.settings.pessimism, self.settings.first_weight, first_value)
        super().__init__(space, seed=seed, settings=self.settings)

    def _make(self, number: int, chain: Chain, parent: Node | None) -> Node:
        return self._valuing.node(number, chain, parent, self.settings.length_penalty)

    def _spread(self, simulations: int) -> float:
        return self.settings.exploration * math.sqrt(math.log(simulations))

    def _best(self, node: Node, spread: float) -> Node | None:
        return _best(node, spread)


def _best(node: Node, spread: float) -> Node | None:
    """The open child with the highest UCB(P) = Q/v + c * sqrt(ln V / v) - lambda * |P| / L (CoLa)."""
    best, highest = None, -math.inf
    for child in node.children.values():
        bound = child.base + spread * child.spread
        if bound > highest and not child.closed:
            best, highest = child, bound
    return best
