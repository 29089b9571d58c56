"""How to look for a chain: searchers behind one ask/tell protocol. No torch, no files.

A searcher works for one input. It is deterministic given its seed and the sequence of its `ask`s and
`tell`s, so a fresh one to which the same rounds are repeated arrives in the same state. The rewards of a
batch may be told in any order, and chains may be told that were never asked, such as the identity.

    protocol      `Searcher`, and what each one checks of what it is told
    base          what searchers have in common
    registry      the searchers by name, `make_searcher`
    warm          chains that are tried first
    memory        chains that surprised on earlier inputs
    features      a chain as numbers, for models of rewards
    fronts        Pareto sets and hypervolumes
    trees/        Monte Carlo tree search: CoLa's and its kin
    surrogates/   models of the reward that say what to try next
    samplers/     random, exhaustive, evolutionary and Markov chain search
"""

from __future__ import annotations

from skiploop.searchers.fronts import pareto
from skiploop.searchers.protocol import Searcher
from skiploop.searchers.registry import AUTO, SEARCHERS, make_searcher, resolved_name
from skiploop.searchers.samplers.beam import BeamSearcher, BeamSettings
from skiploop.searchers.samplers.evolution import EvolutionSearcher, EvolutionSettings
from skiploop.searchers.samplers.exhaustive import ExhaustiveSearcher, ExhaustiveSettings
from skiploop.searchers.samplers.gflownet import GFlowNetSearcher, GFlowNetSettings
from skiploop.searchers.samplers.metropolis import MetropolisSearcher, MetropolisSettings
from skiploop.searchers.samplers.nearby import NearbySearcher, NearbySettings
from skiploop.searchers.samplers.random import RandomSearcher
from skiploop.searchers.surrogates.boosting import SurrogateSearcher, SurrogateSettings
from skiploop.searchers.surrogates.gp import GPSearcher, GPSettings
from skiploop.searchers.surrogates.optuna import NSGA2Searcher, NSGA2Settings, TPESearcher, TPESettings
from skiploop.searchers.trees.cola import ColaSearcher, ColaSettings
from skiploop.searchers.trees.hybrid import HybridSearcher, HybridSettings
from skiploop.searchers.trees.pareto import ParetoSearcher, ParetoSettings
from skiploop.searchers.trees.puct import PuctSearcher, PuctSettings
from skiploop.searchers.warm import WarmStart

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
