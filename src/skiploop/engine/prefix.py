"""Hidden states at the end of many chains on many inputs, each common prefix of layers computed once.

The chains of one input form a trie along depth: a node is a prefix of layers, its state the hidden states [S, D] after
the last of them. Whatever nodes wait for the same layer, of any input, go through it together. Which layer comes next
is decided greedily, the one that the node with the most layers still to go waits for: what has the least to go can
wait for company, and all end at about the same time. The sequence of layer calls that comes out is a short common
supersequence of the chains, half as long as when the lowest layer always goes first.

States stay for later calls until ``cache_bytes`` is used up; the least recently used go first, and are computed again
if they are wanted again. Results don't depend on it, up to rounding.

Shapes: S tokens, D width, n rows of one layer call.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass(slots=True, eq=False)
class Node:
    """One prefix of layers of one input."""

    layer: int
    parent: Node | None
    children: dict[int, Node] = field(default_factory=dict)
    batch: Batch | None = None  # where its state is; None: not computed, or dropped
    row: int = 0
    waiting: set[int] = field(default_factory=set)  # layers of the children that are to be computed in this pass
    wanted: bool = False  # its state is asked for in this pass, and isn't there yet
    key: object = None  # of a root
    rest: int = 0  # most layers to go, this one included, of the chains that lead through it

    def state(self) -> torch.Tensor:
        """[S, D]; only while ``batch`` is there."""
        assert self.batch is not None
        return self.batch.states[self.row]


@dataclass(slots=True, eq=False, weakref_slot=True)
class Batch:
    """The output of one layer call, [n, S, D], with the nodes that its rows belong to."""

    states: torch.Tensor
    nodes: list[Node]
    keep: Any = None  # whatever the layer runner wants to find again (the keys and values of this call)
    pins: int = 0  # nodes whose children are still to be computed

    @property
    def nbytes(self) -> int:
        return self.states.numel() * self.states.element_size()


class PrefixCache:
    """Tries of states by input, bounded in memory."""

    def __init__(self, cache_bytes: int) -> None:
        self.cache_bytes = cache_bytes
        self.used_bytes = 0
        self._roots: dict[object, Node] = {}
        self._batches: OrderedDict[Batch, None] = OrderedDict()  # least recently used first

    def __del__(self) -> None:
        self.clear()  # nodes and batches know each other: states would stay until the cycle collector comes by

    def root(self, key: object) -> Node:
        """The root (no layer run yet) of an input; ``key`` must say everything its states depend on."""
        return self._roots.setdefault(key, Node(-1, None, key=key))

    def clear(self) -> None:
        """Forget every state."""
        for batch in list(self._batches):
            self._drop(batch)
        self._roots.clear()

    def add(self, batch: Batch) -> None:
        """Take in the output of a layer call; make room if need be."""
        for row, node in enumerate(batch.nodes):
            node.batch, node.row = batch, row
        self._batches[batch] = None
        self.used_bytes += batch.nbytes
        if self.used_bytes > self.cache_bytes:
            self._make_room()

    def touch(self, batch: Batch) -> None:
        """Mark as recently used."""
        self._batches.move_to_end(batch)

    def _make_room(self) -> None:
        for batch in [batch for batch in self._batches if not batch.pins]:
            self._drop(batch)
            # Some slack, so that this walk isn't repeated at every call.
            if self.used_bytes <= 0.9 * self.cache_bytes:
                return

    def _drop(self, batch: Batch) -> None:
        del self._batches[batch]
        self.used_bytes -= batch.nbytes
        for node in batch.nodes:
            node.batch = None
            # Prune what leads nowhere, or tries grow without bound.
            while node.parent is not None and not node.children and node.batch is None and not node.wanted:
                node.parent.children.pop(node.layer, None)
                node = node.parent
            if node.parent is None and not node.children:
                self._roots.pop(node.key, None)


# (layer, hidden [n, S, D], inputs [n]) -> states [n, S, D], and something to keep with them.
LayerRunner = Callable[[int, torch.Tensor, list[int]], tuple[torch.Tensor, Any]]


class Pass:
    """One pass over (input, chain) pairs: plan what has to be computed, then run it layer by layer."""

    def __init__(self, cache: PrefixCache, run_layer: LayerRunner, *, max_rows: int) -> None:
        """At most ``max_rows`` rows go through ``run_layer`` at once."""
        self._cache = cache
        self._run_layer = run_layer
        self._max_rows = max_rows
        self._ready: dict[int, list[tuple[Node, int]]] = {}  # layer -> (node, input)
        self._found: dict[Node, torch.Tensor] = {}  # what is asked for, copied: a view would keep all rows of its batch
        self.layer_calls = 0

    def states(
        self, entries: torch.Tensor, roots: Sequence[Node], pairs: Iterable[tuple[int, tuple[int, ...]]]
    ) -> dict[tuple[int, tuple[int, ...]], torch.Tensor]:
        """States [S, D] at the end of each (input, layers) pair, copies that outlast the cache's.

        Args:
            entries: what the model gives to its first layer, [B, S, D].
            roots: the trie of each input, [B].
            pairs: input (index into the two) and layers.
        """
        ends = {pair: self._plan(roots[pair[0]], *pair) for pair in dict.fromkeys(pairs)}
        while self._ready:
            layer = max(self._ready, key=self._urgency)
            waiting = self._ready.pop(layer)
            for start in range(0, len(waiting), self._max_rows):
                self._advance(layer, waiting[start : start + self._max_rows], entries)
        return {pair: self._found[node] for pair, node in ends.items()}

    def _urgency(self, layer: int) -> tuple[int, int]:
        """By what the next layer is chosen: the most layers to go, then the lower one."""
        return max(node.rest for node, _ in self._ready[layer]), -layer

    def _plan(self, node: Node, source: int, layers: tuple[int, ...]) -> Node:
        """Walk down to the end of the chain; what isn't there yet is created and put where it waits for its parent."""
        path = []
        for slot, layer in enumerate(layers):
            child = node.children.get(layer)
            if child is None:
                child = node.children[layer] = Node(layer, node)
            child.rest = max(child.rest, len(layers) - slot)
            path.append(child)
            node = child
        if node.batch is not None:
            self._found.setdefault(node, node.state().clone())
            self._cache.touch(node.batch)
        else:
            node.wanted = True
        for child in reversed(path):  # up to the deepest state that is there
            parent = child.parent
            if child.batch is not None or parent is None or child.layer in parent.waiting:
                break
            self._wait(parent, child, source)
        return node

    def _wait(self, parent: Node, child: Node, source: int) -> None:
        if not parent.waiting and parent.batch is not None:
            parent.batch.pins += 1
            self._cache.touch(parent.batch)
        parent.waiting.add(child.layer)
        if parent.batch is not None or parent.parent is None:
            self._ready.setdefault(child.layer, []).append((child, source))

    def _advance(self, layer: int, waiting: list[tuple[Node, int]], entries: torch.Tensor) -> None:
        """One layer call, and what becomes ready by it."""
        rows = [
            entries[source] if node.parent is None or node.parent.parent is None else node.parent.state()
            for node, source in waiting
        ]
        sources = [source for _, source in waiting]
        states, keep = self._run_layer(layer, torch.stack(rows), sources)
        batch = Batch(states, [node for node, _ in waiting], keep)
        self.layer_calls += len(waiting)
        for row, (node, source) in enumerate(waiting):
            if node.wanted:
                self._found[node] = states[row].clone()
                node.wanted = False
            batch.pins += bool(node.waiting)
            for next_layer in node.waiting:
                self._ready.setdefault(next_layer, []).append((node.children[next_layer], source))
            parent = node.parent
            assert parent is not None
            parent.waiting.discard(layer)
            if not parent.waiting and parent.batch is not None:
                parent.batch.pins -= 1
        self._cache.add(batch)
