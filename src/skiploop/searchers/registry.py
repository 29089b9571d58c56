"""Searchers by name."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from skiploop.errors import InvalidInput
from skiploop.searchers.protocol import Searcher
from skiploop.searchers.samplers.beam import BeamSearcher
from skiploop.searchers.samplers.evolution import EvolutionSearcher
from skiploop.searchers.samplers.exhaustive import ExhaustiveSearcher
from skiploop.searchers.samplers.gflownet import GFlowNetSearcher
from skiploop.searchers.samplers.metropolis import MetropolisSearcher
from skiploop.searchers.samplers.nearby import NearbySearcher
from skiploop.searchers.samplers.random import RandomSearcher
from skiploop.searchers.surrogates.boosting import SurrogateSearcher
from skiploop.searchers.surrogates.gp import GPSearcher
from skiploop.searchers.surrogates.optuna import NSGA2Searcher, TPESearcher
from skiploop.searchers.trees.cola import ColaSearcher
from skiploop.searchers.trees.hybrid import HybridSearcher
from skiploop.searchers.trees.pareto import ParetoSearcher
from skiploop.searchers.trees.puct import PuctSearcher
from skiploop.spaces.space import Space

AUTO = "gp"
"""What `auto` stands for: the best of the searchers at every budget (docs/searcher_benchmarks.md)."""

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
