"""Search spaces over chains: which are legal, how many there are, which edits lead on. Pure Python, no torch.

Each space numbers its chains: `chain_at` is one to one from 0..count()-1, so that counting, listing, exactly
uniform sampling and sampling without replacement are a few lines each, however large the space is.

The spaces are CoLa's and its ablations (arXiv 2507.07996): `cola`, `skip`, `loop`, `early-exit`. In `cola` a
chain is a non-empty set of kept layers in ascending order, cut into groups; a group is one layer run once, or
a *loop*: a block of at most `max_block` neighbouring kept layers run 2 to 1 + `max_repeats` times. So each
layer is in at most one loop, and a chain stands for exactly one choice of (kept set, loops).

Loops of loops are left out on purpose. The paper's edits, applied without limit, reach nearly every sequence
over the layers within the cap; a uniform sample of those is noise, and a random search over noise is a straw
man for every other searcher. In this space edits of different layers commute, and the count is exact.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate
from math import comb
from typing import ClassVar

from skiploop.chain import Chain, Edit, edited
from skiploop.errors import InvalidInput
from skiploop.groups import Group, Limits, loop_edits_of, looped, read_groups, skip_edits, skip_edits_of
from skiploop.notation import LONGEST, whole_number


class Space(ABC):
    """A set of chains over the layers 0..L-1 with the edits that lead from one to the next.

    Attributes:
        name: the name under which `make_space` knows it.
        num_layers: number of layers L of the model.
        limits: the bounds that it was made with.
    """

    name: ClassVar[str]

    def __init__(self, num_layers: int, limits: Limits) -> None:
        self.num_layers = num_layers
        self.limits = limits

    @abstractmethod
    def accepts(self, layers: tuple[int, ...]) -> bool:
        """Whether the chain with these layers, all in 0..L-1, is in the space."""

    @abstractmethod
    def edits(self, chain: Chain) -> list[Edit]:
        """The legal edits of a chain: results are in the space, differ from the chain and from each other.

        Where several edits give one chain (any pass of a loop can be skipped), the leftmost stands for all.
        """

    @abstractmethod
    def count(self) -> int:
        """The exact number of distinct chains."""

    @abstractmethod
    def chain_at(self, rank: int) -> Chain:
        """The chain with this number, one to one from 0..count()-1."""

    def __contains__(self, chain: object) -> bool:
        return isinstance(chain, Chain) and chain.num_layers == self.num_layers and self.accepts(chain.layers)

    def __repr__(self) -> str:
        return f"make_space({', '.join(f'{name}={value!r}' for name, value in self.settings.items())})"

    @property
    def max_length(self) -> int:
        """Most slots of a chain."""
        return self.limits.max_length

    @property
    def settings(self) -> dict[str, str | int]:
        """What run.json records; `make_space(**settings)` gives an equal space."""
        return {
            "name": self.name,
            "num_layers": self.num_layers,
            "max_block": self.limits.max_block,
            "max_repeats": self.limits.max_repeats,
            "max_length": self.limits.max_length,
        }

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
    """Kept layers in ascending order, cut into groups; the class says whether to skip and to loop."""

    skips: ClassVar[bool]
    loops: ClassVar[bool]

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
        groups = self._read(chain.layers) if chain.num_layers == self.num_layers else None
        if groups is None:
            raise self._outside(chain)
        found = list(skip_edits_of(groups, len(chain), self.limits.max_block)) if self.skips else []
        if self.loops:
            for group in groups:
                found += loop_edits_of(group, self.limits, self.limits.max_length - len(chain))
        return found

    # Counting: choose the kept layers, then group them. ways[j][n] groups j kept layers into n slots.

    @cached_property
    def _shapes(self) -> list[tuple[int, int, int]]:
        """(size, times, slots) of every group that can occur."""
        limits, shapes = self.limits, [(1, 1, 1)]
        for size in range(1, min(limits.max_block, self.num_layers) + 1 if self.loops else 1):
            most = min(1 + limits.max_repeats, limits.max_length // size)
            shapes += [(size, times, size * times) for times in range(2, most + 1)]
        return shapes

    @cached_property
    def _ways(self) -> list[list[int]]:  # [L + 1, max_length + 1]
        most = self.limits.max_length
        ways = [[1] + [0] * most]
        for kept in range(1, self.num_layers + 1):
            row = [0] * (most + 1)
            for size, _, slots in self._shapes:
                if size <= kept:
                    before = ways[kept - size]
                    for n in range(slots, most + 1):
                        row[n] += before[n - slots]
            ways.append(row)
        return ways

    @cached_property
    def _sections(self) -> tuple[list[int], list[tuple[int, int]]]:
        """Ranks are ordered by (kept, slots): the first rank of each such section, the end; and the keys."""
        total = self.num_layers
        keys = [
            (kept, slots)
            for kept in range(1 if self.skips else total, total + 1)
            for slots in range(kept, self.limits.max_length + 1)
            if self._ways[kept][slots]
        ]
        sizes = [comb(total, kept) * self._ways[kept][slots] for kept, slots in keys]
        return list(accumulate(sizes, initial=0)), keys

    @cached_property
    def _last_groups(self) -> dict[tuple[int, int], tuple[list[int], list[tuple[int, int, int]]]]:
        return {}  # (kept, slots) -> first rank and shape of each possible last group; filled on use

    def count(self) -> int:
        return self._sections[0][-1]

    def chain_at(self, rank: int) -> Chain:
        rest = self._check_rank(rank)
        starts, keys = self._sections
        section = bisect_right(starts, rest) - 1
        kept, slots = keys[section]
        grouping, subset = divmod(rest - starts[section], comb(self.num_layers, kept))
        layers = _subset(self.num_layers, kept, subset)
        pieces: list[tuple[int, ...]] = []
        while kept:
            grouping, (size, times, length) = self._last_group(kept, slots, grouping)
            pieces.append(layers[kept - size : kept] * times)
            kept, slots = kept - size, slots - length
        pieces.reverse()
        return Chain.unchecked(tuple([layer for piece in pieces for layer in piece]), self.num_layers)

    def _last_group(self, kept: int, slots: int, rank: int) -> tuple[int, tuple[int, int, int]]:
        """Of grouping number `rank` of `kept` layers in `slots` slots: the rest's number, the last group."""
        options = self._last_groups.get((kept, slots))
        if options is None:
            shapes = [shape for shape in self._shapes if shape[0] <= kept and shape[2] <= slots]
            ways = [self._ways[kept - size][slots - length] for size, _, length in shapes]
            options = self._last_groups[kept, slots] = (list(accumulate(ways, initial=0))[:-1], shapes)
        starts, shapes = options
        pick = bisect_right(starts, rank) - 1
        return rank - starts[pick], shapes[pick]


