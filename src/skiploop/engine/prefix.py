"""Hidden states at the end of many chains on many inputs, each common prefix of layers computed once.

The chains of one input form a trie along depth: a node is a prefix of layers, its state the hidden states [S, D] after
the last of them. All nodes waiting for one layer, of any input, run in one batch. The next layer is chosen greedily:
the one that the node with the most layers left waits for. Nodes with few layers left wait for others to share their
calls, and all end at about the same time. The sequence of layer calls is a common supersequence of the chains. With
many chains it is shorter than if the lowest layer always went first, with few it can be longer (calls, for chains as a
search draws them):

    layers x chains        this rule   lowest layer first   `call_order`
    24 x 16                226         174                  120
    24 x 256               299         345
    12 x 1024              133         195

States are kept for later calls until `cache_bytes` is used up; then the least recently used are dropped, and computed
again when they are needed. Results don't depend on it, up to rounding.

Shapes: S tokens, D width, n rows of one layer call.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import torch

from skiploop.chains.weights import Step, steps
from skiploop.models.damping import Carry, after_slot

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class PrefixNode:
    """One prefix of layers of one input."""

    layer: int  # with the weights of its slot, if any
    parent: PrefixNode | None
    step: Step | None = None  # what these weights do
    children: dict[int, PrefixNode] = field(default_factory=dict)
    output: LayerOutput | None = None  # the layer call that computed its state; None: not computed, or dropped
    row: int = 0
    waiting: set[int] = field(default_factory=set)  # layers of the children still to be computed in this pass
    wanted: bool = False  # its state is asked for in this pass and not computed yet
    key: object = None  # of a root only
    carry: Carry | None = None  # of a damped loop that is under way; comes and goes with the state
    rest: int = 0  # most layers left, this one included, among the chains that lead through it

    def state(self) -> torch.Tensor:
        """[S, D]; only while there is an `output`."""
        assert self.output is not None
        return self.output.states[self.row]

    def layers(self) -> tuple[int, ...]:
        """The prefix: the layers from the root to here."""
        path: list[int] = []
        node = self
        while node.parent is not None:
            path.append(node.layer)
            node = node.parent
        return tuple(reversed(path))


@dataclass(slots=True, eq=False, weakref_slot=True)
class LayerOutput:
    """The output of one layer call, [n, S, D], with the nodes that its rows belong to."""

    states: torch.Tensor
    nodes: list[PrefixNode]
    keep: Any = None  # what `run_layer` returned beside the states: a cache entry with the keys and values of this call
    pins: int = 0  # nodes whose children are still to be computed

    def __post_init__(self) -> None:
        for row, node in enumerate(self.nodes):
            node.output, node.row = self, row

    @property
    def nbytes(self) -> int:
        kept = (self.keep.keys, self.keep.values) if self.keep is not None else ()
        carried = [node.carry.nbytes for node in self.nodes if node.carry is not None]
        own: int = sum(tensor.nbytes for tensor in (self.states, *kept))
        return own + sum(carried)


class PrefixCache:
    """Tries of states by input, bounded in memory."""

    def __init__(self, cache_bytes: int) -> None:
        self.cache_bytes = cache_bytes
        self.used_bytes = 0
        self._roots: dict[object, PrefixNode] = {}
        self._outputs: OrderedDict[LayerOutput, None] = OrderedDict()  # least recently used first

    def __del__(self) -> None:
        self.clear()  # nodes and outputs refer to each other: states would stay until the next garbage collection

    def root(self, key: object) -> PrefixNode:
        """The root (no layer run yet) of an input; `key` must say everything its states depend on."""
        return self._roots.setdefault(key, PrefixNode(-1, None, key=key))

    def clear(self) -> None:
        """Forget every state."""
        for output in list(self._outputs):
            self._drop(output)
        self._roots.clear()

    def add(self, output: LayerOutput) -> None:
        """Add the output of a layer call; make room if necessary."""
        self._outputs[output] = None
        self.used_bytes += output.nbytes
        if self.used_bytes > self.cache_bytes:
            self._make_room()

    def touch(self, output: LayerOutput) -> None:
        """Mark as recently used."""
        self._outputs.move_to_end(output)

    def _make_room(self) -> None:
        for output in [output for output in self._outputs if not output.pins]:
            self._drop(output)
            # With some slack, so that this walk isn't repeated at every call.
            if self.used_bytes <= 0.9 * self.cache_bytes:
                return

    def _drop(self, output: LayerOutput) -> None:
        del self._outputs[output]
        self.used_bytes -= output.nbytes
        for node in output.nodes:
            node.output = node.carry = None
            # Prune branches without states, otherwise tries grow without bound.
            while node.parent is not None and not node.children and node.output is None and not node.wanted:
                node.parent.children.pop(node.layer, None)
                node = node.parent
            if node.parent is None and not node.children:
                self._roots.pop(node.key, None)


# (layer, hidden [n, S, D], inputs [n], nodes [n]) -> states [n, S, D], and the cache entry to keep with them, if any.
RunLayer = Callable[[int, torch.Tensor, list[int], list[PrefixNode]], tuple[torch.Tensor, Any]]


class Pass(Generic[T]):
    """One pass over (input, chain) pairs: plan what has to be computed, then run it layer by layer."""

    def __init__(
        self, cache: PrefixCache, run_layer: RunLayer, *, max_rows: int, take: Callable[[PrefixNode, int], T]
    ) -> None:
        """A pass that hasn't started.

        Args:
            cache: where states are kept. run_layer: makes one layer call. max_rows: rows of one layer call, at most.
            take: what is wanted of the node at the end of each pair, and of its input; called while the node's output
            is
                certainly there. It has to copy: a view would keep all rows of a layer call alive.
        """
        self._cache = cache
        self._run_layer = run_layer
        self._max_rows = max_rows
        self._take = take
        self._ready: dict[int, list[tuple[PrefixNode, int]]] = {}  # layer -> (node, input)
        self._taken: dict[PrefixNode, T] = {}
        self.layer_calls = 0

    def run(
        self, entries: torch.Tensor, roots: Sequence[PrefixNode], pairs: Iterable[tuple[int, tuple[int, ...]]]
    ) -> dict[tuple[int, tuple[int, ...]], T]:
        """What was taken at the end of each (input, layers) pair.

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
        return {pair: self._taken[node] for pair, node in ends.items()}

    def _urgency(self, layer: int) -> tuple[int, int]:
        """The layer with the largest goes next: the most layers left, then the lower layer."""
        return max(node.rest for node, _ in self._ready[layer]), -layer

    def _plan(self, node: PrefixNode, source: int, layers: tuple[int, ...]) -> PrefixNode:
        """Walk to the end of the chain; create the nodes that are missing, and let each wait for its parent's state."""
        path = []
        for slot, (layer, step) in enumerate(zip(layers, steps(layers), strict=True)):
            child = node.children.get(layer)
            if child is None:
                child = node.children[layer] = PrefixNode(layer, node, step)
            child.rest = max(child.rest, len(layers) - slot)
            path.append(child)
            node = child
        if node.output is not None:
            if node not in self._taken:
                self._taken[node] = self._take(node, source)
            self._cache.touch(node.output)
        else:
            node.wanted = True
        for child in reversed(path):  # up to the deepest state that is known
            parent = child.parent
            if child.output is not None or parent is None or child.layer in parent.waiting:
                break
            self._wait(parent, child, source)
        return node

    def _wait(self, parent: PrefixNode, child: PrefixNode, source: int) -> None:
        if not parent.waiting and parent.output is not None:
            parent.output.pins += 1
            self._cache.touch(parent.output)
        parent.waiting.add(child.layer)
        if parent.output is not None or parent.parent is None:
            self._ready.setdefault(int(child.layer), []).append((child, source))

    def _advance(self, layer: int, waiting: list[tuple[PrefixNode, int]], entries: torch.Tensor) -> None:
        """One layer call; the children of its nodes become ready."""
        rows = [
            entries[source] if node.parent is None or node.parent.parent is None else node.parent.state()
            for node, source in waiting
        ]
        sources = [source for _, source in waiting]
        nodes = [node for node, _ in waiting]
        states, keep = self._run_layer(layer, torch.stack(rows), sources, nodes)
        _take_steps(nodes, rows, states)
        output = LayerOutput(states, nodes, keep)
        self.layer_calls += len(waiting)
        for node, source in waiting:
            if node.wanted:
                self._taken[node] = self._take(node, source)
                node.wanted = False
            output.pins += bool(node.waiting)
            for next_layer in node.waiting:
                self._ready.setdefault(int(next_layer), []).append((node.children[next_layer], source))
            parent = node.parent
            assert parent is not None
            parent.waiting.discard(node.layer)
            if not parent.waiting and parent.output is not None:
                parent.output.pins -= 1
        self._cache.add(output)


def _take_steps(nodes: Sequence[PrefixNode], before: Sequence[torch.Tensor], states: torch.Tensor) -> None:
    """Scale and mix the outputs of a layer call, `states` [n, S, D], in place; `before` [n]: what its rows were given.

    What a damped loop has to remember is copied: a view would keep all rows of a layer call alive.
    """
    for row, (node, given) in enumerate(zip(nodes, before, strict=True)):
        if node.step is None:
            continue
        assert node.parent is not None
        given = given.clone() if node.step.opens else given
        output = states[row].clone() if node.step.first else states[row]
        state, node.carry = after_slot(node.step, given, output, node.parent.carry)
        states[row] = state
