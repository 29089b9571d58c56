"""A chain with some of its edits undone, and the search for a minimal set of edits that is enough.

A chain's edits are read in the order of execution, as `Chain.edits` lists them, and those that are kept are done as
they were:

    a skip that is undone    its layers are run, from the one after the layer just run
    a loop that is undone    its block is run once
    a jump that is undone    the reader stays where it was: all slots up to the next higher layer are left out

A loop that is kept repeats its block as it is after the undoing: `0 2 0 2 3` (`skip 1`, `loop (0 2) x2`) becomes
`0 1 2 0 1 2 3` without its skip. All edits kept give the chain, none gives the identity.

Delta debugging (ddmin; Zeller and Hildebrandt 2002) finds the minimal set. Its searches are generators that yield the
sets they want tried and receive the verdicts, so that `lockstep` can advance many at once and have all their questions
evaluated together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from itertools import pairwise

from skiploop.chains.chain import Chain
from skiploop.chains.edits import LayerEdit

Subset = tuple[int, ...]
Search = Generator[list[Subset], list[bool], Subset]


def with_edits(chain: Chain, kept: Collection[int]) -> Chain:
    """The chain in which only these edits are done.

    Args:
        chain: whose `edits()` are meant.
        kept: their numbers in that list.
    """
    return _Rebuilt(chain, kept).chain()


def single_edit(kind: str, layer: int, num_layers: int) -> Chain:
    """The identity with one layer skipped, or run twice.

    Args:
        kind: `skip`, `loop`, or `loop~.5` for a damped loop.
        layer: the layer.
        num_layers: L.
    """
    identity = Chain.identity(num_layers)
    if kind == "skip":
        return identity.skip(layer, 1)
    return identity.loop(layer, 1, damping=float(kind.partition("~")[2] or 1))


class _Rebuilt:
    """Walks over the chain's slots and writes the layers that remain."""

    def __init__(self, chain: Chain, kept: Collection[int]) -> None:
        self._source, self._kept = chain, frozenset(kept)
        self._edits: dict[int, list[tuple[int, LayerEdit]]] = {}  # by slot
        for number, edit in enumerate(chain.edits()):
            self._edits.setdefault(edit.slot, []).append((number, edit))
        self._layers: list[int] = []
        self._starts: list[int] = []  # for each slot that was read: where it is, or would be, in `_layers`
        self._floor = -1  # after an undone jump: layers up to this one are left out

    def chain(self) -> Chain:
        slots = len(self._source)
        slot = 0
        while slot < slots:
            slot = self._loop(slot) or self._step(slot)
        self._fill(slots, self._source.num_layers)
        return Chain(self._layers, self._source.num_layers)

    def _step(self, slot: int) -> int:
        """One slot that isn't an extra run of a loop."""
        layer = self._source.layers[slot]
        for number, edit in self._edits.get(slot, ()):
            if edit.kind == "jump" and number not in self._kept:
                self._floor = max(self._floor, edit.layers[0])
        if layer > self._floor:
            self._floor = -1
            self._fill(slot, layer)
            self._starts.append(len(self._layers))
            self._layers.append(layer)
        else:
            self._starts.append(len(self._layers))
        return slot + 1

    def _fill(self, slot: int, stop: int) -> None:
        """Runs what an undone skip before this slot left out."""
        for number, edit in self._edits.get(slot, ()):
            if edit.kind == "skip" and number not in self._kept:
                first = self._layers[-1] + 1 if self._layers else 0
                self._layers.extend(range(first, stop))

    def _loop(self, slot: int) -> int | None:
        """The slot after a loop's extra runs that begin here; None where there are none."""
        for number, edit in self._edits.get(slot, ()):
            if edit.kind == "loop":
                self._repeat(slot, len(edit.layers), edit.extra, done=number in self._kept)
                return slot + len(edit.layers) * edit.extra
        return None

    def _repeat(self, slot: int, size: int, extra: int, *, done: bool) -> None:
        """Runs the block again, as it is now; each of its extra slots begins where its like does."""
        starts = self._starts[slot - size : slot]
        block = self._layers[starts[0] :]
        for run in range(1, extra + 1):
            moved = len(block) * run if done else 0
            self._starts.extend(start + moved for start in starts)
        if done:
            self._layers.extend(block * extra)


# Delta debugging


def ddmin(items: Sequence[int]) -> Search:
    """A subset that is enough and from which no single item can be left out.

    It is 1-minimal, not the smallest there is. `items` as a whole must be enough; the empty set isn't tried.
    """
    current, parts = tuple(items), 2
    while len(current) >= 2:
        pieces = _split(current, parts)
        rest = [tuple(item for item in current if item not in piece) for piece in pieces] if parts > 2 else []
        verdicts = yield [*pieces, *rest]
        enough = next((i for i, verdict in enumerate(verdicts) if verdict), None)
        if enough is None:
            if parts == len(current):
                break
            parts = min(2 * parts, len(current))
        elif enough < len(pieces):
            current, parts = pieces[enough], 2
        else:
            current, parts = rest[enough - len(pieces)], max(parts - 1, 2)
    return current


def lockstep(
    searches: Sequence[Search], verdicts: Callable[[list[tuple[int, Subset]]], Sequence[bool]]
) -> list[Subset]:
    """The results of many searches; in each round all that they ask is tried together.

    Args:
        searches: not yet begun.
        verdicts: whether each (number of a search, subset) is enough.
    """
    results: dict[int, Subset] = {}
    waiting: dict[int, list[Subset]] = {}
    for number, search in enumerate(searches):
        _advance(number, search, None, waiting, results)
    while waiting:
        asked = [(number, subset) for number, subsets in waiting.items() for subset in subsets]
        answers = iter(verdicts(asked))
        for number, subsets in list(waiting.items()):
            said = [next(answers) for _ in subsets]
            _advance(number, searches[number], said, waiting, results)
    return [results[number] for number in range(len(searches))]


def _advance(
    number: int,
    search: Search,
    said: list[bool] | None,
    waiting: dict[int, list[Subset]],
    results: dict[int, Subset],
) -> None:
    try:
        waiting[number] = next(search) if said is None else search.send(said)
    except StopIteration as end:
        waiting.pop(number, None)
        results[number] = end.value


def _split(items: Subset, parts: int) -> list[Subset]:
    """Neighbouring pieces of sizes that differ by one at most."""
    bounds = [len(items) * i // parts for i in range(parts + 1)]
    return [items[a:b] for a, b in pairwise(bounds)]