class ColaSpace(BlockSpace):
    """CoLa's space: skips and loops of blocks; see the head of this module."""

    name, skips, loops = "cola", True, True


class SkipSpace(BlockSpace):
    """CoLa's skip-only ablation: every non-empty set of layers, each run once, in ascending order."""

    name, skips, loops = "skip", True, False


class LoopSpace(BlockSpace):
    """CoLa's loop-only ablation: every layer is run, blocks may be looped. Its edits only ever add runs."""

    name, skips, loops = "loop", False, True


class EarlyExitSpace(Space):
    """The chains 0..m: CoLa's early-exit ablation. An edit drops up to `max_block` layers at the end."""

    name = "early-exit"

    def accepts(self, layers: tuple[int, ...]) -> bool:
        return layers == tuple(range(len(layers))) and len(layers) >= 1

    def edits(self, chain: Chain) -> list[Edit]:
        if chain not in self:
            raise self._outside(chain)
        slots = len(chain)
        return [skip_edits(size, slots)[-1] for size in range(1, min(self.limits.max_block, slots - 1) + 1)]

    def count(self) -> int:
        return self.num_layers

    def chain_at(self, rank: int) -> Chain:
        return Chain.unchecked(tuple(range(self._check_rank(rank) + 1)), self.num_layers)


SPACES: dict[str, type[Space]] = {
    "cola": ColaSpace,
    "skip": SkipSpace,
    "loop": LoopSpace,
    "early-exit": EarlyExitSpace,
}


def make_space(
    name: str, num_layers: int, *, max_block: int = 4, max_repeats: int = 4, max_length: int | None = None
) -> Space:
    """A space by name.

    Args:
        name: one of SPACES: `cola`, `skip`, `loop`, `early-exit`.
        num_layers: number of layers L of the model.
        max_block: most slots that one edit skips, and most layers in a loop (CoLa: 4).
        max_repeats: most extra runs of a loop (CoLa: 4).
        max_length: most slots of a chain. CoLa doesn't give its cap; 2 * num_layers unless set.

    Raises:
        InvalidInput: for an unknown name, or a bound that is too small.
    """
    if name not in SPACES:
        raise InvalidInput(f"unknown space {name!r}; use one of {', '.join(SPACES)}")
    total = whole_number("num_layers", num_layers, 1)
    longest = 2 * total if max_length is None else whole_number("max_length", max_length, 1)
    if not total <= longest <= LONGEST:
        raise InvalidInput(
            f"max_length={longest} doesn't work for a model of {total} layers: the identity must fit in it; "
            f"use {total} to {LONGEST}"
        )
    block, repeats = whole_number("max_block", max_block, 1), whole_number("max_repeats", max_repeats, 1)
    return SPACES[name](total, Limits(block, repeats, longest))


def _subset(total: int, size: int, rank: int) -> tuple[int, ...]:
    """Subset number `rank` of `size` of the layers 0..total-1, in lexicographic order."""
    chosen: list[int] = []
    layer = 0
    while len(chosen) < size:
        with_layer = comb(total - layer - 1, size - len(chosen) - 1)
        if rank < with_layer:
            chosen.append(layer)
        else:
            rank -= with_layer
        layer += 1
    return tuple(chosen)
