"""A chain as a program of properly nested loops, which is what is drawn. Pure Python.

There are two candidates, and neither is always the simpler one. The notation of the chain is such a program. So are
its edits, after some work: `Chain.edits()` loops "the slots just run", and that block may begin in the middle of an
earlier loop,

    0 (1)x2 3, then loop 1 3        is        0 1 (1 3)x2

where a back edge would lead into the second of two runs that share a box. Such a loop is unrolled from its end until
the block begins at a box. Both candidates expand to the chain, slot by slot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from skiploop.chains.drawing.drawable import Drawable


@dataclass(frozen=True, slots=True)
class Repeat:
    """A block that is run `times` times in all, at least twice, perhaps damped."""

    body: tuple[Item, ...]
    times: int
    damping: float = 1.0


Item = int | Repeat


@dataclass(frozen=True, slots=True)
class Span:
    """A loop over drawn steps: after step `last` go back to `first`, until it has been run `times` times."""

    first: int
    last: int
    times: int
    damping: float = 1.0


def program(chain: Drawable) -> tuple[Item, ...]:
    """The simpler one of the two; `expand` gives the chain back."""
    if chain.has_weights:  # its notation has every damped loop as one item
        return _from_notation(chain)
    return min((_from_notation(chain), _from_edits(chain)), key=_complexity)


def _complexity(items: tuple[Item, ...]) -> tuple[int, int, int]:
    """Jumps back, loops with a jump in them, boxes."""
    layers, spans = steps(items)
    jumps = [int(after <= before) for before, after in pairwise(layers)]
    across = sum(any(jumps[span.first : span.last]) for span in spans)
    return sum(jumps), across, len(layers)


def _from_notation(chain: Drawable) -> tuple[Item, ...]:
    blocks: list[list[Item]] = [[]]  # the innermost open one is the last
    for word in re.findall(r"\(|\)[^\s()]*|[^\s()]+", str(chain)):
        if word == "(":
            blocks.append([])
            continue
        what, _, suffix = word.partition("x")
        what = what.partition("*")[0]  # scales aren't part of the shape
        times, _, damping = suffix.partition("~")
        body = blocks.pop() if what == ")" else _range(what)
        blocks[-1] += [Repeat(tuple(body), int(times), float(damping or 1))] if times else body
    return tuple(blocks[0])


def _range(text: str) -> list[Item]:
    first, _, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


def _from_edits(chain: Drawable) -> tuple[Item, ...]:
    items: list[Item] = []
    done = 0
    for edit in chain.edits():
        items += chain.layers[done : edit.slot]
        done = edit.slot
        if edit.kind == "loop":
            body = _take(items, len(edit.layers))
            items.append(_looped(body, 1 + edit.extra))
            done += len(edit.layers) * edit.extra
    return (*items, *chain.layers[done:])


def expand(items: Iterable[Item]) -> list[int]:
    """The layers that a program runs, in order."""
    layers: list[int] = []
    for item in items:
        layers += [item] if isinstance(item, int) else expand(item.body) * item.times
    return layers


def steps(items: Iterable[Item]) -> tuple[list[int], list[Span]]:
    """The layers with each loop's body once, and the loops over them, inner ones first."""
    layers: list[int] = []
    spans: list[Span] = []
    for item in items:
        if isinstance(item, int):
            layers.append(item)
            continue
        first = len(layers)
        inner_layers, inner_spans = steps(item.body)
        layers += inner_layers
        spans += [replace(span, first=first + span.first, last=first + span.last) for span in inner_spans]
        spans.append(Span(first, len(layers) - 1, item.times, item.damping))
    return layers, spans


def _looped(body: Sequence[Item], times: int) -> Repeat:
    if len(body) == 1 and isinstance(body[0], Repeat):
        return Repeat(body[0].body, body[0].times * times)
    return Repeat(tuple(body), times)


def _take(items: list[Item], slots: int) -> list[Item]:
    """Removes the items of the last `slots` slots and returns them; unrolls a loop that the cut goes through."""
    taken: list[Item] = []
    while slots:
        item = items.pop()
        size = _slots(item)
        if size <= slots:
            taken.insert(0, item)
            slots -= size
        else:  # a single layer has one slot, so this is a loop
            assert isinstance(item, Repeat)
            items += [*_repeated(item.body, item.times - 1), *item.body]
    return taken


def _repeated(body: tuple[Item, ...], times: int) -> Sequence[Item]:
    return [Repeat(body, times)] if times > 1 else body


def _slots(item: Item) -> int:
    return 1 if isinstance(item, int) else item.times * sum(map(_slots, item.body))
