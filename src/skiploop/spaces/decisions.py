"""A space as a graph of questions: counting, numbering, sampling and reading of chains. Pure Python.

The words of `skiploop.spaces.language` are compiled into a graph whose nodes are questions. Each answer (`Option`) runs
some layers and leads to the next question, until `END`. Loops: an option with `opens` marks the place where a loop
begins, and a node with `times` repeats all that was run since that mark. Every sequence of legal answers gives one
chain; it is a derivation of that chain. A chain must have one derivation only, or it would be counted twice
(`Decisions.check_unique`).

The number of ways from a node to the end in n slots is one coefficient of a polynomial. All coefficients are kept
in one large integer, in digits too wide to overflow, so that adding two polynomials is one addition and running
k more slots is one shift.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple, Protocol

from skiploop.errors import InvalidInput

Choose = Callable[[str, tuple[str, ...]], int]
"""Answers a question: given its name and the labels of the legal answers, the index of one of them."""

_SAMPLED = 64  # chains in which a second derivation is looked for
_LISTED = 512  # up to this number of chains, in all of them


class Buildable(Protocol):
    """A word of the language of spaces, as the graph sees it."""

    def build(self, graph: Graph, then: Question, weight: int) -> Question:
        """The node that asks this word's first question; after its last one comes `then`."""


class Option(NamedTuple):
    """One answer.

    Attributes:
        label: short text, unique among the options of its node.
        layers: the layers that this answer runs.
        then: the next node.
        opens: whether a loop begins before `layers`.
        weight: the number of times that the loop opened by this option runs `layers`.
    """

    label: str
    layers: tuple[int, ...]
    then: Question
    opens: bool = False
    weight: int = 1


class Decision(NamedTuple):
    """One question with the answer that was given: `labels[pick]`."""

    name: str
    labels: tuple[str, ...]
    pick: int


class Question:
    """A question with its options, or the end of a loop (`times` > 0), or END."""

    __slots__ = ("by_layer", "costs", "first", "name", "options", "silent", "tables", "times", "total", "ways")

    def __init__(self, name: str, options: Sequence[Option], times: int, costs: Sequence[int], ways: int) -> None:
        self.name = name
        self.options = tuple(options)
        self.times = times
        self.costs = tuple(costs)  # slots that each option takes, with the loops around it
        self.ways = ways  # the polynomial: digit n is the number of ways to the end in n slots
        self.total: int = sum([option.then.total for option in options])  # the ways of any length
        self.tables: dict[int, tuple[list[int], tuple[int, ...]]] = {}
        # To read a chain: which layers may come next, as bits (the bit before them is the end), and by which option.
        self.silent = tuple([index for index, option in enumerate(options) if not option.layers])
        self.by_layer: dict[int, tuple[int, ...]] = {}
        self.first = -1 if times else 0
        for index, option in enumerate(options):
            if option.layers:
                layer = option.layers[0]
                self.by_layer[layer] = (*self.by_layer.get(layer, ()), index)
            self.first |= 2 << option.layers[0] if option.layers else option.then.first


END = Question("end", (), 0, (), 1)
END.first = END.total = 1


class Graph:
    """Makes nodes, the last question first, and each of them once.

    Args:
        longest: most slots of a chain; longer ways aren't counted.
        bits: width of a digit of the polynomials.

    Attributes:
        most: the largest number of ways that lead from any node to the end.
        largest_layer: of all that any option runs.
    """

    def __init__(self, longest: int, bits: int) -> None:
        self.most = 1
        self.largest_layer = -1
        self._bits = bits
        self._mask = (1 << (longest + 1) * bits) - 1
        self._built: dict[tuple[int, int, int], Question] = {}
        self._repeats: dict[tuple[int, int], Question] = {}
        self._kept: list[object] = []  # ids are keys above, so what they belong to must stay

    def build(self, word: Buildable, then: Question, weight: int) -> Question:
        """The first node of a word that is followed by `then`."""
        key = (id(word), id(then), weight)
        if key not in self._built:
            self._kept += [word, then]
            self._built[key] = word.build(self, then, weight)
        return self._built[key]

    def ask(self, name: str, options: Sequence[Option], weight: int) -> Question:
        """A question; an answer's layers take `weight` slots each, times the loop that it opens itself."""
        costs = [len(option.layers) * option.weight * weight for option in options]
        ways = sum([option.then.ways << cost * self._bits for option, cost in zip(options, costs, strict=True)])
        node = Question(name, options, 0, costs, ways & self._mask)
        self.most = max(self.most, node.total)
        for option in options:
            self.largest_layer = max(self.largest_layer, *option.layers, -1)
        return node

    def repeat(self, times: int, then: Question) -> Question:
        """The end of a loop that is run `times` times in all."""
        key = (times, id(then))
        if key not in self._repeats:
            self._kept.append(then)
            self._repeats[key] = Question("", (Option("", (), then),), times, (0,), then.ways)
        return self._repeats[key]


