"""Chains of layers: an immutable value, its notation, and edits on it. Pure Python, no torch.

A chain is the sequence of layers that a model runs. One position of it is a *slot*; a layer that is run twice
has two slots. Notation: tokens separated by blanks or commas,

    4           one layer                   4-7     an ascending range
    4-7x2       the whole block, run twice: 4 5 6 7 4 5 6 7
    (1 3)x2     any other block, run twice: 1 3 1 3; parentheses nest

`xN` is always the *total* number of runs. `Chain.parse(str(chain), L) == chain` holds for every chain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from skiploop.errors import InvalidInput
from skiploop.notation import (
    LONGEST,
    block_text,
    check_length,
    format_layers,
    layer_index,
    length_limit,
    parse_layers,
    repeats,
)
from skiploop.validate import whole_number


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Chain:
    """The layers that are run, in order; compared and hashed by `layers` and `num_layers`.

    Args:
        layers: layer indices in the order of execution, each in 0..num_layers-1; at least one.
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
    def skipped(self) -> tuple[int, ...]:
        """The layers that are never run, ascending."""
        return tuple(sorted(set(range(self.num_layers)).difference(self.layers)))

    @property
    def looped(self) -> dict[int, int]:
        """How often each layer is run that is run more than once, by ascending layer."""
        return {layer: count for layer, count in sorted(Counter(self.layers).items()) if count > 1}

    def skip(self, start: int, size: int) -> Chain:
        """The chain without the block of `size` slots that begins at slot `start`."""
        return Edit("skip", start, size).apply(self)

    def loop(self, start: int, size: int, extra: int = 1) -> Chain:
        """The chain in which the block of `size` slots from slot `start` is run `extra` more times."""
        return Edit("loop", start, size, extra).apply(self)

    def edits(self) -> tuple[LayerEdit, ...]:
        """A shortest list of edits that turns the identity into this chain, in the order of execution.

        The grammar: a reader at the layer just run either runs the next higher layer, which is free, or pays
        one edit to *skip* forwards over a range of layers, to *jump* back to an earlier (or the same) layer,
        or to *loop* the slots just run any number of extra times. Layers left over after the last slot are
        one more skip. The list is a shortest path over the slots; among equals one with fewest jumps, so that
        a looped block is a loop.
        """
        return tuple(_shortest_edits(self))

    def _repr_svg_(self) -> str | None:
        """The drawing that a notebook shows; None, and so the text, where it would be too long to look at."""
        from skiploop.drawing.svg import draw_svg  # the one import upwards: late, and only in notebooks

        return draw_svg(self) if len(self) <= 1000 else None


@dataclass(frozen=True, slots=True)
class Edit:
    """A searcher's action, in slots of the chain that it is applied to (CoLa, arXiv 2507.07996).

    Attributes:
        kind: "skip" removes the block, "loop" runs it again directly after itself, "move" runs it later.
        start: first slot of the block.
        size: number of slots of the block.
        extra: how many extra times a looped block is run, or by how many slots a block is moved; 0 for a skip.
    """

    kind: Literal["skip", "loop", "move"]
    start: int
    size: int
    extra: int = 0

    def __post_init__(self) -> None:
        if self.kind not in ("skip", "loop", "move"):
            raise InvalidInput(f"edit kind {self.kind!r} is unknown; use 'skip', 'loop' or 'move'")
        whole_number("start", self.start, 0)
        whole_number("size", self.size, 1)
        whole_number("extra", self.extra, 0 if self.kind == "skip" else 1)
        if self.kind == "skip" and self.extra:
            raise InvalidInput(f"a skip has no extra runs, got extra={self.extra}; leave it out")

    def apply(self, chain: Chain) -> Chain:
        """The edited chain; InvalidInput where the block isn't in it or nothing would be left."""
        slots = len(chain)
        end = self.start + self.size + (self.extra if self.kind == "move" else 0)
        if end > slots:
            raise InvalidInput(
                f"slots {self.start}..{end - 1} aren't all in {str(chain)!r}, "
                f"which has slots 0..{slots - 1}; use a smaller start or size"
            )
        added = {"skip": -self.size, "loop": self.size * self.extra, "move": 0}[self.kind]
        check_length(slots + added, LONGEST)
        return Chain.unchecked(edited(chain.layers, self), chain.num_layers)


