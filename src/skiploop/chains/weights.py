"""Weights within a chain: damped loops, and slots whose residual update is scaled. Pure Python, no torch.

A *damped loop* runs a window g of slots K times and averages (Training-Free Looped Transformers, arXiv 2605.23872):

    x_0 the state before it;  x_(i+1) = x_i + (g(x_i) - x_i) / K,  K times;  result x_K + beta (g(x_0) - x_K)

Each g(x_i) is one pass of the window, so the loop takes K times the window's slots, and g(x_0) is the first of them.
A *scaled* slot adds `scale` times what its layer F would add: x + scale (F(x) - x).

A slot that has one of these is a `WeightedLayer`: the layer's index, and its weights. It counts as the index wherever
a number is wanted, and equals only what has the same weights: tuples of layers tell damped chains from plain ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from skiploop.errors import InvalidInput

DECIMALS = 4  # of a weight: its text is exact, and sqrt(1/2) is .7071

_LETTER = re.compile(r"([0-9]{1,9})(?:\*([0-9.]+))?(?:~([0-9.]+):([0-9]{1,9})x([0-9]{1,9}))?")


@dataclass(frozen=True, slots=True)
class DampedLoop:
    """The loop that a slot belongs to.

    Attributes:
        size: slots of the window.
        times: K, passes of the window in all; at least 2.
        beta: share of the first pass in the result, from 0 to below 1.
    """

    size: int
    times: int
    beta: float


class WeightedLayer(int):
    """A layer index with the weights of its slot; `loop` is None outside of damped loops."""

    scale: float
    loop: DampedLoop | None

    def __new__(cls, layer: int, scale: float = 1.0, loop: DampedLoop | None = None) -> WeightedLayer:
        made = super().__new__(cls, layer)
        made.scale, made.loop = scale, loop
        return made

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WeightedLayer):
            return False
        return int(self) == int(other) and self.scale == other.scale and self.loop == other.loop

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((int(self), self.scale, self.loop))

    def __reduce__(self) -> tuple[Any, ...]:
        return WeightedLayer, (int(self), self.scale, self.loop)

    def __repr__(self) -> str:
        text = str(int(self)) + (f"*{weight_text(self.scale)}" if self.scale != 1 else "")
        return text + (f"~{weight_text(self.loop.beta)}:{self.loop.size}x{self.loop.times}" if self.loop else "")

    __str__ = __repr__

    def to_json(self) -> str:
        """Its text, for instance `12~.5:4x3`."""
        return str(self)

    @classmethod
    def from_json(cls, value: object) -> int:
        """What `to_json` wrote."""
        if not isinstance(value, str):
            raise InvalidInput(f"{value!r} isn't a weighted layer; its text is for instance '12~.5:4x3'")
        return read_layer(value)


Layers = tuple[int | WeightedLayer, ...]  # as a record of a file has them


@dataclass(frozen=True, slots=True)
class Step:
    """What a weight does to the state around one slot.

    Attributes:
        scale: of the update of this slot.
        opens: a damped loop begins before this slot: the state is x_0.
        times: K, where this slot ends a pass of a damped loop, else 0.
        first: the pass that ends here is the first.
        beta: where the last pass ends here: share of the first pass in the result; else None.
    """

    scale: float = 1.0
    opens: bool = False
    times: int = 0
    first: bool = False
    beta: float | None = None


def scale_of(layer: int) -> float:
    """The scale of a slot, 1 without one."""
    return layer.scale if isinstance(layer, WeightedLayer) else 1.0


def loop_of(layer: int) -> DampedLoop | None:
    """The damped loop of a slot, if any."""
    return layer.loop if isinstance(layer, WeightedLayer) else None


def has_loop(layers: Sequence[int]) -> bool:
    """Whether any slot is one of a damped loop."""
    return any(loop_of(layer) is not None for layer in layers)


def has_weights(layers: Sequence[int]) -> bool:
    """Whether any slot has one."""
    return WeightedLayer in map(type, layers)


def indices(layers: Sequence[int]) -> tuple[int, ...]:
    """The plain layer indices."""
    return tuple([int(layer) for layer in layers])


def scaled(layers: Sequence[int], scale: float) -> tuple[int, ...]:
    """The slots with this scale; none may have one already."""
    if scale == 1:
        return tuple(layers)
    if any(scale_of(layer) != 1 for layer in layers):
        raise InvalidInput(f"a slot has one scale, and {_texts(layers)} are scaled already; leave one of them out")
    if has_loop(layers):
        raise InvalidInput("a damped loop as a whole can't be scaled; scale the slots of its window: 4-7*.7x2~.5")
    return tuple([WeightedLayer(int(layer), scale) for layer in layers])


def damped(window: Sequence[int], times: int, beta: float) -> tuple[int, ...]:
    """The slots of a loop over `window`; `beta` 1 is the plain loop, and one pass is the window itself."""
    if times < 2 or beta == 1:
        return tuple(window) * times
    if has_loop(window):
        raise InvalidInput("a damped loop can't hold another one; damp the inner or the outer loop")
    loop = DampedLoop(len(window), times, beta)
    return tuple([WeightedLayer(int(layer), scale_of(layer), loop) for layer in window]) * times


def without_loop(layers: Sequence[int]) -> tuple[int, ...]:
    """The slots with their scales, outside of any damped loop."""
    return tuple(
        [int(layer) if scale_of(layer) == 1 else WeightedLayer(int(layer), scale_of(layer)) for layer in layers]
    )


def damped_loops(layers: Sequence[int]) -> Iterator[tuple[int, DampedLoop]]:
    """First slot of each damped loop, from the left.

    Raises:
        InvalidInput: slots of a damped loop that aren't whole passes of one window.
    """
    for slot, loop in _loops(layers):
        end = slot + loop.size * loop.times
        window = tuple(layers[slot : slot + loop.size])
        if tuple(layers[slot:end]) != window * loop.times or any(loop_of(layer) != loop for layer in window):
            raise InvalidInput(
                f"the damped loop from slot {slot} on isn't whole: it has {loop.times} passes of {loop.size} slots; "
                "skip, loop or move it as a whole"
            )
        yield slot, loop


def is_whole(layers: Sequence[int]) -> bool:
    """Whether every damped loop has all of its slots."""
    if not has_weights(layers):
        return True
    try:
        return all(True for _ in damped_loops(layers))
    except InvalidInput:
        return False


@lru_cache(maxsize=4096)
def steps(layers: tuple[int, ...]) -> tuple[Step | None, ...]:
    """What happens around each slot, [N]; None: the layer's output is the state.

    Of the beginning of a chain, even one that ends within a loop, these are the steps of the chain itself.
    """
    found: list[Step | None] = [Step(scale_of(layer)) if scale_of(layer) != 1 else None for layer in layers]
    for slot, loop in _loops(layers):
        for within in range(min(loop.size * loop.times, len(layers) - slot)):
            found[slot + within] = _loop_step(loop, within, scale_of(layers[slot + within]))
    return tuple(found)


def _loops(layers: Sequence[int]) -> Iterator[tuple[int, DampedLoop]]:
    """First slot of each damped loop, whole or not."""
    slot = 0
    while slot < len(layers):
        loop = loop_of(layers[slot])
        if loop is not None:
            yield slot, loop
        slot += 1 if loop is None else loop.size * loop.times


def _loop_step(loop: DampedLoop, within: int, scale: float) -> Step:
    """The step of this slot of a loop."""
    turn, place = divmod(within, loop.size)
    ends = place == loop.size - 1
    return Step(
        scale,
        opens=within == 0,
        times=loop.times if ends else 0,
        first=ends and turn == 0,
        beta=loop.beta if ends and turn == loop.times - 1 else None,
    )


# Text and JSON


def weight(text: str, least: float, most: float, what: str) -> float:
    """A weight in a text such as `.5`."""
    try:
        value = float(text)
    except ValueError:
        raise InvalidInput(f"{what} {text!r} isn't a number; write it as .5") from None
    return checked_weight(value, least, most, what)


def checked_weight(value: float, least: float, most: float, what: str) -> float:
    """The weight, where it is in its range and has no more decimals than its text."""
    if not least <= value <= most:
        raise InvalidInput(f"{what} {value!r} doesn't work; use {least:g} to {most:g}")
    if round(value, DECIMALS) != value:
        raise InvalidInput(f"{what} {value!r} has too many decimals; use at most {DECIMALS}, such as .7071")
    return float(value)


def weight_text(value: float) -> str:
    """`.5`, `1.25`, `0`."""
    text = f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".")
    return text.removeprefix("0") if text != "0" else text


def layers_to_json(layers: Sequence[int]) -> list[int | str]:
    """Layers as JSON has them: plain ones as whole numbers, weighted ones as text, for instance `12~.5:4x3`."""
    return [str(layer) if isinstance(layer, WeightedLayer) else layer for layer in layers]


def layers_from_json(entries: Sequence[int | str]) -> tuple[int, ...]:
    """The layers that `layers_to_json` wrote."""
    return tuple([read_layer(entry) if isinstance(entry, str) else entry for entry in entries])


@lru_cache(maxsize=65536)
def read_layer(text: str) -> int:
    """A weighted layer in JSON."""
    match = _LETTER.fullmatch(text)
    if match is None:
        raise InvalidInput(
            f"{text!r} isn't a layer; a list holds whole numbers, or weighted layers such as '12~.5:4x3'"
        )
    scale = weight(match[2], 0, 4, "scale") if match[2] else 1.0
    if match[3] is None:
        return WeightedLayer(int(match[1]), scale) if scale != 1 else int(match[1])
    loop = DampedLoop(int(match[4]), int(match[5]), weight(match[3], 0, 1, "damping"))
    if loop.size < 1 or loop.times < 2 or loop.beta == 1:
        raise InvalidInput(
            f"{text!r} isn't a slot of a damped loop: it takes a window, two passes and a damping below 1"
        )
    return WeightedLayer(int(match[1]), scale, loop)


def _texts(layers: Sequence[int]) -> str:
    return " ".join(map(str, layers))
