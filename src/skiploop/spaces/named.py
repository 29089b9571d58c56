"""Spaces by name, as on the command line, and how to make others. Pure Python, no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from skiploop.chains.chain import Chain
from skiploop.chains.edits import Edit
from skiploop.chains.notation import LONGEST
from skiploop.chains.weights import damped
from skiploop.errors import InvalidInput
from skiploop.spaces.blocks import BlockSpace
from skiploop.spaces.language import Blocks, Choice, Run, Window, Word, checked_dampings, from_json
from skiploop.spaces.space import Limits, Space, skip_edits
from skiploop.validate import whole_number


class EarlyExitSpace(Space):
    """The chains 0..m. An edit drops up to `max_block` layers at the end."""

    def accepts(self, layers: tuple[int, ...]) -> bool:
        return layers == tuple(range(len(layers))) and len(layers) >= 1

    def edits(self, chain: Chain) -> list[Edit]:
        if chain not in self:
            raise self._outside(chain)
        slots = len(chain)
        return [skip_edits(size, slots)[-1] for size in range(1, min(self.limits.max_block, slots - 1) + 1)]


class OneLoopSpace(Space):
    """One block is looped, so every chain is one loop from the identity, and nothing leads on from there."""

    @property
    def most_extra(self) -> int:
        """Most extra runs of the loop: 1 in RYS's map."""
        return 1

    def edits(self, chain: Chain) -> list[Edit]:
        if chain not in self:
            raise self._outside(chain)
        if not chain.is_identity:
            return []
        spare = self.limits.max_length - len(chain)
        sizes = range(1, min(self.limits.max_block, spare, len(chain)) + 1)
        return [
            Edit("loop", start, size, extra, damping)
            for damping in self.limits.dampings
            for size in sizes
            for start in range(len(chain) - size + 1)
            for extra in range(1, min(self.most_extra, spare // size) + 1)
        ]


class DampedLoopSpace(OneLoopSpace):
    """The same with more runs of the loop."""

    @property
    def most_extra(self) -> int:
        return self.limits.max_repeats


class MoveOnly(Space):
    """A space in which only moves lead on."""

    edit_kinds = ("move",)


class SkipAndLoop(Space):
    """A space of ascending chains: moves lead nowhere."""

    edit_kinds = ("skip", "loop")


def _cola(total: int, limits: Limits) -> Word:
    shapes = _loops(total, limits) | {1: range(limits.max_repeats + 2)}
    return Blocks(tuple(range(total)), shapes, gaps=True, dampings=limits.dampings)


def _skip(total: int, limits: Limits) -> Word:
    return Blocks(tuple(range(total)), {1: (0, 1)})


def _loop(total: int, limits: Limits) -> Word:
    shapes = _loops(total, limits) | {1: range(1, limits.max_repeats + 2)}
    return Blocks(tuple(range(total)), shapes, dampings=limits.dampings)


def _early_exit(total: int, limits: Limits) -> Word:
    return Choice(tuple([Run(tuple(range(slots))) for slots in range(1, total + 1)]))


def _per_layer(total: int, limits: Limits) -> Word:
    return Blocks(tuple(range(total)), {1: range(limits.max_repeats + 2)})


def _segments(total: int, limits: Limits) -> Word:
    return Blocks(tuple(range(total)), {1: (0, 1, 2)} | dict.fromkeys(range(2, limits.max_block + 1), (2,)))


def _block(total: int, limits: Limits) -> Word:
    return _one_loop(limits, [(i, j, 2) for i in range(total) for j in range(i + 1, total + 1)], total)


def _damped(total: int, limits: Limits) -> Word:
    windows = [
        (i, j, times)
        for i in range(total)
        for j in range(i + 1, min(total, i + limits.max_block) + 1)
        for times in range(2, limits.max_repeats + 2)
        if total + (j - i) * (times - 1) <= limits.max_length
    ]
    return _one_loop(limits, windows, total)


def _one_loop(limits: Limits, windows: Iterable[tuple[int, int, int]], total: int) -> Word:
    """The identity, and each window i..j-1 run so many times, with each damping."""
    every = tuple(range(total))
    looped = [
        every[:i] + damped(every[i:j], times, damping) + every[j:]
        for damping in limits.dampings
        for i, j, times in windows
    ]
    return Choice((Run(every), *map(Run, looped)))


def _permute(total: int, limits: Limits) -> Word:
    return Window(tuple(range(total)), limits.max_block)


def _loops(total: int, limits: Limits) -> dict[int, Iterable[int]]:
    return {size: range(2, limits.max_repeats + 2) for size in range(2, min(limits.max_block, total) + 1)}


SPACES: dict[str, tuple[type[Space], Callable[[int, Limits], Word]]] = {
    "cola": (BlockSpace, _cola),
    "skip": (BlockSpace, _skip),
    "loop": (BlockSpace, _loop),
    "early-exit": (EarlyExitSpace, _early_exit),
    "per-layer": (SkipAndLoop, _per_layer),
    "segments": (SkipAndLoop, _segments),
    "block": (OneLoopSpace, _block),
    "damped": (DampedLoopSpace, _damped),
    "permute": (MoveOnly, _permute),
}
_DAMPABLE = ("cola", "loop", "block", "damped")


def make_space(
    name: str,
    num_layers: int,
    *,
    max_block: int | None = None,
    max_repeats: int = 4,
    max_length: int | None = None,
    **more: Any,
) -> Space:
    """A space by name.

    Args:
        name: `cola`: skips and loops of blocks; `skip`, `loop`, `early-exit`: CoLa's ablations; `per-layer`: each
            layer is run 0 to 1 + max_repeats times; `segments`: blocks of neighbours are skipped, run or run
            twice (PoLar, arXiv 2606.06574); `block`: one block of any size is run twice (RYS); `damped`: one window
            of neighbours is run 2 to 1 + max_repeats times, damped (arXiv 2605.23872); `permute`:
            every layer once, less than max_block places from its own; `composed`: the chains of `word`.
        num_layers: number of layers L of the model.
        max_block: most slots that one edit skips, and most layers in a loop; 4 (CoLa) unless set, all layers
            for `block`.
        max_repeats: most extra runs of a loop (CoLa: 4).
        max_length: most slots of a chain. CoLa doesn't give its cap; 2 * num_layers unless set.
        **more: `damping` of loops in `cola`, `loop`, `block` and `damped`, a list such as (1, 0.5), where 1 is the
            plain loop; by default 1, and .5 for `damped` (see `skiploop.chains.weights`). `word` of a composed space,
            as `Word.to_json` writes it.

    Raises:
        InvalidInput: for an unknown name, or a bound that is too small.
    """
    if name not in SPACES and name != "composed":
        raise InvalidInput(f"unknown space {name!r}; use one of {', '.join(SPACES)}")
    damping, word = more.pop("damping", ()), more.pop("word", None)
    if more:
        raise InvalidInput(f"unknown setting {min(more)!r} of a space; there are damping and word besides the bounds")
    if (word is not None) != (name == "composed"):
        raise InvalidInput(
            "a space named 'composed' needs a word, and no other takes one; see skiploop.spaces.language"
        )
    total = whole_number("num_layers", num_layers, 1)
    limits = _limits(total, total if max_block is None and name == "block" else max_block, max_repeats, max_length)
    dampings = checked_dampings(tuple(damping) or ((0.5,) if name == "damped" else (1.0,)))
    if dampings != (1.0,) and name not in _DAMPABLE and name != "composed":
        raise InvalidInput(f"the space {name!r} has no damped loops; leave damping out, or use {', '.join(_DAMPABLE)}")
    limits = replace(limits, dampings=dampings)
    if name == "composed":
        return _checked(Space(name, total, from_json(word), limits))
    space_type, make_word = SPACES[name]
    return space_type(name, total, make_word(total, limits), limits)


def compose(
    word: Word, num_layers: int, *, max_block: int = 4, max_repeats: int = 4, max_length: int | None = None
) -> Space:
    """A space made of words.

    Args:
        word: what its chains are made of. No chain may have two derivations, and the identity must be among them.
        num_layers: number of layers L of the model.
        max_block: most slots of the block that one edit skips, loops or moves.
        max_repeats: most extra runs that one edit adds.
        max_length: most slots of a chain; 2 * num_layers unless set.

    Raises:
        InvalidInput: where the word runs layers that don't exist, leaves out the identity, or has two
            derivations of one chain (looked for in all chains of a small space, and in a sample of a large one).
    """
    total = whole_number("num_layers", num_layers, 1)
    return _checked(Space("composed", total, word, _limits(total, max_block, max_repeats, max_length)))


def per_layer(num_layers: int, counts: Iterable[int] = (0, 1, 2), *, max_length: int | None = None) -> Space:
    """Each layer is run as often as one of `counts` says, in ascending order; at least one is run."""
    total = whole_number("num_layers", num_layers, 1)
    runs = tuple(counts)
    most = max([whole_number("count", count, 0) for count in runs], default=1)
    word = Blocks(tuple(range(total)), {1: runs})
    return compose(
        word, total, max_repeats=max(most - 1, 1), max_length=total * max(most, 1) if max_length is None else max_length
    )


def _limits(total: int, max_block: int | None, max_repeats: int, max_length: int | None) -> Limits:
    longest = 2 * total if max_length is None else whole_number("max_length", max_length, 1)
    if not total <= longest <= LONGEST:
        raise InvalidInput(
            f"max_length={longest} doesn't work for a model of {total} layers: the identity must fit in it; "
            f"use {total} to {LONGEST}"
        )
    block = whole_number("max_block", 4 if max_block is None else max_block, 1)
    return Limits(block, whole_number("max_repeats", max_repeats, 1), longest)


def _checked(space: Space) -> Space:
    if space.identity not in space:
        raise InvalidInput(
            f"the identity 0-{space.num_layers - 1} isn't in this space, and every search starts there; "
            "let each layer be run once, in order"
        )
    top = space.questions.largest_layer
    if top >= space.num_layers:
        raise InvalidInput(
            f"the space runs layer {top}; a model of {space.num_layers} layers has 0..{space.num_layers - 1}"
        )
    space.questions.check_unique()
    return space
