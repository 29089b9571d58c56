"""Edits of chains: what a searcher does to a chain, and what distinguishes a chain from the identity. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, Self, TypeVar

from skiploop.chains.notation import LONGEST, block_text, check_length, repeats
from skiploop.chains.weights import (
    checked_weight,
    damped,
    damped_loops,
    has_weights,
    loop_of,
    weight_text,
)
from skiploop.errors import InvalidInput
from skiploop.validate import whole_number


class Editable(Protocol):
    """A chain, as an edit sees it."""

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers that are run, in order."""

    @property
    def num_layers(self) -> int:
        """Number of layers of the model."""

    @classmethod
    def unchecked(cls, layers: tuple[int, ...], num_layers: int) -> Self:
        """A chain from layers that are known to be legal."""


C = TypeVar("C", bound=Editable)


@dataclass(frozen=True, slots=True)
class Edit:
    """A searcher's action, in slots of the chain that it is applied to (CoLa, arXiv 2507.07996).

    Attributes:
        kind: "skip" removes the block, "loop" runs it again directly after itself, "move" runs it later.
        start: first slot of the block.
        size: number of slots of the block.
        extra: how many extra times a looped block is run, or by how many slots a block is moved; 0 for a skip.
        damping: of a loop; 1 is none, see `skiploop.chains.weights`.
    """

    kind: Literal["skip", "loop", "move"]
    start: int
    size: int
    extra: int = 0
    damping: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in ("skip", "loop", "move"):
            raise InvalidInput(f"edit kind {self.kind!r} is unknown; use 'skip', 'loop' or 'move'")
        whole_number("start", self.start, 0)
        whole_number("size", self.size, 1)
        whole_number("extra", self.extra, 0 if self.kind == "skip" else 1)
        if self.kind == "skip" and self.extra:
            raise InvalidInput(f"a skip has no extra runs, got extra={self.extra}; leave it out")
        checked_weight(self.damping, 0, 1, "damping")
        if self.damping != 1 and self.kind != "loop":
            raise InvalidInput(f"a {self.kind} has no damping, got {self.damping}; leave it out")

    def apply(self, chain: C) -> C:
        """The edited chain; InvalidInput where the block isn't in it or nothing would be left."""
        slots = len(chain.layers)
        end = self.start + self.size + (self.extra if self.kind == "move" else 0)
        if end > slots:
            raise InvalidInput(
                f"slots {self.start}..{end - 1} aren't all in {str(chain)!r}, "
                f"which has slots 0..{slots - 1}; use a smaller start or size"
            )
        added = {"skip": -self.size, "loop": self.size * self.extra, "move": 0}[self.kind]
        check_length(slots + added, LONGEST)
        layers = edited(chain.layers, self)
        if has_weights(layers):
            list(damped_loops(layers))  # refuses a loop that isn't whole
        return chain.unchecked(layers, chain.num_layers)


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
        loop = loop_of(self.layers[0])
        damping = f"~{weight_text(loop.beta)}" if loop else ""
        return text + f" x{1 + self.extra}{damping}" if self.kind == "loop" else text


def edited(layers: tuple[int, ...], edit: Edit) -> tuple[int, ...]:
    """The layers after an edit whose block lies within them; unchecked, for inner loops."""
    start, end = edit.start, edit.start + edit.size
    if edit.kind == "move":
        return layers[:start] + layers[end : end + edit.extra] + layers[start:end] + layers[end + edit.extra :]
    if edit.damping != 1:
        return layers[:start] + damped(layers[start:end], 1 + edit.extra, edit.damping) + layers[end:]
    if edit.extra:
        return layers[:end] + layers[start:end] * edit.extra + layers[end:]
    return layers[:start] + layers[end:]


def shortest_edits(layers: tuple[int, ...], num_layers: int) -> Iterator[LayerEdit]:
    """Shortest path over slots 0..N; a step goes to the next slot, a loop over all its extra runs at once."""
    slots = len(layers)
    loops: dict[int, list[tuple[int, int]]] = {}  # slot after the first run -> (size, most extra runs)
    for start, size, times in repeats(_told_apart(layers)):
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
    yield from _walk_back(layers, via)
    if layers[-1] < num_layers - 1:
        yield LayerEdit("skip", tuple(range(layers[-1] + 1, num_layers)), 0, slots)


def _told_apart(layers: tuple[int, ...]) -> tuple[int, ...]:
    """Numbers that are equal for equal slots, but not across two damped loops: these have their own edits."""
    if not has_weights(layers):
        return layers
    loop_starts = {start: loop.size * loop.times for start, loop in damped_loops(layers)}
    owner = [-1] * len(layers)
    for start, slots in loop_starts.items():
        owner[start : start + slots] = [start] * slots
    codes: dict[tuple[int, int], int] = {}
    return tuple([codes.setdefault(pair, len(codes)) for pair in zip(layers, owner, strict=True)])


def _walk_back(layers: tuple[int, ...], via: list[tuple[int, int]]) -> list[LayerEdit]:
    i = len(layers)
    edits: list[LayerEdit] = []
    while i:
        size, extra = via[i]
        if size:
            i -= size * extra
            edits.append(LayerEdit("loop", layers[i - size : i], extra, i))
            continue
        i -= 1
        last = layers[i - 1] if i else -1
        if layers[i] > last + 1:
            edits.append(LayerEdit("skip", tuple(range(last + 1, layers[i])), 0, i))
        elif layers[i] <= last:
            edits.append(LayerEdit("jump", (last, layers[i]), 0, i))
    return edits[::-1]
