"""Which keys and values a layer that is run more than once leaves for later tokens: a property of an execution.

    own       each slot has its own: later tokens find in every pass what that pass has left. The chain's true function.
    first     the first run's; every later pass reads them, too, beside its own of the tokens that are being run
    last      the last run's
    prefill   loops in the prompt only: later tokens run each layer once, at its first slot, and read the first run's

The tokens of one forward see each other through the keys and values of the pass that they are in; what is left when
the forward ends is what the policy says. So with any policy but `own` the outcome depends on where the prompt ends: a
prompt run in one forward isn't the same as one run token by token. Pure Python, no torch.
"""

from __future__ import annotations

from typing import Literal, get_args

from skiploop.chains.weights import without_loop
from skiploop.errors import InvalidInput

CachePolicy = Literal["own", "first", "last", "prefill"]
POLICIES: tuple[CachePolicy, ...] = get_args(CachePolicy)


def checked_policy(policy: str) -> CachePolicy:
    """The policy of this name; InvalidInput where there is none."""
    for known in POLICIES:
        if policy == known:
            return known
    raise InvalidInput(f"unknown cache policy {policy!r}; use one of {', '.join(POLICIES)}")


def repeats(layers: tuple[int, ...]) -> bool:
    """Whether any layer is run more than once; where none is, every policy is the same."""
    return len(set(map(int, layers))) < len(layers)


def kept_slots(layers: tuple[int, ...], policy: CachePolicy) -> tuple[int, ...]:
    """For each slot, the slot whose keys and values later tokens find there, [N]."""
    if policy == "own":
        return tuple(range(len(layers)))
    found: dict[int, int] = {}
    for slot, layer in enumerate(layers):
        if policy == "last" or int(layer) not in found:
            found[int(layer)] = slot
    return tuple([found[int(layer)] for layer in layers])


def first_runs(layers: tuple[int, ...]) -> tuple[int, ...]:
    """The chain with each layer at its first slot only, outside of any loop."""
    seen: set[int] = set()
    kept = []
    for layer in without_loop(layers):
        if int(layer) not in seen:
            seen.add(int(layer))
            kept.append(layer)
    return tuple(kept)


def read_slots(layers: tuple[int, ...], policy: CachePolicy) -> tuple[int, ...]:
    """For each slot of `decoding_layers`, the slot of the prompt's run whose keys and values it reads."""
    kept = kept_slots(layers, policy)
    return tuple([slot for slot, own in enumerate(kept) if own == slot]) if policy == "prefill" else kept


def decoding_layers(layers: tuple[int, ...], policy: CachePolicy) -> tuple[int, ...]:
    """The layers that are run for each token after the prompt; their number is the cost of a token in layer calls."""
    return first_runs(layers) if policy == "prefill" else layers
