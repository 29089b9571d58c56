"""Search spaces over chains: which are legal, how many there are, which edits lead on. Pure Python, no torch.

A space is a word of the language of `skiploop.words` with bounds on the number of slots. What it can do follows
from that: it numbers its chains (`chain_at` is one to one from 0..count()-1, so that counting, listing, exactly
uniform sampling and sampling without replacement are a few lines each, however large it is), asks for a chain by
questions in a fixed order (`decide`, `decisions`), and lists the edits that lead from a chain to the next.

    per_layer(8, counts=(0, 1, 2))                 each layer is skipped, run once or run twice
    make_space("cola", 28)                         by name, one of SPACES, as the command line does
    compose(Sequence((Run((0,)), Blocks(range(1, 7), {1: (0, 1)}), Run((7,)))), 8)     a space of your own

In CoLa's space (arXiv 2507.07996) a chain is a non-empty set of kept layers in ascending order, cut into groups; a
group is one layer run once, or a *loop*: a block of at most `max_block` neighbouring kept layers run 2 to
1 + `max_repeats` times. So each layer is in at most one loop, and a chain stands for exactly one choice of (kept set,
loops). Loops of loops are left out on purpose. The paper's edits, applied without limit, reach nearly every sequence
over the layers within the cap; a uniform sample of those is noise, and a random search over noise is a straw man for
every other searcher. In this space edits of different layers commute, and the count is exact.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, ClassVar

from skiploop.chains.chain import Chain
from skiploop.chains.edits import Edit, edited
from skiploop.chains.notation import LONGEST
from skiploop.decisions import Choose, Decision, Decisions
from skiploop.errors import InvalidInput
from skiploop.groups import Group, Limits, loop_edits_of, looped, read_groups, skip_edits, skip_edits_of
from skiploop.validate import whole_number
from skiploop.words import Blocks, Choice, Run, Window, Word, from_json

_LISTED = 1024  # chains whose edits are remembered, some kilobytes each
_SMALL = 8192  # chains of a space that are all remembered, to know them by sight


class Space:
    """A set of chains over the layers 0..L-1 with the edits that lead from one to the next.

    Args:
        name: the name under which `make_space` knows it, or "composed".
        num_layers: number of layers L of the model.
        word: what its chains are made of; the identity must be among them.
        limits: bounds on the edits, and on the number of slots.
    """

    edit_kinds: ClassVar[tuple[str, ...]] = ("skip", "loop", "move")

    def __init__(self, name: str, num_layers: int, word: Word, limits: Limits) -> None:
        self.name = name
        self.num_layers = num_layers
        self.word = word
        self.limits = limits

    def accepts(self, layers: tuple[int, ...]) -> bool:
        """Whether the chain with these layers, all in 0..L-1, is in the space."""
        members = self.__dict__.get("_members")  # once a search has asked for edits
        return self.tree.accepts(layers) if members is None else layers in members

    def edits(self, chain: Chain) -> list[Edit]:
        """The legal edits of a chain: results are in the space, differ from the chain and from each other.

        Where several edits give one chain (any pass of a loop can be skipped), the first stands for all: skips
        before loops before moves, each by ascending size and then from the left.
        """
        if chain.num_layers == self.num_layers and chain.layers in self._listed:
            return self._listed[chain.layers].copy()
        if chain not in self:
            raise self._outside(chain)
        members = self._members
        found: dict[tuple[int, ...], Edit] = {chain.layers: Edit("skip", 0, 1)}
        for edit in self._candidates_of(len(chain)):
            result = edited(chain.layers, edit)
            if result not in found and (self.accepts(result) if members is None else result in members):
                found[result] = edit
        return self._keep(chain, list(found.values())[1:])

    def _keep(self, chain: Chain, edits: list[Edit]) -> list[Edit]:
        """Remembers the edits of the last few chains: a search asks for those of one chain again and again."""
        if len(self._listed) >= _LISTED:
            del self._listed[next(iter(self._listed))]
        self._listed[chain.layers] = edits
        return edits.copy()

    @cached_property
    def _listed(self) -> dict[tuple[int, ...], list[Edit]]:
        return {}

    @cached_property
    def _members(self) -> frozenset[tuple[int, ...]] | None:
        """All chains of a small space: looking one up is much faster than reading it."""
        return frozenset([chain.layers for chain in self.enumerate()]) if self.count() <= _SMALL else None

    def _candidates_of(self, slots: int) -> tuple[Edit, ...]:
        if slots not in self._by_slots:
            self._by_slots[slots] = tuple(self._candidates(slots))
        return self._by_slots[slots]

    @cached_property
    def _by_slots(self) -> dict[int, tuple[Edit, ...]]:
        return {}

    def _candidates(self, slots: int) -> Iterator[Edit]:
        """Every edit of so many slots within the limits, legal or not."""
        sizes = range(1, min(self.limits.max_block, slots) + 1)
        if "skip" in self.edit_kinds:
            yield from (edit for size in sizes if size < slots for edit in skip_edits(size, slots))
        if "loop" in self.edit_kinds:
            for size in sizes:
                most = min(self.limits.max_repeats, (self.limits.max_length - slots) // size)
                for start in range(slots - size + 1):
                    yield from (Edit("loop", start, size, extra) for extra in range(1, most + 1))
        if "move" in self.edit_kinds:
            for size in sizes:
                for start in range(slots - size):
                    most = min(self.limits.max_block, slots - start - size)
                    yield from (Edit("move", start, size, places) for places in range(1, most + 1))

    @cached_property
    def tree(self) -> Decisions:
        """The questions that lead to a chain."""
        return Decisions(self.word, 1, self.limits.max_length)

    def count(self) -> int:
        """The exact number of distinct chains."""
        return self.tree.count

    def chain_at(self, rank: int) -> Chain:
        """The chain with this number, one to one from 0..count()-1."""
        return Chain.unchecked(self.tree.layers_at(self._check_rank(rank)), self.num_layers)

    def decide(self, choose: Choose) -> Chain:
        """The chain to which a sequence of answers leads.

        Args:
            choose: called with the name of each question and the labels of its legal answers (two or more), in
                a fixed order; returns the index of one of them. Every sequence of answers gives a chain of
                the space, and every chain has exactly one.
        """
        return Chain.unchecked(self.tree.decide(choose), self.num_layers)

    def decisions(self, chain: Chain) -> tuple[Decision, ...]:
        """The questions that `decide` asks on the way to this chain, with their answers."""
        found = self.tree.read(chain.layers) if chain.num_layers == self.num_layers else None
        if found is None:
            raise self._outside(chain)
        return found

    def __contains__(self, chain: object) -> bool:
        return isinstance(chain, Chain) and chain.num_layers == self.num_layers and self.accepts(chain.layers)

    def __repr__(self) -> str:
        return f"make_space({', '.join(f'{name}={value!r}' for name, value in self.settings.items())})"

    @property
    def max_length(self) -> int:
        """Most slots of a chain."""
        return self.limits.max_length

    @property
    def settings(self) -> dict[str, Any]:
        """What run.json records, fit for JSON; `make_space(**settings)` gives an equal space."""
        bounds = {
            "max_block": self.limits.max_block,
            "max_repeats": self.limits.max_repeats,
            "max_length": self.limits.max_length,
        }
        own = {} if self.name in SPACES else {"word": self.word.to_json()}
        return {"name": self.name, "num_layers": self.num_layers} | bounds | own

    @cached_property
    def identity(self) -> Chain:
        """The pretrained model as it is; every space holds it."""
        return Chain.identity(self.num_layers)

    def apply(self, chain: Chain, edit: Edit) -> Chain:
        """The edited chain, or InvalidInput where it leaves the space."""
        result = edit.apply(chain)
        if result not in self:
            raise InvalidInput(f"{edit} takes {str(chain)!r} out of {self!r}; use one of space.edits(chain)")
        return result

    def children(self, chain: Chain) -> Iterator[Chain]:
        """The chains one legal edit away, each once."""
        for edit in self.edits(chain):
            yield Chain.unchecked(edited(chain.layers, edit), self.num_layers)

    def sample(self, rng: random.Random) -> Chain:
        """A chain drawn uniformly from all distinct chains."""
        return self.chain_at(rng.randrange(self.count()))

    def enumerate(self) -> Iterator[Chain]:
        """All chains, each once, one at a time; see `count` first."""
        return (self.chain_at(rank) for rank in range(self.count()))

    def _check_rank(self, rank: int) -> int:
        number = whole_number("rank", rank, 0)
        if number >= self.count():
            raise InvalidInput(f"rank={number} is too large: the space has {self.count()} chains; use less")
        return number

    def _outside(self, chain: Chain) -> InvalidInput:
        return InvalidInput(f"chain {str(chain)!r} isn't in the space {self!r}; start from space.identity")


class BlockSpace(Space):
    """CoLa's space and its ablations, with edits listed directly: some 50 times faster than trying each one."""

    @property
    def skips(self) -> bool:
        return self.name != "loop"

    @property
    def loops(self) -> bool:
        return self.name != "skip"

    def accepts(self, layers: tuple[int, ...]) -> bool:
        return self._read(layers) is not None

    def _read(self, layers: tuple[int, ...]) -> tuple[Group, ...] | None:
        """The chain's groups, or None where it isn't in the space."""
        groups = read_groups(layers, self.limits) if 1 <= len(layers) <= self.limits.max_length else None
        if groups is None or (not self.loops and looped(groups)):
            return None
        kept = sum([group.size for group in groups])
        return groups if self.skips or kept == self.num_layers else None

    def edits(self, chain: Chain) -> list[Edit]:
        if chain.num_layers == self.num_layers and chain.layers in self._listed:
            return self._listed[chain.layers].copy()
        groups = self._read(chain.layers) if chain.num_layers == self.num_layers else None
        if groups is None:
            raise self._outside(chain)
        found = list(skip_edits_of(groups, len(chain), self.limits.max_block)) if self.skips else []
        if self.loops:
            for group in groups:
                found += loop_edits_of(group, self.limits, self.limits.max_length - len(chain))
        return self._keep(chain, found)


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
    """One block is run twice, so every chain is one loop from the identity, and nothing leads on from there."""

    def edits(self, chain: Chain) -> list[Edit]:
        if chain not in self:
            raise self._outside(chain)
        if not chain.is_identity:
            return []
        sizes = range(1, min(self.limits.max_block, self.limits.max_length - len(chain), len(chain)) + 1)
        return [Edit("loop", start, size, 1) for size in sizes for start in range(len(chain) - size + 1)]


