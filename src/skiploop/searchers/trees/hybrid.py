"""A tree search whose values are part estimate, part experience (I-MCTS, arXiv 2502.14693).

A node that n simulations went through, with rewards W in all, is worth

    V = w * V_est + (1 - w) * W / n,    w = c_v * trust / (n + c_v * trust)

where V_est comes from a model of the reward: a function that is given, or one that is fitted on the way. There is no
walk down the tree: each simulation takes the best leaf of the whole tree, a chain that isn't evaluated yet, or an
evaluated one that may have another few children, which are then proposed one after another, so that each promises much
and differs from its siblings. How many children a node may have grows with its visits (progressive widening).

An estimate is trusted as far as it was right before: `trust` is the correlation of what was expected of the chains
when they were asked with the rewards that came, less what chance gives, and drawn towards `first_trust` while there are
few. An estimator that is given may have any scale: the line through these pairs, its slope shrunk by the trust,
makes rewards of what it says. So an estimate that knows nothing soon counts for nothing. A leaf without an
evaluation is worth its parent's own reward as far as its estimate isn't trusted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from skiploop.chains.chain import Chain
from skiploop.chains.edits import Edit, edited
from skiploop.errors import InvalidInput
from skiploop.searchers.features import Features, Floats, Layers
from skiploop.searchers.protocol import checked
from skiploop.searchers.trees.tree import TreeNode, TreeSearcher, TreeSettings, ValuedNode
from skiploop.spaces.space import Space

Estimator = Callable[[Chain], float]

_SPREAD = 0.25  # of rewards in [0, 1] of which nothing is known
_PAIRS = 4  # evaluations for which `first_trust` counts
_MOST = 200  # rewards that a model is fitted to; with more, the last one stays
_GROWTH = 1.1  # how many times as many rewards as at the last fit, before the next
_RIDGE = 0.01
_WIDTH = 12.0  # of the kernel, times the layers of the model


@dataclass(frozen=True, slots=True)
class HybridSettings(TreeSettings):
    """The constants of the search.

    Attributes:
        estimate_weight: c_v, visits that a trusted estimate counts for; 0 uses no estimates at all.
        first_trust: in an estimator that is given, before it could be compared with anything.
        exploration: c of c * sqrt(ln V / (1 + n)), added to a leaf's value.
        length_penalty: subtracted times depth / L, as in CoLa; 0 has no prior for short chains.
        random_child: probability to propose children for the node that is best, however many it has.
        proposals: edits that are looked at for each child proposed.
        diversity: what the farthest chain from all siblings is worth more than one like them, in standard deviations of
            the rewards.
    """

    estimate_weight: float = 1.0
    first_trust: float = 0.5
    exploration: float = 0.05
    length_penalty: float = 0.0
    random_child: float = 0.0
    widening: float = 12.0
    proposals: int = 16
    diversity: float = 0.5

    shares: ClassVar[tuple[str, ...]] = ("first_trust", "random_child", "widening_power")
    whole: ClassVar[Mapping[str, int]] = {"proposals": 1}


class HybridSearcher(TreeSearcher[HybridSettings]):
    """Asks for the leaf of the tree with the best blend of estimate and rewards.

    Args:
        space: the chains and edits to search.
        seed: seeds this searcher's own generator.
        settings: the constants of the search.
        estimator: expected reward of a chain, on any scale; without one, a kernel regression on what was told.
    """

    settings_type = HybridSettings

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 0,
        settings: HybridSettings | None = None,
        estimator: Estimator | None = None,
    ) -> None:
        self._by_id: list[ValuedNode] = []
        self._leaves: dict[int, ValuedNode] = {}  # made, and not asked
        super().__init__(space, seed=seed, settings=settings, make_node=self._make)
        self.estimator = estimator
        self._features = Features(space.num_layers)
        self._model: Regression | None = None
        self._given: dict[Layers, float] = {}  # what the estimator said
        self._line = (0.0, 0.0 if estimator else 1.0)  # intercept and slope of rewards on estimates
        self._trust = self.settings.first_trust if estimator and self.settings.estimate_weight else 0.0
        self._expected: dict[Layers, float] = {}  # estimates of what was asked, at that time
        self._deviation = _SPREAD  # standard deviation of rewards
        self._next_fit = 2
        self._inner: dict[int, ValuedNode] = {}  # asked, with children that could still be proposed

    def tell(self, chain: Chain, reward: float) -> None:
        """Backs up the reward along the path on which the chain was asked, or keeps it for later."""
        checked(self.space, chain, reward)
        if self.space.accepts(chain.layers):  # nothing is learned from others
            super().tell(chain, reward)

    def _make(self, number: int, chain: Chain, parent: TreeNode | None) -> TreeNode:
        node = ValuedNode(number, chain, parent, self.settings.length_penalty)
        self._by_id.append(node)
        self._leaves[number] = node
        return node

    def _walk(self) -> list[TreeNode] | None:
        """The path to the best leaf, children being proposed on the way."""
        if len(self._rewards) >= self._next_fit:
            self._learn()
        while (node := self._best_leaf()) is not None:
            if not node.visits:
                self._inner[node.id] = self._leaves.pop(node.id)
                self._expected[node.chain.layers] = float(self._raw([node.chain.layers])[0])
                return self._path(node)
            self._propose(node)
            if node.spent:
                del self._inner[node.id]
        self._root.closed = True
        return None

    def _path(self, node: TreeNode) -> list[TreeNode]:
        """From the root, by the parents that made each node."""
        path = [node]
        while (parent := path[-1].parent) is not None:
            path.append(self._by_id[parent])
        return path[::-1]

    def _best_leaf(self) -> ValuedNode | None:
        """The best chain not asked yet, or node that may have more children; any node with edits if all are full."""
        settings = self.settings
        spread = settings.exploration * math.sqrt(math.log(max(self._root.visits, 1)))
        best, highest = None, -math.inf
        widened = settings.random_child > 0 and self._rng.random() < settings.random_child
        for group in (self._leaves, self._inner):
            for node in group.values():
                value = node.base + spread / math.sqrt(1 + node.visits)
                if value > highest and (widened or not node.visits or self._room(node) > 0):
                    best, highest = node, value
        if best is None and self._inner:
            return max(self._inner.values(), key=lambda node: (node.base, -node.id))
        return best

    def _room(self, node: TreeNode) -> int:
        """How many more children a node may have now."""
        allowed = self.settings.widening * node.visits**self.settings.widening_power
        return math.ceil(float(allowed)) - len(node.children)

    def _propose(self, node: ValuedNode) -> None:
        """Gives a node its next children: each the best of some edits, by its estimate and its distance to siblings."""
        if node.unexplored is None:
            node.unexplored = self.space.edits(node.chain)
        count = max(self._room(node), 1)
        drawn = self._draw_unknown(node, count * self.settings.proposals)
        if not drawn:
            node.spent = True
            return
        rows = self._features.rows([edited(node.chain.layers, edit) for edit in drawn])
        estimates = self._on_line(self._raw([edited(node.chain.layers, edit) for edit in drawn]))
        chosen = self._choose(node, rows, estimates, count)
        for place in chosen:
            layers = edited(node.chain.layers, drawn[place])
            child = self._make(len(self._nodes), Chain.unchecked(layers, self.space.num_layers), node)
            self._nodes[layers] = node.children[layers] = child
            self._value_leaf(self._by_id[child.id], float(estimates[place]))
        node.unexplored += [edit for place, edit in enumerate(drawn) if place not in chosen]

    def _draw_unknown(self, node: TreeNode, count: int) -> list[Edit]:
        """Random edits that lead to chains without a node; they and those that don't are taken off the list."""
        rest, found = node.unexplored or [], list[Edit]()
        while rest and len(found) < count:
            pick = int(self._rng.random() * len(rest))
            rest[pick], rest[-1] = rest[-1], rest[pick]
            edit = rest.pop()
            if edited(node.chain.layers, edit) not in self._nodes:
                found.append(edit)
        return found

    def _choose(self, node: TreeNode, rows: Floats, estimates: Floats, count: int) -> set[int]:
        """Greedily, places in `rows` [N, F]: the estimate, plus the distance to the nearest sibling."""
        worth = self._trust * estimates
        farthest = max(float(np.ptp(rows, axis=0).sum()), 1.0)
        price = self.settings.diversity * self._deviation / farthest
        apart = np.full(len(rows), farthest)
        for sibling in self._features.rows(list(node.children)):
            apart = np.minimum(apart, np.abs(rows - sibling).sum(axis=1))
        chosen: set[int] = set()
        while len(chosen) < min(count, len(rows)):
            scores = worth + price * apart
            scores[list(chosen)] = -np.inf
            place = int(scores.argmax())
            chosen.add(place)
            apart = np.minimum(apart, np.abs(rows - rows[place]).sum(axis=1))
        return chosen

    def _learn(self) -> None:
        """Refits the model, compares earlier estimates with the rewards that came, and computes all values again."""
        told = sorted(self._rewards)  # in an order that doesn't depend on that of the tells
        self._next_fit = math.ceil(max(len(told) + 1, len(told) * _GROWTH))
        if not self.settings.estimate_weight:
            return
        if self.estimator is None and len(told) <= _MOST:
            self._model = Regression(self._features.rows(told), np.array([self._rewards[layers] for layers in told]))
        self._judge()
        self._deviation = float(np.std([self._rewards[layers] for layers in told])) or _SPREAD
        nodes = list(self._by_id)
        estimates = self._on_line(self._raw([node.chain.layers for node in nodes]))
        for node, estimate in zip(nodes, estimates, strict=True):
            if node.visits:
                node.first, node.weight = float(estimate), self._trust * self.settings.estimate_weight
                node.weigh()
        for node, estimate in zip(nodes, estimates, strict=True):
            if not node.visits:
                self._value_leaf(node, float(estimate))

    def _judge(self) -> None:
        """Trust, and the line for an estimator on a scale of its own, from the pairs of estimate and reward."""
        known = [layers for layers in self._expected if layers in self._rewards]
        if not known:
            return
        expected = np.array([self._expected[layers] for layers in known])
        rewards = np.array([self._rewards[layers] for layers in known])
        self._trust = (_PAIRS * self.settings.first_trust + len(known) * _shrunk(expected, rewards)) / (
            _PAIRS + len(known)
        )
        if self.estimator is not None:
            spread = float(np.std(list(self._given.values())))
            slope = self._trust * float(rewards.std()) / spread if spread > 0 else 0.0
            self._line = (float(rewards.mean() - slope * expected.mean()), slope)

    def _value_leaf(self, node: ValuedNode, estimate: float) -> None:
        """V of a chain that isn't evaluated: its estimate as far as that is trusted, else its parent's own reward."""
        parent = self._by_id[node.parent] if node.parent is not None else node
        around = self._rewards.get(parent.chain.layers, parent.base + parent.penalty)
        node.first, node.weight = estimate, self._trust * self.settings.estimate_weight
        node.base = self._trust * estimate + (1 - self._trust) * around - node.penalty

    def _on_line(self, raw: Floats) -> Floats:
        return self._line[0] + self._line[1] * raw

    def _raw(self, chains: Sequence[Layers]) -> Floats:
        """What the estimator, or the model fitted last, says of chains, [N]."""
        if self.estimator is None:
            return self._model.predict(self._features.rows(chains)) if self._model else np.zeros(len(chains))
        if not self.settings.estimate_weight:
            return np.zeros(len(chains))
        for layers in chains:
            if layers not in self._given:
                chain = Chain.unchecked(layers, self.space.num_layers)
                value = float(self.estimator(chain))
                if not math.isfinite(value):
                    raise InvalidInput(f"the estimator gave {value!r} for {str(chain)!r}; return a finite value")
                self._given[layers] = value
        return np.array([self._given[layers] for layers in chains])


