"""All changes of a chain, and a plain walk by them: what the searchers' results are compared with."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from itertools import product

from skiploop.chains.chain import Chain
from skiploop.searchers.samplers.moves import KINDS, Instance, Layers, instance, propose
from skiploop.spaces.space import Space


def instances(space: Space, layers: Layers) -> Iterator[Instance]:
    """All changes of a chain that stay in the space, jumps left out; the rest of the probability is for staying."""
    for name, kind in KINDS.items():
        for parameters in product(*map(range, kind.ranges(space, len(layers)))):
            if (change := instance(space, layers, name, parameters)) is not None:
                yield change


def walk(
    space: Space, reward_of: Callable[[Chain], float], steps: int, beta: float, rng: random.Random
) -> Iterator[Chain]:
    """The chains at which one walker stands after each of this many steps from the identity, one temperature.

    For spaces whose rewards cost nothing; each chain's reward is asked for whenever the walker considers it.
    """
    chain, reward = space.identity, reward_of(space.identity)
    for _ in range(steps):
        layers, log_ratio = propose(space, chain.layers, rng)
        log_u = math.log(1.0 - rng.random())
        if layers != chain.layers:
            proposed = Chain.unchecked(layers, space.num_layers)
            considered = reward_of(proposed)
            if log_u < beta * (considered - reward) + log_ratio:
                chain, reward = proposed, considered
        yield chain
