"""Which prompts of a batch begin with the same tokens: few-shot examples, a system prompt.

What they have in common is called their *preamble* here; "prefix" is used for the first layers of a chain. It is a
matter of tokens, not of text: two texts may begin alike and be divided into tokens differently at the border.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

Tokens = tuple[int, ...]

SHORTEST = 32  # tokens of a preamble; fewer save less than keeping their keys and values costs
_REMEMBERED = 64  # preambles
_ALMOST = 0.8  # share of the longest match: a preamble of more prompts is preferred down to this length


class Preambles:
    """The preambles that were found so far: a batch of one prompt profits from those of earlier batches."""

    def __init__(self) -> None:
        self._known: OrderedDict[Tokens, None] = OrderedDict()  # least recently used first

    def clear(self) -> None:
        """Forget them all."""
        self._known.clear()

    def assign(self, prompts: Iterable[Tokens]) -> dict[Tokens, Tokens]:
        """The preamble of each prompt that has one; at least one token of the prompt follows it.

        The same prompts are given the same preamble again, although prompts of one batch may have a token or two more
        in common than those of another: otherwise what was computed for one would be of no use to the other.
        """
        heads = {prompt: prompt[:-1] for prompt in prompts}
        for found in common_beginnings(list(heads.values()), SHORTEST):
            if not any(len(known) >= _ALMOST * len(found) for known in self._matching(found)):
                self._known[found] = None
        assigned = {}
        for prompt, head in heads.items():
            if matching := self._matching(head):
                longest = max(map(len, matching))
                assigned[prompt] = min((each for each in matching if len(each) >= _ALMOST * longest), key=len)
        for preamble in dict.fromkeys(assigned.values()):
            self._known.move_to_end(preamble)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return assigned

    def _matching(self, tokens: Tokens) -> list[Tokens]:
        return [known for known in self._known if tokens[: len(known)] == known]


@dataclass(slots=True)
class _Run:
    """Neighbours in the sorted list of sequences, any two of which begin with at least `length` equal tokens."""

    length: int
    start: int
    saved: int = 0  # tokens, by the best choice of preambles within the run
    preambles: list[Tokens] = field(default_factory=list)

    def add(self, inner: _Run) -> None:
        self.saved += inner.saved
        self.preambles += inner.preambles


def common_beginnings(sequences: Sequence[Tokens], shortest: int) -> list[Tokens]:
    """Beginnings, each of at least `shortest` tokens and of two sequences, which together save the most tokens.

    n sequences that begin with the same l tokens save (n - 1) l tokens. Beginnings can be nested (a system prompt, and
    the examples of each task after it); of those on one path the one is taken, or the ones below it, that save more.
    Those that begin alike are neighbours in sorted order, and the runs of neighbours form a tree, which one pass
    with a stack visits from the leaves to the root.
    """
    ordered = sorted(sequences)
    borders = [common_length(first, second) for first, second in pairwise(ordered)]
    stack = [_Run(-1, 0)]
    for place, border in enumerate([*borders, 0]):
        opened = _Run(border, place)
        while stack[-1].length > border:
            run = stack.pop()
            best = _best(run, place, ordered[run.start], shortest)
            opened.start = run.start
            # It belongs to the innermost run around it: one that is open already, or the one that opens here.
            (stack[-1] if stack[-1].length >= border else opened).add(best)
        if stack[-1].length < border:
            stack.append(opened)
    return [preamble for run in stack for preamble in run.preambles]


def _best(run: _Run, stop: int, first: Tokens, shortest: int) -> _Run:
    """The whole run with one preamble, or what was found within it; `stop`: its last sequence."""
    whole = (stop - run.start) * run.length
    if run.length >= shortest and whole >= run.saved:
        return _Run(run.length, run.start, whole, [first[: run.length]])
    return run


def common_length(first: Tokens, second: Tokens) -> int:
    """How many tokens two sequences have in common from the start."""
    limit = min(len(first), len(second))
    return next((i for i in range(limit) if first[i] != second[i]), limit)