def _shrunk(expected: Floats, rewards: Floats) -> float:
    """Their correlation less what chance gives: r * (1 - 1 / (n r^2)), 0 where that is negative (James and Stein)."""
    spreads = float(expected.std() * rewards.std())
    if spreads < 1e-12:
        return 0.0
    found = float(((expected - expected.mean()) * (rewards - rewards.mean())).mean()) / spreads
    return found - 1 / (len(expected) * found) if found > 0 and len(expected) * found**2 > 1 else 0.0


class Regression:
    """Kernel ridge regression of rewards on features.

    Args:
        rows: of the chains, [N, F].
        rewards: [N].
    """

    def __init__(self, rows: Floats, rewards: Floats) -> None:
        self._rows = rows
        self._width = _WIDTH * rows.shape[1] / 8  # about 8 features a layer
        self._center = float(rewards.mean())
        kernel = self._kernel(rows)
        targets = rewards - self._center
        self._weights = np.linalg.solve(kernel + _RIDGE * np.eye(len(rows)), targets).astype(np.float64)

    def predict(self, rows: Floats) -> Floats:
        """Expected rewards, [N]."""
        found: Floats = self._center + self._kernel(rows) @ self._weights
        return found

    def _kernel(self, rows: Floats) -> Floats:
        """exp(-|a - b|^2 / width)."""
        squares = (rows**2).sum(axis=1)[:, None] + (self._rows**2).sum(axis=1) - 2 * rows @ self._rows.T
        found: Floats = np.exp(-np.maximum(squares, 0.0) / self._width)
        return found