class MoveOnly(Space):
    """A space in which only moves lead on."""

    edit_kinds = ("move",)


class SkipAndLoop(Space):
    """A space of ascending chains: moves lead nowhere."""

    edit_kinds = ("skip", "loop")


def _cola(total: int, limits: Limits) -> Word:
    return Blocks(tuple(range(total)), _loops(total, limits) | {1: range(limits.max_repeats + 2)}, gaps=True)


def _skip(total: int, limits: Limits) -> Word:
    return Blocks(tuple(range(total)), {1: (0, 1)})


def _loop(total: int, limits: Limits) -> Word:
    return Blocks(tuple(range(total)), _loops(total, limits) | {1: range(1, limits.max_repeats + 2)})


def _early_exit(total: int, limits: Limits) -> Word:
    return Choice(tuple([Run(tuple(range(slots))) for slots in range(1, total + 1)]))


def _per_layer(total: int, limits: Limits) -> Word:
    return Blocks(tuple(range(total)), {1: range(limits.max_repeats + 2)})


def _segments(total: int, limits: Limits) -> Word:
    return Blocks(tuple(range(total)), {1: (0, 1, 2)} | dict.fromkeys(range(2, limits.max_block + 1), (2,)))


def _block(total: int, limits: Limits) -> Word:
    looped = [tuple(range(j)) + tuple(range(i, total)) for i in range(total) for j in range(i + 1, total + 1)]
    return Choice((Run(tuple(range(total))), *map(Run, looped)))


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
    "permute": (MoveOnly, _permute),
}


