"""Deterministic stand-ins for a model: the reward of a chain as a function of its layers."""

from __future__ import annotations

from skiploop.chains.chain import Chain
from skiploop.testing.searcher_contract import scattered

__all__ = ["planted", "scattered"]


def planted(chain: Chain) -> float:
    """The share of layers run as often as planted: 2 and 5 never, 3 twice, all others once."""
    wanted = [{2: 0, 5: 0, 3: 2}.get(layer, 1) for layer in range(chain.num_layers)]
    return sum(chain.layers.count(layer) == count for layer, count in enumerate(wanted)) / chain.num_layers
