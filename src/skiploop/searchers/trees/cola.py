"""CoLa's search for a chain: Monte Carlo tree search over edits (arXiv 2507.07996), behind ask/tell.

A node is a chain, the root the identity, a step down a legal edit: skip or loop a block. Which child is the best is
said by the paper's UCB. What the paper leaves open (widening, transpositions, pending evaluations) is in
`skiploop.searchers.trees.tree`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from skiploop.searchers.trees.tree import FirstValue, TreeNode, TreeSearcher, ValueSettings, node_maker
from skiploop.spaces.space import Space


@dataclass(frozen=True, slots=True)
class ColaSettings(ValueSettings):
    """The constants of the search; the paper has a length penalty of 5 and a random child with probability 0.1.

    Attributes:
        exploration: c of the UCB term; the paper doesn't give it.
    """

    exploration: float = math.sqrt(2)
    length_penalty: float = 5.0


class ColaSearcher(TreeSearcher[ColaSettings]):
    """CoLa's tree search over one input's chains, exact when asked one at a time and told at once.

    Args:
        space: the chains and edits to search.
        seed: seeds this searcher's own generator.
        settings: the constants of the search.
        first_value: a chain's value before it is evaluated, and the certainty of that in [0, 1].
    """

    settings_type = ColaSettings

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 0,
        settings: ColaSettings | None = None,
        first_value: FirstValue | None = None,
    ) -> None:
        settings = settings or ColaSettings()
        super().__init__(space, seed=seed, settings=settings, make_node=node_maker(settings, first_value))

    def _best(self, node: TreeNode) -> TreeNode | None:
        return ucb(node, self.settings.exploration, self._root.visits)


def ucb(node: TreeNode, exploration: float, simulations: int) -> TreeNode | None:
    """The open child with the highest UCB(P) = Q/v + c * sqrt(ln V / v) - lambda * |P| / L (CoLa, arXiv 2507.07996).

    Args:
        node: whose children are compared.
        exploration: c.
        simulations: V, the visits of the root.
    """
    spread = exploration * math.sqrt(math.log(simulations))
    best, highest = None, -math.inf
    for child in node.children.values():
        bound = child.base + spread * child.spread
        if bound > highest and not child.closed:
            best, highest = child, bound
    return best
