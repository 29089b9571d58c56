"""Small random changes of a chain, with the exact probability of each: the proposals of Metropolis-Hastings.

A change is an *instance*: a kind (say "loop") with its parameters (how many slots, how often, from where). The
parameters of a kind are drawn uniformly from ranges that depend on nothing but the space and the number of slots, so
the probability of an instance is one over the product of the ranges. Each instance at x that gives y has exactly one
inverse instance at y that gives x back, of the kind that is named its inverse.

Several instances can lead from x to the same y: any pass of a loop can be deleted. They needn't be summed up. Where
each *pair* of inverse instances is accepted by its own ratio,

    pi(x) q(i | x) a(i | x) = pi(y) q(i' | y) a(i' | y),

detailed balance holds for each pair, and so for the sum over the pairs that join x and y (the argument of Green,
Biometrika 82, 1995, for moves that are drawn first and have a reverse). An instance whose result is
outside the space, or which has no inverse, means staying; so does its absence on the other side.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from skiploop.spaces.space import Space

Layers = tuple[int, ...]
Parameters = tuple[int, ...]  # each in 0..range-1

JUMP = 0.02
"""Probability of a chain drawn from the whole space, which makes every space connected, whatever its edits are."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of change.

    Attributes:
        inverse: the kind that undoes it; drawn as often as this one.
        ranges: given space and number of slots, how many values each parameter has.
        apply: the changed layers; None where the parameters don't fit or there would be no way back.
        back: the parameters of the inverse instance, given the layers *before* the change.
    """

    inverse: str
    ranges: Callable[[Space, int], Parameters]
    apply: Callable[[Layers, Parameters], Layers | None]
    back: Callable[[Layers, Parameters], Parameters]


@dataclass(frozen=True, slots=True)
class Instance:
    """A change that is possible: what it gives, how probable it is, and how probable the way back."""

    kind: str
    parameters: Parameters
    result: Layers
    log_probability: float
    log_back: float


def propose(space: Space, layers: Layers, rng: random.Random) -> tuple[Layers, float]:
    """A random change of a chain, or the chain itself where the change leads out of the space.

    Returns:
        The layers, and log q(back) - log q(there) of the instance that was drawn.
    """
    if rng.random() < JUMP:
        return space.chain_at(rng.randrange(space.count())).layers, 0.0  # uniform, so the same in both directions
    name = NAMES[rng.randrange(len(NAMES))]
    ranges = KINDS[name].ranges(space, len(layers))
    found = instance(space, layers, name, tuple([rng.randrange(size) for size in ranges]))
    return (found.result, found.log_back - found.log_probability) if found else (layers, 0.0)


def instance(space: Space, layers: Layers, name: str, parameters: Parameters) -> Instance | None:
    """A change of this kind with these parameters; None where it leads out of the space or has no inverse."""
    result = KINDS[name].apply(layers, parameters)
    if result is None or max(result) >= space.num_layers or not space.accepts(result):  # a run may end too high
        return None
    there = _log_probability(space, name, len(layers))
    return Instance(name, parameters, result, there, _log_probability(space, KINDS[name].inverse, len(result)))


def _log_probability(space: Space, name: str, slots: int) -> float:
    """Of each instance of a kind, before jumps are taken into account, which they are alike on both sides."""
    return -math.log(len(NAMES) * math.prod(KINDS[name].ranges(space, slots)))


# A layer at any slot: (slot, layer), and the slot alone


def _insert(layers: Layers, at: Parameters) -> Layers:
    return layers[: at[0]] + at[1:] + layers[at[0] :]


def _delete(layers: Layers, at: Parameters) -> Layers | None:
    return layers[: at[0]] + layers[at[0] + 1 :] or None


# A run of neighbouring layers at its sorted place: (size - 1, first layer)


def _sorted_place(layers: Layers, first: int) -> int:
    """The slot before which a run belongs: all slots to the left of it run lower layers."""
    return next((slot for slot, layer in enumerate(layers) if layer >= first), len(layers))


def _insert_run(layers: Layers, at: Parameters) -> Layers:
    place = _sorted_place(layers, at[1])
    return layers[:place] + tuple(range(at[1], at[1] + at[0] + 1)) + layers[place:]


def _delete_run(layers: Layers, at: Parameters) -> Layers | None:
    place, run = _sorted_place(layers, at[1]), tuple(range(at[1], at[1] + at[0] + 1))
    result = layers[:place] + layers[place + len(run) :]
    if not result or layers[place : place + len(run)] != run:
        return None
    # What follows may be lower than the run (in a jump back); then the run would be inserted elsewhere.
    return result if _sorted_place(result, at[1]) == place else None


# A block directly after itself: (size - 1, extra runs - 1, first slot)


def _loop(layers: Layers, at: Parameters) -> Layers | None:
    end = at[2] + at[0] + 1
    return layers[:end] + layers[at[2] : end] * (at[1] + 1) + layers[end:] if end <= len(layers) else None


def _unloop(layers: Layers, at: Parameters) -> Layers | None:
    end, size = at[2] + at[0] + 1, at[0] + 1
    after = end + size * (at[1] + 1)
    looped = after <= len(layers) and layers[end:after] == layers[at[2] : end] * (at[1] + 1)
    return layers[:end] + layers[after:] if looped else None


# Two neighbouring blocks change places: (first slot), or (size - 1 of the left, of the right, first slot)


def _swap(layers: Layers, at: Parameters) -> Layers | None:
    return _move(layers, (0, 0, *at))


def _move(layers: Layers, at: Parameters) -> Layers | None:
    left, right = at[2] + at[0] + 1, at[2] + at[0] + at[1] + 2
    if right > len(layers):
        return None
    return layers[: at[2]] + layers[left:right] + layers[at[2] : left] + layers[right:]


def _block(space: Space) -> int:
    return min(space.limits.max_block, space.num_layers)


def _same(layers: Layers, at: Parameters) -> Parameters:
    return at


def _run_ranges(space: Space, slots: int) -> Parameters:
    return (_block(space), space.num_layers)


def _loop_ranges(space: Space, slots: int) -> Parameters:
    return (_block(space), space.limits.max_repeats, slots)


KINDS: dict[str, Kind] = {
    "insert": Kind("delete", lambda space, slots: (slots + 1, space.num_layers), _insert, lambda _, at: at[:1]),
    "delete": Kind("insert", lambda space, slots: (slots,), _delete, lambda layers, at: (at[0], layers[at[0]])),
    "insert run": Kind("delete run", _run_ranges, _insert_run, _same),
    "delete run": Kind("insert run", _run_ranges, _delete_run, _same),
    "loop": Kind("unloop", _loop_ranges, _loop, _same),
    "unloop": Kind("loop", _loop_ranges, _unloop, _same),
    "swap": Kind("swap", lambda space, slots: (slots,), _swap, _same),
    "move": Kind(
        "move", lambda space, slots: (_block(space), _block(space), slots), _move, lambda _, at: (at[1], at[0], at[2])
    ),
}
NAMES = tuple(KINDS)
