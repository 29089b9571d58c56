"""The tree under the tree searchers: chains as nodes, edits as steps down, behind ask/tell.

A node is a chain, the root the identity, a step down a legal edit. There is no rollout: a new node's own chain is
evaluated, and its reward backed up along the path walked. A searcher on top says which child is the best (`_best`)
and how nodes are made (`make_node`), and may say which child is explored next (`_draw`) and what is backed up
(`_back_up`).

- *Progressive widening*: a node of v visits has at most ceil(widening * v^widening_power) children before
  selection goes deeper. With hundreds of edits at the root, 200 simulations would never leave depth 1 otherwise.
- *Transpositions*: a chain that is reached twice is one node and one evaluation, so the tree becomes a DAG. Its
  visits and value are shared by all its parents; a reward is backed up along the path walked, not to the other
  parents. An edit that leads to a known node makes that a child, without a simulation, but only where the node's
  level (its steps from the root when it was made) is larger than the parent's: so there are no cycles, and an edit
  that undoes another leads nowhere.
- *Exhausted subtrees are closed*: a node without unexplored edits and open children isn't selected any more.
- *Pending evaluations* count as visits of reward 0 until they are told (virtual visits), so that `ask(n)` gives n
  distinct chains, spread out; the order in which they are told doesn't matter.
- A chain told before it is asked is a simulation for free: when the walk comes to it, its reward is backed up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from skiploop.chains.chain import Chain
from skiploop.chains.edits import Edit, edited
from skiploop.errors import InvalidInput
from skiploop.searchers.base import SearcherBase
from skiploop.searchers.protocol import checked
from skiploop.spaces.space import Space
from skiploop.validate import SHARE, numbers, whole_number

# A node lists its unexplored edits, which takes kilobytes, from this number of children or of failed draws on.
_FEW_CHILDREN = 4
_FEW_DRAWS = 8


@dataclass(frozen=True, slots=True)
class TreeSettings:
    """How fast nodes get children, for every search on the tree.

    Attributes:
        random_child: probability at each node to take a random unexplored child instead of the best one.
        widening: children allowed at one visit.
        widening_power: how fast that number grows with visits; a large `widening` gives plain UCT.
    """

    random_child: float = 0.1
    widening: float = 2.0
    widening_power: float = 0.5

    shares: ClassVar[tuple[str, ...]] = ("random_child", "widening_power")
    whole: ClassVar[Mapping[str, int]] = {}

    def __post_init__(self) -> None:
        numbers(self, whole=self.whole, within=dict.fromkeys(self.shares, SHARE))


@dataclass(frozen=True, slots=True)
class ValueSettings(TreeSettings):
    """The constants of a search that goes by a child's value and how often it was visited.

    Attributes:
        exploration: c, the weight of the term for children with few visits.
        length_penalty: lambda, subtracted times depth / L; 0 removes the prior for short chains.
        pessimism: weight of a node's lowest reward against its mean, e.g. 0.5 where the reward is noisy.
        first_weight: visits that a certain `first_value` counts for; without a `first_value`, nothing.
    """

    exploration: float = 1.0
    length_penalty: float = 0.0
    pessimism: float = 0.0
    first_weight: float = 1.0

    shares: ClassVar[tuple[str, ...]] = ("random_child", "widening_power", "pessimism")


class TreeNode:
    """A chain with its statistics: `visits` is v, `total` is Q, the rewards of simulations through it."""

    __slots__ = (
        "base", "chain", "children", "closed", "id", "level", "parent", "penalty", "spent", "spread", "total",
        "unexplored", "visits",
    )  # fmt: skip

    def __init__(self, number: int, chain: Chain, parent: TreeNode | None, length_penalty: float) -> None:
        self.id = number
        self.chain = chain
        self.parent = parent.id if parent else None  # the first that led here; no reference, as that makes a cycle
        self.level: int = parent.level + 1 if parent else 0
        self.penalty = length_penalty * chain.relative_depth
        self.visits = 0
        self.total = 0.0
        self.base = 0.0  # Q/v - lambda * |P| / L
        self.spread = 0.0  # sqrt(1 / v)
        self.children: dict[tuple[int, ...], TreeNode] = {}
        self.unexplored: list[Edit] | None = None
        self.spent = False  # no unexplored edits are left
        self.closed = False  # no chain below is left to evaluate

    def add(self, visits: int, reward: float) -> None:
        """Counts a visit whose reward is pending, (1, 0.0), or a reward that has come, (0, reward).

        It keeps what UCB needs of them, which is read far more often than changed.
        """
        self.visits += visits
        self.total += reward
        self.base = self.total / self.visits - self.penalty
        self.spread = 1 / math.sqrt(self.visits)


# A chain's value before anything is known of it, and how certain that is, in [0, 1].
FirstValue = Callable[[Chain], tuple[float, float]]
# Given its number, its chain and the node that led to it first, a new node.
NodeMaker = Callable[[int, Chain, "TreeNode | None"], "TreeNode"]


def node_maker(settings: ValueSettings, first_value: FirstValue | None) -> NodeMaker:
    """What makes the nodes of a search: no larger or slower ones than its settings need.

    Args:
        settings: `pessimism` 0.5 values a node by (min + mean) / 2 of its rewards (arXiv 2505.23229).
        first_value: a chain's value before it is evaluated and the certainty of that (MASTER, arXiv 2501.14304).
    """

    def plain(number: int, chain: Chain, parent: TreeNode | None) -> TreeNode:
        return TreeNode(number, chain, parent, settings.length_penalty)

    def valued(number: int, chain: Chain, parent: TreeNode | None) -> TreeNode:
        first, certainty = first_value(chain) if first_value is not None else (0.0, 0.0)
        if not (math.isfinite(first) and 0 <= certainty <= 1):
            raise InvalidInput(
                f"first_value gave {(first, certainty)!r} for {str(chain)!r}; it must return a finite value and "
                "a certainty in [0, 1]"
            )
        node = ValuedNode(number, chain, parent, settings.length_penalty)
        node.first, node.weight, node.pessimism = first, certainty * settings.first_weight, settings.pessimism
        return node

    has_first_values = first_value is not None and settings.first_weight > 0
    return valued if settings.pessimism or has_first_values else plain


class ValuedNode(TreeNode):
    """A node that also knows the lowest reward below it and what was thought of it at first."""

    __slots__ = ("first", "lowest", "pessimism", "weight")

    def __init__(self, number: int, chain: Chain, parent: TreeNode | None, length_penalty: float) -> None:
        super().__init__(number, chain, parent, length_penalty)
        self.first = self.weight = self.pessimism = 0.0
        self.lowest = math.inf  # of the rewards told; a pending visit isn't one

    def add(self, visits: int, reward: float) -> None:
        """(c_v * first + v * (p * min + (1 - p) * Q/v)) / (c_v + v), with c_v times its certainty."""
        super().add(visits, reward)
        if not visits:
            self.lowest = min(self.lowest, reward)
        self.weigh()

    def weigh(self) -> None:
        """Computes the value again, after `first` or `weight` has changed."""
        mean = self.total / self.visits
        low = min(self.lowest, mean) if self.lowest < math.inf else mean
        value = self.pessimism * low + (1 - self.pessimism) * mean
        self.base = (self.weight * self.first + self.visits * value) / (self.weight + self.visits) - self.penalty


Settings = TypeVar("Settings", bound=TreeSettings)


class TreeSearcher(SearcherBase[Settings]):
    """The tree search, without the rule by which children are compared; exact when told after each ask(1).

    Args:
        space: the chains and edits to search.
        seed: seeds this searcher's own generator.
        settings: how fast nodes get children, and what a subclass adds.
        make_node: makes the nodes; what is backed up is kept there.
    """

    def __init__(self, space: Space, *, seed: int, settings: Settings | None, make_node: NodeMaker) -> None:
        super().__init__(space, seed=seed, settings=settings)
        self._width, self._power, self._random_child = (
            self.settings.widening, self.settings.widening_power, self.settings.random_child
        )  # fmt: skip
        self._make_node = make_node
        self._root = make_node(0, space.identity, None)
        self._nodes = {self._root.chain.layers: self._root}
        self._rewards: dict[tuple[int, ...], float] = {}
        self._pending: dict[tuple[int, ...], list[TreeNode]] = {}  # asked, not told -> path from the root

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
                node.add(1, 0.0)
            if known is not None:
                self._back_up(path, leaf.layers)
        return asked

    def tell(self, chain: Chain, reward: float) -> None:
        """Backs up the reward along the path on which the chain was asked, or keeps it for later."""
        number = checked(self.space, chain, reward)
        if chain.layers not in self._rewards:  # the first reward counts: telling twice is harmless
            self._rewards[chain.layers] = number
            self._back_up(self._pending.pop(chain.layers, []), chain.layers)

    def _best(self, node: TreeNode) -> TreeNode | None:
        """The open child to go down to; None when there is none."""
        raise NotImplementedError

    def _back_up(self, path: list[TreeNode], layers: tuple[int, ...]) -> None:
        """Adds the chain's reward along the path; its visits were counted when it was asked."""
        reward = self._rewards[layers]
        for node in path:
            node.add(0, reward)

    def tree(self) -> list[dict[str, object]]:
        """The nodes in the order in which they were made, ready for JSON.

        Each has `id`, `chain`, `visits`, `value` (mean reward backed up, pending ones counting 0), `reward` (its own,
        None while pending), `parent` (the first, None for the root), `children` (ids; a node may have several
        parents) and `closed`.
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

    def _walk(self) -> list[TreeNode] | None:
        """Selection: the path from the root to a node not visited yet, or None when all chains are."""
        if not self._root.visits:
            return [self._root]
        path = [] if self._root.closed else [self._root]
        while path:
            child = self._step(path[-1])
            if child is None:
                path.pop().closed = True
                continue
            path.append(child)
            if not child.visits:
                return path
        return None

    def _step(self, node: TreeNode) -> TreeNode | None:
        """One step of selection: a new child where widening or chance says so, else the best one."""
        while self._widens(node):
            child = self._expand(node)
            if child is not None and not child.visits:
                return child
        while (best := self._best(node)) is None and not node.spent:
            child = self._expand(node)
            if child is not None and not child.visits:
                return child
        return best

    def _widens(self, node: TreeNode) -> bool:
        if node.spent:
            return False
        if len(node.children) < self._width * node.visits**self._power:  # as if rounded up, since it is a count
            return True
        return self._random_child > 0 and self._rng.random() < self._random_child

    def _expand(self, node: TreeNode) -> TreeNode | None:
        """Adds a random unexplored child, new or known by another path; None if there is none."""
        layers = self._draw(node)
        if layers is None:
            node.spent = True
            return None
        child = self._nodes.get(layers)
        if child is None:
            chain = Chain.unchecked(layers, self.space.num_layers)
            child = self._nodes[layers] = self._make_node(len(self._nodes), chain, node)
        node.children[layers] = child
        return child

    def _draw(self, node: TreeNode) -> tuple[int, ...] | None:
        """The layers of a random unexplored child."""
        layers, level, children = node.chain.layers, node.level, node.children
        nodes, chance = self._nodes, self._rng.random
        if node.unexplored is None:
            edits = self.space.edits(node.chain)
            for _ in range(_FEW_DRAWS if len(children) < _FEW_CHILDREN and edits else 0):
                child = edited(layers, edits[int(chance() * len(edits))])
                if self._may_lead(node, child):
                    return child
            node.unexplored = edits
        rest = node.unexplored
        while rest:  # most of the time goes here, so `_may_lead` is written out
            pick = int(chance() * len(rest))
            edit, rest[pick] = rest[pick], rest[-1]
            rest.pop()
            child = edited(layers, edit)
            known = nodes.get(child)
            if known is None or (known.level > level and child not in children):
                return child
        return None

    def _may_lead(self, node: TreeNode, child: tuple[int, ...]) -> bool:
        known = self._nodes.get(child)
        return known is None or (known.level > node.level and child not in node.children)
