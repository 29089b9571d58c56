"""CoLa's search for a chain: Monte Carlo tree search over edits (arXiv 2507.07996), behind ask/tell.

A node is a chain, the root the identity, a step down a legal edit: skip or loop a block. There is no
rollout: a new node's own chain is evaluated, and its reward backed up along the path walked. The paper
leaves open, and here:

- *Progressive widening*: a node of v visits has at most ceil(widening * v^widening_power) children before
  selection goes deeper. With hundreds of edits at the root, 200 simulations would never leave depth 1
  otherwise.
- *Transpositions*: a chain that is reached twice is one node and one evaluation, so the tree becomes a DAG.
  Its visits and value are shared by all its parents; a reward is backed up along the path walked, not to
  the other parents. An edit that leads to a known node makes that a child, without a simulation, but only
  where the node's level (its steps from the root when it was made) is larger than the parent's: so there
  are no cycles, and an edit that undoes another leads nowhere.
- *Exhausted subtrees are closed*: a node without unexplored edits and open children isn't selected any more.
- *Pending evaluations* count as visits of reward 0 until they are told (virtual visits), so that `ask(n)`
  gives n distinct chains, spread out; the order in which they are told doesn't matter.
- A chain told before it is asked is a simulation for free: when the walk comes to it, its reward is backed
  up.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, fields
from typing import ClassVar

from skiploop.chain import Chain, Edit, edited
from skiploop.errors import InvalidInput
from skiploop.notation import whole_number
from skiploop.searchers.reward import checked
from skiploop.space import Space

# A node lists its unexplored edits, which takes kilobytes, at so many children or draws that failed.
_FEW_CHILDREN = 4
_FEW_DRAWS = 8


@dataclass(frozen=True, slots=True)
class ColaSettings:
    """The constants of the search.

    Attributes:
        exploration: c of the UCB term; the paper doesn't give it.
        length_penalty: lambda, subtracted times depth / L (paper: 5.0); 0 removes the prior for short chains.
        random_child: probability at each node to take a random unexplored child instead (paper: 0.1).
        widening: children allowed at one visit.
        widening_power: how fast that number grows with visits; a large `widening` gives plain UCT.
    """

    exploration: float = math.sqrt(2)
    length_penalty: float = 5.0
    random_child: float = 0.1
    widening: float = 2.0
    widening_power: float = 0.5

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            highest = 1.0 if field.name in ("random_child", "widening_power") else math.inf
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= highest:
                allowed = "in [0, 1]" if highest == 1 else "of at least 0"
                raise InvalidInput(f"{field.name}={value!r} doesn't work; use a number {allowed}")
            if not math.isfinite(value):
                raise InvalidInput(f"{field.name}={value!r} isn't finite; use a large number instead")


class Node:
    """A chain with its statistics: `visits` is v, `total` is Q, the rewards of simulations through it."""

    __slots__ = (
        "base", "chain", "children", "closed", "id", "level", "parent", "penalty", "spent", "spread", "total",
        "unexplored", "visits",
    )  # fmt: skip

    def __init__(self, number: int, chain: Chain, parent: Node | None, length_penalty: float) -> None:
        self.id = number
        self.chain = chain
        self.parent = (
            parent.id if parent else None
        )  # the first that led here; no reference, as that makes a cycle
        self.level: int = parent.level + 1 if parent else 0
        self.penalty = length_penalty * chain.relative_depth
        self.visits = 0
        self.total = 0.0
        self.base = 0.0  # Q/v - lambda * |P| / L
        self.spread = 0.0  # sqrt(1 / v)
        self.children: dict[tuple[int, ...], Node] = {}
        self.unexplored: list[Edit] | None = None
        self.spent = False  # no unexplored edits are left
        self.closed = False  # no chain below is left to evaluate

    def add(self, visits: int, reward: float) -> None:
        """Counts visits and reward, and keeps what UCB needs of them: read far more often than changed."""
        self.visits += visits
        self.total += reward
        self.base = self.total / self.visits - self.penalty
        self.spread = 1 / math.sqrt(self.visits)


class ColaSearcher:
    """CoLa's tree search over one input's chains, exact when asked one at a time and told at once.

    Args:
        space: the chains and edits to search.
        seed: seeds this searcher's own generator.
        settings: the constants of the search.
    """

    settings_type: ClassVar[type[ColaSettings]] = ColaSettings

    def __init__(self, space: Space, *, seed: int = 0, settings: ColaSettings | None = None) -> None:
        self.space = space
        self.seed = whole_number("seed", seed, 0)
        self.settings = settings or ColaSettings()
        self._rng = random.Random(self.seed)
        self._root = Node(0, space.identity, None, self.settings.length_penalty)
        self._nodes = {self._root.chain.layers: self._root}
        self._rewards: dict[tuple[int, ...], float] = {}
        self._pending: dict[tuple[int, ...], list[Node]] = {}  # asked, not told -> path from the root

    def ask(self, n: int) -> list[Chain]:
        """Up to n further chains; fewer when the space is exhausted."""
        wanted = whole_number("n", n, 0)
        asked: list[Chain] = []
        while len(asked) < wanted and (path := self._walk()) is not None:
            leaf = path[-1].chain
            known = self._rewards.get(leaf.layers)
            if known is None:
                self._pending[leaf.layers] = path
                asked.append(leaf)
            for node in path:
                node.add(1, known or 0.0)
        return asked

    def tell(self, chain: Chain, reward: float) -> None:
        """Backs up the reward along the path on which the chain was asked, or keeps it for later."""
        number = checked(self.space, chain, reward)
        if chain.layers not in self._rewards:  # the first word counts: telling twice is harmless
            self._rewards[chain.layers] = number
            for node in self._pending.pop(chain.layers, ()):
                node.add(0, number)

    def tree(self) -> list[dict[str, object]]:
        """The nodes in the order in which they were made, ready for JSON.

        Each has `id`, `chain`, `visits`, `value` (mean reward backed up, pending ones counting 0), `reward`
        (its own, None while pending), `parent` (the first, None for the root), `children` (ids; with
        transpositions, so a node may have several parents) and `closed`.
        """
        return [
            {
                "id": node.id,
                "chain": str(node.chain),
                "visits": node.visits,
                "value": node.total / node.visits if node.visits else 0.0,
                "reward": self._rewards.get(layers),
                "parent": node.parent,
                "children": [child.id for child in node.children.values()],
                "closed": node.closed,
            }
            for layers, node in self._nodes.items()
        ]

    def _walk(self) -> list[Node] | None:
        """Selection: the path from the root to a node not visited yet, or None when all chains are."""
        if not self._root.visits:
            return [self._root]
        spread = self.settings.exploration * math.sqrt(math.log(self._root.visits))
        path = [] if self._root.closed else [self._root]
        while path:
            child = self._step(path[-1], spread)
            if child is None:
                path.pop().closed = True
                continue
            path.append(child)
            if not child.visits:
                return path
        return None

    def _step(self, node: Node, spread: float) -> Node | None:
        """One step of selection: a new child where widening or chance says so, else the best by UCB."""
        while self._widens(node):
            child = self._expand(node)
            if child is not None and not child.visits:
                return child
        while (best := _best(node, spread)) is None and not node.spent:
            child = self._expand(node)
            if child is not None and not child.visits:
                return child
        return best

    def _widens(self, node: Node) -> bool:
        settings = self.settings
        if node.spent:
            return False
        if len(node.children) < math.ceil(settings.widening * node.visits**settings.widening_power):
            return True
        return settings.random_child > 0 and self._rng.random() < settings.random_child

    def _expand(self, node: Node) -> Node | None:
        """Adds a random unexplored child, new or known by another path; None if there is none."""
        layers = self._draw(node)
        if layers is None:
            node.spent = True
            return None
        child = self._nodes.get(layers)
        if child is None:
            chain = Chain.unchecked(layers, self.space.num_layers)
            child = self._nodes[layers] = Node(len(self._nodes), chain, node, self.settings.length_penalty)
        node.children[layers] = child
        return child

    def _draw(self, node: Node) -> tuple[int, ...] | None:
        """The layers of a random unexplored child."""
        layers = node.chain.layers
        if node.unexplored is None:
            edits = self.space.edits(node.chain)
            for _ in range(_FEW_DRAWS if len(node.children) < _FEW_CHILDREN and edits else 0):
                child = edited(layers, edits[int(self._rng.random() * len(edits))])
                if self._may_lead(node, child):
                    return child
            node.unexplored = edits
        rest = node.unexplored
        while rest:
            pick = int(self._rng.random() * len(rest))
            rest[pick], rest[-1] = rest[-1], rest[pick]
            child = edited(layers, rest.pop())
            if self._may_lead(node, child):
                return child
        return None

    def _may_lead(self, node: Node, child: tuple[int, ...]) -> bool:
        known = self._nodes.get(child)
        return known is None or (known.level > node.level and child not in node.children)


def _best(node: Node, spread: float) -> Node | None:
    """The open child with the highest UCB(P) = Q/v + c * sqrt(ln V / v) - lambda * |P| / L (CoLa)."""
    best, highest = None, -math.inf
    for child in node.children.values():
        bound = child.base + spread * child.spread
        if bound > highest and not child.closed:
            best, highest = child, bound
    return best
