"""Search spaces over chains: which are legal, how many there are, which edits lead on. Pure Python, no torch.

A space is a word of the language of `skiploop.spaces.language` with bounds on the number of slots. From
that follows what it can do. It numbers its chains: `chain_at` is one to one from 0..count()-1, so counting, listing,
exactly uniform sampling and sampling without replacement take a few lines each, however large the space. It asks for
a chain by questions in a fixed order (`decide`, `decisions`). It lists the edits that lead from one chain to others.

    per_layer(8, counts=(0, 1, 2))                 each layer is skipped, run once or run twice
    make_space("cola", 28)                         by name, one of SPACES, as the command line does
    compose(Concat((Run((0,)), Blocks(range(1, 7), {1: (0, 1)}), Run((7,)))), 8)     a space of your own

In CoLa's space (arXiv 2507.07996) a chain is a non-empty set of kept layers in ascending order, cut into groups; a
group is one layer run once, or a *loop*: a block of at most `max_block` neighbouring kept layers run 2 to
1 + `max_repeats` times. So each layer is in at most one loop, and a chain stands for exactly one choice of (kept set,
loops). Loops of loops are left out on purpose. The paper's edits, applied without limit, reach nearly every sequence
over the layers within the cap; a uniform sample of those is noise, and a random search over noise is a straw man for
every other searcher. In this space edits of different layers commute, and the count is exact.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar

from skiploop.chains.chain import Chain
from skiploop.chains.edits import Edit, edited
from skiploop.chains.weights import has_loop
from skiploop.errors import InvalidInput
from skiploop.spaces.decisions import Choose, Decision, Decisions
from skiploop.spaces.language import Word
from skiploop.validate import whole_number

_LISTED = 1024  # chains whose edits are remembered, some kilobytes each
_SMALL = 8192  # chains of a space that are all remembered


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on edits and chains.

    Attributes:
        max_block: most slots that one edit skips, and most layers in a loop.
        max_repeats: most extra runs of a loop.
        max_length: most slots of a chain.
        dampings: of loops; 1 is the plain loop, see `skiploop.chains.weights`.
    """

    max_block: int
    max_repeats: int
    max_length: int
    dampings: tuple[float, ...] = (1.0,)


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
        self._listed: dict[tuple[int, ...], list[Edit]] = {}  # edits of the chains asked for last
        self._by_slots: dict[int, tuple[Edit, ...]] = {}  # candidates, by the number of slots
        self._members: frozenset[tuple[int, ...]] | None = None  # all chains, once edits of a small space are asked for

    def accepts(self, layers: tuple[int, ...]) -> bool:
        """Whether the chain with these layers, all in 0..L-1, is in the space."""
        return layers in self._members if self._members is not None else self.questions.accepts(layers)

    def edits(self, chain: Chain) -> list[Edit]:
        """The legal edits of a chain: results are in the space, differ from the chain and from each other.

        Where several edits give one chain (any pass of a loop can be skipped), the first stands for all: skips
        before loops before moves, each by ascending size and then from the left.
        """
        if chain.num_layers == self.num_layers and chain.layers in self._listed:
            return self._listed[chain.layers].copy()
        if chain not in self:
            raise self._outside(chain)
        self._remember_members()
        by_result: dict[tuple[int, ...], Edit] = {chain.layers: Edit("skip", 0, 1)}  # the first is for the chain itself
        for edit in self._candidates_of(len(chain)):
            if edit.damping != 1 and has_loop(chain.layers[edit.start : edit.start + edit.size]):
                continue
            result = edited(chain.layers, edit)
            if result not in by_result and self.accepts(result):
                by_result[result] = edit
        return self._keep(chain, list(by_result.values())[1:])

    def _keep(self, chain: Chain, edits: list[Edit]) -> list[Edit]:
        """Remembers the edits of the last few chains: a search asks for those of one chain again and again."""
        if len(self._listed) >= _LISTED:
            del self._listed[next(iter(self._listed))]
        self._listed[chain.layers] = edits
        return edits.copy()

    def _remember_members(self) -> None:
        """Lists a small space: looking a chain up is much faster than reading it, once there are many to look up."""
        if self._members is None and self.count() <= _SMALL:
            self._members = frozenset([chain.layers for chain in self.enumerate()])

    def _candidates_of(self, slots: int) -> tuple[Edit, ...]:
        if slots not in self._by_slots:
            self._by_slots[slots] = tuple(self._candidates(slots))
        return self._by_slots[slots]

    def _candidates(self, slots: int) -> Iterator[Edit]:
        """Every edit of a chain with this number of slots within the limits, legal or not."""
        sizes = range(1, min(self.limits.max_block, slots) + 1)
        if "skip" in self.edit_kinds:
            yield from (edit for size in sizes if size < slots for edit in skip_edits(size, slots))
        if "loop" in self.edit_kinds:
            for size in sizes:
                most = min(self.limits.max_repeats, (self.limits.max_length - slots) // size)
                for start in range(slots - size + 1):
                    for damping in self.limits.dampings:
                        yield from (Edit("loop", start, size, extra, damping) for extra in range(1, most + 1))
        if "move" in self.edit_kinds:
            for size in sizes:
                for start in range(slots - size):
                    most = min(self.limits.max_block, slots - start - size)
                    yield from (Edit("move", start, size, places) for places in range(1, most + 1))

    @cached_property
    def questions(self) -> Decisions:
        """The questions that lead to a chain."""
        return Decisions(self.word, 1, self.limits.max_length)

    def count(self) -> int:
        """The exact number of distinct chains."""
        return self.questions.count

    def chain_at(self, rank: int) -> Chain:
        """The chain with this number, one to one from 0..count()-1."""
        return Chain.unchecked(self.questions.layers_at(self._check_rank(rank)), self.num_layers)

    def decide(self, choose: Choose) -> Chain:
        """The chain to which a sequence of answers leads.

        Args:
            choose: called with the name of each question and the labels of its legal answers (two or more), in
                a fixed order; returns the index of one of them. Every sequence of answers gives a chain of
                the space, and every chain has exactly one.
        """
        return Chain.unchecked(self.questions.decide(choose), self.num_layers)

    def decisions(self, chain: Chain) -> tuple[Decision, ...]:
        """The questions that `decide` asks on the way to this chain, with their answers."""
        answers = self.questions.read(chain.layers) if chain.num_layers == self.num_layers else None
        if answers is None:
            raise self._outside(chain)
        return answers

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
        own: dict[str, Any] = {} if self.name != "composed" else {"word": self.word.to_json()}
        if self.limits.dampings != (1.0,):
            own["damping"] = list(self.limits.dampings)
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


@lru_cache(maxsize=4096)
def skip_edits(size: int, slots: int) -> tuple[Edit, ...]:
    """Every skip of a block of `size` slots in a chain of this many slots."""
    return tuple([Edit("skip", start, size) for start in range(slots - size + 1)])