@dataclass(frozen=True, slots=True)
class LayerEdit:
    """One difference from the identity, in layers; `str()` gives `skip 4-5`, `loop 2-3 x2` or `jump 5->2`.

    Attributes:
        kind: "skip", "loop" or "jump".
        layers: the skipped layers, the looped block, or the two ends (from, to) of a jump.
        extra: how many extra times a looped block is run, else 0; the text has the total, as the notation.
        slot: the slot before which the edit takes place.
    """

    kind: Literal["skip", "loop", "jump"]
    layers: tuple[int, ...]
    extra: int
    slot: int

    def __str__(self) -> str:
        if self.kind == "jump":
            return f"jump {self.layers[0]}->{self.layers[1]}"
        text = f"{self.kind} {block_text(self.layers)}"
        return text + f" x{1 + self.extra}" if self.kind == "loop" else text


def edited(layers: tuple[int, ...], edit: Edit) -> tuple[int, ...]:
    """The layers after an edit whose block lies within them; unchecked, for inner loops."""
    start, end = edit.start, edit.start + edit.size
    if edit.kind == "move":
        return layers[:start] + layers[end : end + edit.extra] + layers[start:end] + layers[end + edit.extra :]
    if edit.extra:
        return layers[:end] + layers[start:end] * edit.extra + layers[end:]
    return layers[:start] + layers[end:]


# Edits against the identity


def _shortest_edits(chain: Chain) -> Iterator[LayerEdit]:
    """Shortest path over slots 0..N; a step goes to the next slot, a loop over all its extra runs at once."""
    layers, slots = chain.layers, len(chain)
    loops: dict[int, list[tuple[int, int]]] = {}  # slot after the first run -> (size, most extra runs)
    for start, size, times in repeats(layers):
        loops.setdefault(start + size, []).append((size, times - 1))
    one = slots + 1  # the cost of an edit; a jump costs one more unit, which only ever breaks ties
    cost = [0] + [one * (slots + 2) * 2] * slots
    via: list[tuple[int, int]] = [(0, 0)] * (slots + 1)  # [N + 1], (size, extra) of the loop ending there
    for i in range(slots):
        ahead = layers[i] - (layers[i - 1] + 1 if i else 0)
        step = cost[i] + (0 if ahead == 0 else one if ahead > 0 else one + 1)
        if step < cost[i + 1]:
            cost[i + 1], via[i + 1] = step, (0, 0)
        for size, most in loops.get(i, ()):
            for extra in range(1, most + 1):
                if cost[i] + one < cost[i + size * extra]:
                    cost[i + size * extra], via[i + size * extra] = cost[i] + one, (size, extra)
    yield from _walk_back(chain, via)
    if layers[-1] < chain.num_layers - 1:
        yield LayerEdit("skip", tuple(range(layers[-1] + 1, chain.num_layers)), 0, slots)


def _walk_back(chain: Chain, via: list[tuple[int, int]]) -> list[LayerEdit]:
    layers, i = chain.layers, len(chain)
    found: list[LayerEdit] = []
    while i:
        size, extra = via[i]
        if size:
            i -= size * extra
            found.append(LayerEdit("loop", layers[i - size : i], extra, i))
            continue
        i -= 1
        last = layers[i - 1] if i else -1
        if layers[i] > last + 1:
            found.append(LayerEdit("skip", tuple(range(last + 1, layers[i])), 0, i))
        elif layers[i] <= last:
            found.append(LayerEdit("jump", (last, layers[i]), 0, i))
    return found[::-1]