def make_space(
    name: str,
    num_layers: int,
    *,
    max_block: int | None = None,
    max_repeats: int = 4,
    max_length: int | None = None,
    word: Any = None,
) -> Space:
    """A space by name.

    Args:
        name: `cola`: skips and loops of blocks; `skip`, `loop`, `early-exit`: CoLa's ablations; `per-layer`: each
            layer is run 0 to 1 + max_repeats times; `segments`: blocks of neighbours are skipped, run or run
            twice (PoLar, arXiv 2606.06574); `block`: one block of any size is run twice (RYS); `permute`:
            every layer once, less than max_block places from its own; `composed`: what `word` says.
        num_layers: number of layers L of the model.
        max_block: most slots that one edit skips, and most layers in a loop; 4 (CoLa) unless set, all layers
            for `block`.
        max_repeats: most extra runs of a loop (CoLa: 4).
        max_length: most slots of a chain. CoLa doesn't give its cap; 2 * num_layers unless set.
        word: of a composed space, as `Word.to_json` writes it.

    Raises:
        InvalidInput: for an unknown name, or a bound that is too small.
    """
    if name not in SPACES and name != "composed":
        raise InvalidInput(f"unknown space {name!r}; use one of {', '.join(SPACES)}")
    if (word is not None) != (name == "composed"):
        raise InvalidInput("a space named 'composed' needs a word, and no other takes one; see skiploop.words")
    total = whole_number("num_layers", num_layers, 1)
    limits = _limits(total, total if max_block is None and name == "block" else max_block, max_repeats, max_length)
    if name == "composed":
        return _checked(Space(name, total, from_json(word), limits))
    space_type, make_word = SPACES[name]
    return space_type(name, total, make_word(total, limits), limits)


