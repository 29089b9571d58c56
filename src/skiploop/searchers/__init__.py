"""How to look for a chain: searchers behind one ask/tell protocol. No torch, no files.

A searcher works for one input. It is deterministic given its seed and the sequence of its `ask`s and
`tell`s, so a fresh one to which the same rounds are repeated arrives in the same state. The rewards of a
batch may be told in any order, and chains may be told that were never asked, such as the identity.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Protocol

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers.beam import BeamSearcher, BeamSettings
from skiploop.searchers.cola import ColaSearcher, ColaSettings
from skiploop.searchers.evolution import EvolutionSearcher, EvolutionSettings
from skiploop.searchers.exhaustive import ExhaustiveSearcher, ExhaustiveSettings
from skiploop.searchers.gflownet import GFlowNetSearcher, GFlowNetSettings
from skiploop.searchers.gp import GPSearcher, GPSettings
from skiploop.searchers.hybrid import HybridSearcher, HybridSettings
from skiploop.searchers.metropolis import MetropolisSearcher, MetropolisSettings
from skiploop.searchers.nearby import NearbySearcher, NearbySettings
from skiploop.searchers.optuna_search import NSGA2Searcher, NSGA2Settings, TPESearcher, TPESettings
from skiploop.searchers.pareto import pareto
from skiploop.searchers.pareto_search import ParetoSearcher, ParetoSettings
from skiploop.searchers.puct import PuctSearcher, PuctSettings
from skiploop.searchers.random import RandomSearcher
from skiploop.searchers.surrogate import SurrogateSearcher, SurrogateSettings
from skiploop.searchers.warm import WarmStart
from skiploop.spaces.space import Space

__all__ = [
    "AUTO",
    "SEARCHERS",
    "BeamSearcher",
    "BeamSettings",
    "ColaSearcher",
    "ColaSettings",
    "EvolutionSearcher",
    "EvolutionSettings",
    "ExhaustiveSearcher",
    "ExhaustiveSettings",
    "GFlowNetSearcher",
    "GFlowNetSettings",
    "GPSearcher",
    "GPSettings",
    "HybridSearcher",
    "HybridSettings",
    "MetropolisSearcher",
    "MetropolisSettings",
    "NSGA2Searcher",
    "NSGA2Settings",
    "NearbySearcher",
    "NearbySettings",
    "ParetoSearcher",
    "ParetoSettings",
    "PuctSearcher",
    "PuctSettings",
    "RandomSearcher",
    "Searcher",
    "SurrogateSearcher",
    "SurrogateSettings",
    "TPESearcher",
    "TPESettings",
    "WarmStart",
    "make_searcher",
    "pareto",
    "resolved_name",
]


class Searcher(Protocol):
    """Looks for good chains of one space, for one input."""

    def ask(self, n: int) -> list[Chain]:
        """Up to n chains to evaluate next, none asked or told before; fewer when the space is exhausted."""

    def tell(self, chain: Chain, reward: float) -> None:
        """The reward of a chain, asked or not; telling twice is harmless, the first reward counts."""


AUTO = "gp"
"""What `auto` stands for: the best of the searchers at every budget (docs/searchers.md)."""

SEARCHERS: dict[str, type[Any]] = {
    "random": RandomSearcher,
    "nearby": NearbySearcher,
    "cola": ColaSearcher,
    "puct": PuctSearcher,
    "pareto": ParetoSearcher,
    "metropolis": MetropolisSearcher,
    "gflownet": GFlowNetSearcher,
    "gp": GPSearcher,
    "evolution": EvolutionSearcher,
    "beam": BeamSearcher,
    "exhaustive": ExhaustiveSearcher,
    "hybrid": HybridSearcher,
    "surrogate": SurrogateSearcher,
    "tpe": TPESearcher,
    "nsga2": NSGA2Searcher,
}


def make_searcher(name: str, space: Space, *, seed: int = 0, **settings: float) -> Searcher:
    """A searcher by name.

    Args:
        name: one of SEARCHERS, or `auto`.
        space: the chains and edits to search; see `skiploop.spaces.named.make_space`.
        seed: one for each input; equal seeds in different inputs' trees make their searches look alike.
        **settings: fields of the searcher's `settings_type`, e.g. `length_penalty=0` for `cola`.

    Raises:
        InvalidInput: for an unknown name or setting, or a value that doesn't work.
    """
    name = resolved_name(name)
    searcher_type = SEARCHERS[name]
    allowed = [field.name for field in fields(searcher_type.settings_type)]
    unknown = sorted(set(settings).difference(allowed))
    if unknown:
        takes = f"it takes {', '.join(allowed)}" if allowed else "it takes none"
        raise InvalidInput(f"unknown setting {', '.join(unknown)} of searcher {name!r}; {takes}")
    searcher: Searcher = searcher_type(space, seed=seed, settings=searcher_type.settings_type(**settings))
    return searcher


def resolved_name(name: str) -> str:
    """The name in SEARCHERS: of `auto` that of the best searcher; InvalidInput where there is none."""
    if name != "auto" and name not in SEARCHERS:
        raise InvalidInput(f"unknown searcher {name!r}; use one of auto, {', '.join(SEARCHERS)}")
    return AUTO if name == "auto" else name