class Decisions:
    """The tree of decisions of one word, with bounds on the number of slots.

    Args:
        word: what the chains are made of.
        least: fewest slots of a chain, at least 1.
        longest: most slots of a chain.
    """

    def __init__(self, word: Buildable, least: int, longest: int) -> None:
        self._least, self._longest = least, longest
        # No digit can exceed the number of ways of any length, which is counted first, in one short pass.
        narrow = Graph(0, 1)
        narrow.build(word, END, 1)
        bits = narrow.most.bit_length() + 1
        self.largest_layer = narrow.largest_layer
        self.root = Graph(longest, bits).build(word, END, 1)
        self._bits = bits
        counts = [_digit(self.root, slots, bits) for slots in range(least, longest + 1)]
        self._starts = list(accumulate(counts, initial=0))  # ranks are ordered by the number of slots
        self.count = self._starts[-1]

    def layers_at(self, rank: int) -> tuple[int, ...]:
        """The chain with this number in 0..count-1."""
        section = bisect_right(self._starts, rank) - 1
        rank -= self._starts[section]
        slots = self._least + section
        layers: list[int] = []
        marks: list[int] = []
        node = self.root
        while node is not END:
            if node.times:
                layers += layers[marks.pop() :] * (node.times - 1)
                node = node.options[0].then
                continue
            table = node.tables.get(slots) or self._table(node, slots)
            place = bisect_right(table[0], rank) - 1
            rank -= table[0][place]
            index = table[1][place]
            option = node.options[index]
            if option.opens:
                marks.append(len(layers))
            layers += option.layers
            slots -= node.costs[index]
            node = option.then
        return tuple(layers)

    def _table(self, node: Question, slots: int) -> tuple[list[int], tuple[int, ...]]:
        """First rank, and index, of each option after which exactly this number of slots can be run."""
        reachable = [
            (_digit(option.then, slots - cost, self._bits), index)
            for index, (option, cost) in enumerate(zip(node.options, node.costs, strict=True))
            if cost <= slots
        ]
        legal = [(ways, index) for ways, index in reachable if ways]
        starts = list(accumulate([ways for ways, _ in legal], initial=0))[:-1]
        node.tables[slots] = (starts, tuple([index for _, index in legal]))
        return node.tables[slots]

    def decide(self, choose: Choose) -> tuple[int, ...]:
        """Walks the questions in their order; those with one legal answer aren't asked."""
        layers: list[int] = []
        marks: list[int] = []
        node, used = self.root, 0
        while node is not END:
            if node.times:
                layers += layers[marks.pop() :] * (node.times - 1)
                node = node.options[0].then
                continue
            legal = self._legal(node, used)
            index = legal[0]
            if len(legal) > 1:
                labels = tuple([node.options[index].label for index in legal])
                pick = choose(node.name, labels)
                if not 0 <= pick < len(legal):
                    raise InvalidInput(f"answer {pick!r} to {node.name!r} isn't one of 0..{len(legal) - 1}: {labels}")
                index = legal[pick]
            option = node.options[index]
            if option.opens:
                marks.append(len(layers))
            layers += option.layers
            used += node.costs[index]
            node = option.then
        return tuple(layers)

    def _legal(self, node: Question, used: int) -> list[int]:
        """The options after which some legal number of slots can still be reached."""
        return [
            index
            for index, (option, cost) in enumerate(zip(node.options, node.costs, strict=True))
            if self._reachable(option.then, used + cost)
        ]

    def _reachable(self, node: Question, used: int) -> bool:
        low, high = max(self._least - used, 0), self._longest - used
        if high < 0:
            return False
        return node.ways >> low * self._bits & ((1 << (high - low + 1) * self._bits) - 1) != 0

    def read(self, layers: tuple[int, ...]) -> tuple[Decision, ...] | None:
        """The questions and answers that give these layers, or None where none do."""
        if not self._least <= len(layers) <= self._longest:
            return None
        picks = next(self._derivations(layers), None)
        if picks is None:
            return None
        answers = iter(picks)
        decisions: list[Decision] = []
        node, used = self.root, 0
        while node is not END:
            if node.times:
                node = node.options[0].then
                continue
            index, legal = next(answers), self._legal(node, used)
            if len(legal) > 1:
                labels = tuple([node.options[index].label for index in legal])
                decisions.append(Decision(node.name, labels, legal.index(index)))
            used += node.costs[index]
            node = node.options[index].then
        return tuple(decisions)

    def accepts(self, layers: tuple[int, ...]) -> bool:
        """Whether some answers give these layers."""
        return self._least <= len(layers) <= self._longest and next(self._derivations(layers), None) is not None

    def check_unique(self) -> None:
        """Raises InvalidInput where a chain has two derivations; tries all chains of a small space, else a sample."""
        if self.count <= _LISTED:
            ranks: Iterator[int] = iter(range(self.count))
        else:
            rng = random.Random(0)
            ranks = (rng.randrange(self.count) for _ in range(_SAMPLED))
        for rank in ranks:
            layers = self.layers_at(rank)
            derivations = self._derivations(layers)
            next(derivations)
            if next(derivations, None) is not None:
                raise InvalidInput(
                    f"the chain {layers} has two derivations in this space, so it would be counted twice; "
                    "make the alternatives of Choice, Loop and Blocks differ in what they run"
                )

    def _derivations(self, layers: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """Depth first, all sequences of answers (option indices) that give these layers."""
        total = len(layers)
        stack: list[tuple[Question, int, tuple[int, ...], tuple[int, ...]]] = [(self.root, 0, (), ())]
        while stack:
            node, slot, marks, picks = stack.pop()
            if node is END:
                if slot == total:
                    yield picks
                continue
            if node.times:
                block = layers[marks[-1] : slot]
                end = slot + len(block) * (node.times - 1)
                if layers[slot:end] == block * (node.times - 1):
                    stack.append((node.options[0].then, end, marks[:-1], picks))
                continue
            coming = 2 << layers[slot] if slot < total else 1
            indices = node.by_layer.get(layers[slot], ()) if slot < total else ()
            for index in (*node.silent, *indices):
                option = node.options[index]
                end = slot + len(option.layers)
                if layers[slot:end] == option.layers and (option.layers or option.then.first & coming):
                    stack.append((option.then, end, (*marks, slot) if option.opens else marks, (*picks, index)))


def _digit(node: Question, slots: int, bits: int) -> int:
    """The number of ways from a question to the end in exactly this number of slots."""
    return node.ways >> slots * bits & ((1 << bits) - 1) if slots >= 0 else 0