def compose(
    word: Word, num_layers: int, *, max_block: int = 4, max_repeats: int = 4, max_length: int | None = None
) -> Space:
    """A space of one's own.

    Args:
        word: what its chains are made of. No chain may be said in two ways, and the identity must be one.
        num_layers: number of layers L of the model.
        max_block: most slots of the block that one edit skips, loops or moves.
        max_repeats: most extra runs that one edit adds.
        max_length: most slots of a chain; 2 * num_layers unless set.

    Raises:
        InvalidInput: where the word runs layers that don't exist, leaves out the identity, or says one
            chain in two ways (looked for in all chains of a small space, and in a sample of a large one).
    """
    total = whole_number("num_layers", num_layers, 1)
    return _checked(Space("composed", total, word, _limits(total, max_block, max_repeats, max_length)))


def per_layer(num_layers: int, counts: Iterable[int] = (0, 1, 2), *, max_length: int | None = None) -> Space:
    """Each layer is run as often as one of `counts` says, in ascending order; at least one is run."""
    total = whole_number("num_layers", num_layers, 1)
    found = tuple(counts)
    most = max([whole_number("count", count, 0) for count in found], default=1)
    word = Blocks(tuple(range(total)), {1: found})
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
    top = space.tree.largest_layer
    if top >= space.num_layers:
        raise InvalidInput(
            f"the space runs layer {top}; a model of {space.num_layers} layers has 0..{space.num_layers - 1}"
        )
    space.tree.check_unique()
    return space
