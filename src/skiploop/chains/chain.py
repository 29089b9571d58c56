"""Chains of layers: an immutable value, and its notation. Pure Python, no torch.

A chain is the sequence of layers that a model runs. One position of it is a *slot*; a layer that is run twice
has two slots. Notation: tokens separated by blanks or commas,

    4           one layer                   4-7     an ascending range
    4-7x2       the whole block, run twice: 4 5 6 7 4 5 6 7
    (1 3)x2     any other block, run twice: 1 3 1 3; parentheses nest

    4-7x3~.5    a damped loop: three passes, averaged, with half of the first pass in the result
    4-7*.7071   each of these slots adds .7071 times what its layer would add (before `x`: 4*.7x2)

`xN` is always the *total* number of runs; `~1` is no damping, and one run of a loop is its block, whatever the damping.
See `skiploop.chains.weights` for the formulas. `Chain.parse(str(chain), L) == chain` holds for every chain.

In JSON a chain is a list: the index of each layer, and text for a slot with weights, such as "12~.5:4x3" for a slot of
layer 12 in a loop of a window of 4 slots that is run 3 times with damping .5.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from skiploop.chains.edits import Edit, LayerEdit, shortest_edits
from skiploop.chains.notation import (
    check_length,
    format_layers,
    layer_index,
    length_limit,
    parse_layers,
)
from skiploop.chains.replication import from_ranges, to_ranges
from skiploop.chains.weights import damped_loops, has_weights, indices, layers_to_json
from skiploop.errors import InvalidInput
from skiploop.validate import whole_number


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Chain:
    """The layers that are run, in order; compared and hashed by `layers` and `num_layers`.

    Args:
        layers: layer indices in the order of execution, each in 0..num_layers-1; at least one. Slots with weights
            are `WeightedLayer`s, or their text in JSON.
        num_layers: number of layers L of the model.
        max_length: refuse chains with more slots than this.

    Raises:
        InvalidInput: naming the value, what is allowed and the way out.
    """

    layers: tuple[int, ...]
    num_layers: int

    def __init__(self, layers: Iterable[int], num_layers: int, *, max_length: int | None = None) -> None:
        total = whole_number("num_layers", num_layers, 1)
        if isinstance(layers, (str, bytes)):
            raise InvalidInput(f"Chain() takes layer indices, not text: {layers!r}; use Chain.parse(text, L)")
        try:
            entries = tuple(layers)
        except TypeError:
            raise InvalidInput(f"Chain() takes layer indices such as (0, 1, 1, 3), not {layers!r}") from None
        checked = tuple([layer_index(entry, total) for entry in entries])
        check_length(len(checked), length_limit(max_length))
        if has_weights(checked):
            list(damped_loops(checked))  # refuses a loop that isn't whole
        object.__setattr__(self, "layers", checked)
        object.__setattr__(self, "num_layers", total)

    @classmethod
    def unchecked(cls, layers: tuple[int, ...], num_layers: int) -> Chain:
        """A chain from layers that the caller knows to be legal; for inner loops."""
        chain = object.__new__(cls)
        object.__setattr__(chain, "layers", layers)
        object.__setattr__(chain, "num_layers", num_layers)
        return chain

    @classmethod
    def identity(cls, num_layers: int) -> Chain:
        """The pretrained model as it is: 0..L-1."""
        return cls(range(whole_number("num_layers", num_layers, 1)), num_layers)

    @classmethod
    def parse(cls, text: str, num_layers: int, max_length: int | None = None) -> Chain:
        """Reads the notation of this module, or a plain list such as `[0, 1, 1, 3]`."""
        if not isinstance(text, str):
            raise InvalidInput(f"Chain.parse takes text, not {text!r}; for a list use Chain(layers, L)")
        total = whole_number("num_layers", num_layers, 1)
        return cls(parse_layers(text, total, length_limit(max_length)), total, max_length=max_length)

    @classmethod
    def from_layer_replication(cls, ranges: Iterable[Sequence[int]], num_layers: int) -> Chain:
        """The chain that PEFT's `layer_replication` builds: pairs of a first layer and the one after the last."""
        total = whole_number("num_layers", num_layers, 1)
        return cls(from_ranges(ranges, total), total)

    def __str__(self) -> str:
        return format_layers(self.layers)

    def __repr__(self) -> str:
        return f"Chain.parse({str(self)!r}, num_layers={self.num_layers})"

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[int]:
        return iter(self.layers)

    @property
    def depth(self) -> int:
        """Number of layer executions, one for each slot."""
        return len(self.layers)

    @property
    def relative_depth(self) -> float:
        """Depth divided by the number of layers of the model; 1.0 for the identity."""
        return len(self.layers) / self.num_layers

    @property
    def is_identity(self) -> bool:
        """Whether this is the pretrained model as it is."""
        return self.layers == tuple(range(self.num_layers))

    @property
    def has_weights(self) -> bool:
        """Whether it has damped loops or scaled slots."""
        return has_weights(self.layers)

    def to_json(self) -> list[int | str]:
        """A list that `Chain(list, num_layers)` reads back: plain chains are lists of layer indices."""
        return layers_to_json(self.layers)

    def to_layer_replication(self) -> list[list[int]]:
        """The chain for `peft.LoraConfig(layer_replication=...)`, which gives each slot an adapter of its own.

        Raises:
            InvalidInput: damped loops and scaled slots, which PEFT doesn't have.
        """
        if self.has_weights:
            raise InvalidInput(
                f"the chain {self} has damped loops or scaled slots, which layer_replication can't say; train under "
                "run_chain instead"
            )
        return to_ranges(self.layers)

    @property
    def skipped(self) -> tuple[int, ...]:
        """The layers that are never run, ascending."""
        return tuple(sorted(set(range(self.num_layers)).difference(indices(self.layers))))

    @property
    def looped(self) -> dict[int, int]:
        """How often each layer is run that is run more than once, by ascending layer."""
        return {layer: count for layer, count in sorted(Counter(indices(self.layers)).items()) if count > 1}

    def skip(self, start: int, size: int) -> Chain:
        """The chain without the block of `size` slots that begins at slot `start`."""
        return Edit("skip", start, size).apply(self)

    def loop(self, start: int, size: int, extra: int = 1, *, damping: float = 1.0) -> Chain:
        """The chain in which the block of `size` slots from slot `start` is run `extra` more times.

        With a `damping` below 1 it is a damped loop, see `skiploop.chains.weights`.
        """
        return Edit("loop", start, size, extra, damping).apply(self)

    def edits(self) -> tuple[LayerEdit, ...]:
        """A shortest list of edits that turns the identity into this chain, in the order of execution.

        The grammar: a reader at the layer just run either runs the next higher layer, which is free, or pays
        one edit to *skip* forwards over a range of layers, to *jump* back to an earlier (or the same) layer,
        or to *loop* the slots just run any number of extra times. Layers left over after the last slot are
        one more skip. The list is a shortest path over the slots; among equals one with fewest jumps, so that
        a looped block is a loop.
        """
        return tuple(shortest_edits(self.layers, self.num_layers))

    def _repr_svg_(self) -> str | None:
        """The drawing that a notebook shows; None, and so the text, where it would be too long to look at."""
        from skiploop.chains.drawing.svg import draw_svg  # late: only notebooks need it

        return draw_svg(self) if len(self) <= 1000 else None
