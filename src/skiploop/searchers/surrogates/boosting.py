"""Boosted trees that predict a chain's reward from how often each layer is run (GBDT-NAS, arXiv 2007.04785).

A few chains near the identity are evaluated first. Then, in turns: fit gradient-boosted trees to all rewards, rank
candidates by the reward that they predict, ask for those at the top (and now and then for one further down), and fit
again when the number of rewards has grown by a share. Candidates are all chains of a small space; of a large one,
chains a few moves from the identity and from the best so far.

The space is pruned on the way: TreeSHAP splits each prediction into what every feature contributed
(`pred_contrib` of LightGBM). Where an operation ("layer 3 is run twice") took away from the reward of the chains that
have it, on average and beyond doubt, chains with that operation aren't proposed while there are others.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers.base import LearningSearcher
from skiploop.searchers.features import OPS, Features, Floats, Layers
from skiploop.searchers.samplers.moves import propose
from skiploop.searchers.samplers.nearby import NearbySearcher
from skiploop.spaces.space import Space
from skiploop.validate import SHARE, Range, numbers

_LISTED = 2048  # chains of a space that is small enough to consider all of them
_MOST = 256  # rewards after which nothing is learned any more
_PARENTS = 8  # best chains from which moves start
_SEEN = 4  # chains that must have an operation before it can be pruned
_SLIGHT = 0.1  # standard deviations of the rewards: what takes away less isn't worth pruning
_ROUNDS = 100  # trees
_PARAMETERS = {
    "objective": "regression",
    "learning_rate": 0.1,
    "feature_fraction": 0.3,  # more than one column says nearly the same, and the trees should differ
    "lambda_l2": 1.0,
    "min_data_in_leaf": 2,
    "min_sum_hessian_in_leaf": 0.0,
    "min_data_in_bin": 1,
    "max_bin": 15,
    "feature_pre_filter": False,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 0,
    "verbosity": -1,
}


@dataclass(frozen=True, slots=True)
class SurrogateSettings:
    """How much is asked before the first fit, and between fits.

    Attributes:
        warmup: chains a few edits from the identity that are asked before anything is learned.
        candidates: made for each fit in a space too large to list.
        explore: probability of a candidate drawn by its place in the ranking instead of the first.
        growth: the trees are refitted when the number of rewards has grown by this factor since the last fit.
        doubt: standard errors by which an operation's mean contribution must be clearly negative to be pruned.
    """

    warmup: int = 4
    candidates: int = 192
    explore: float = 0.1
    growth: float = 1.2
    doubt: float = 3.0

    def __post_init__(self) -> None:
        ranges = {"explore": SHARE, "growth": Range(1, 100), "doubt": Range(0, 1000)}
        numbers(self, whole={"warmup": 0, "candidates": 1}, within=ranges)


class SurrogateSearcher(LearningSearcher[SurrogateSettings]):
    """Asks for the chains that boosted trees rank highest.

    Args:
        space: the chains to search.
        seed: seeds this searcher's own generator.
        settings: how much is asked before the first fit, and between fits.

    Raises:
        InvalidInput: where LightGBM isn't installed.
    """

    settings_type = SurrogateSettings

    def __init__(self, space: Space, *, seed: int = 0, settings: SurrogateSettings | None = None) -> None:
        super().__init__(space, seed=seed, settings=settings)
        self._trees = Trees(Features(space.num_layers))
        self._nearby = NearbySearcher(space, seed=self.seed)
        self._ranking: list[Layers] = []  # the best last
        self._pruned = 0  # how many of them, the first ones, have a pruned operation
        self._next_fit = 0
        self._listed: tuple[list[Layers], Floats] | None = None

    def _take(self, chain: Chain, reward: float) -> None:
        self._nearby.tell(chain, reward)

    def _next(self) -> Layers | None:
        if len(self._seen) >= self.settings.warmup:
            if self._next_fit <= len(self._rewards) <= _MOST and len(set(self._rewards.values())) > 1:
                self._fit()
            while self._ranking:
                layers = self._ranking.pop(self._place())
                if layers not in self._seen:
                    return layers
        return self._unseen(self._nearby)

    def _place(self) -> int:
        """Mostly the last, which is the best; else one drawn so that better ones are likelier."""
        if self._rng.random() >= self.settings.explore:
            return -1
        first = self._pruned if self._pruned < len(self._ranking) else 0
        return first + int((len(self._ranking) - first) * self._rng.random() ** (1 / 3))

    def _fit(self) -> None:
        """Learns from all rewards, and ranks candidates."""
        told = sorted(self._rewards)  # in an order that doesn't depend on that of the tells
        self._next_fit = max(len(told) + 1, math.ceil(len(told) * self.settings.growth))
        self._trees.fit(told, [self._rewards[layers] for layers in told])
        candidates, rows = self._candidates()
        if not candidates:
            self._ranking = []
            return
        pruned = self._trees.harmful(self.settings.doubt)
        barred = rows[:, : pruned.size] @ pruned
        scores = self._trees.predict(rows)
        # The best last, before it what is pruned, the more so the further away; ties in random order.
        order = sorted(range(len(candidates)), key=lambda at: (-barred[at], scores[at], self._rng.random()))
        self._ranking = [candidates[at] for at in order]
        self._pruned = int((barred > 0).sum())

    def _candidates(self) -> tuple[list[Layers], Floats]:
        if self.space.count() <= _LISTED:
            if self._listed is None:
                chains = [chain.layers for chain in self.space.enumerate()]
                self._listed = chains, self._trees.features.rows(chains)
            chains, rows = self._listed
            left = [at for at, layers in enumerate(chains) if layers not in self._seen]
            return [chains[at] for at in left], rows[left]
        found = [layers for layers in self._made() if layers not in self._seen]
        return found, self._trees.features.rows(found)

    def _made(self) -> list[Layers]:
        """Chains near the identity, and near the best so far."""
        wanted = self.settings.candidates
        identity = self.space.identity.layers
        # By moves, as listing all edits of a chain takes up to 1000 times as long as trying one.
        found = dict.fromkeys([self._moved(identity) for _ in range(wanted // 2)])
        best = sorted(self._rewards, key=lambda layers: (-self._rewards[layers], len(layers), layers))[:_PARENTS]
        for _ in range(wanted * 2):
            if len(found) >= wanted:
                break
            found[self._moved(best[int(len(best) * self._rng.random() ** 2)])] = None
        return list(found)

    def _moved(self, layers: Layers) -> Layers:
        """A few moves away; one that leads out of the space means staying."""
        while True:
            layers = propose(self.space, layers, self._rng)[0]
            if self._rng.random() < 0.5:
                return layers


class Trees:
    """Boosted trees for tens of rows, with parameters that suit so few.

    Args:
        features: of a chain.
    """

    def __init__(self, features: Features) -> None:
        self.features = features
        self._lightgbm = _lightgbm()
        self._booster: Any = None
        self._rows: Floats = np.zeros((0, 0))
        self._rewards: Floats = np.zeros(0)
        self._varied: NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)

    def fit(self, chains: Sequence[Layers], rewards: Sequence[float]) -> None:
        """Forgets what was learned before."""
        self._rows, self._rewards = self.features.rows(chains), np.array(rewards, dtype=np.float64)
        self._varied = np.ptp(self._rows, axis=0) > 0  # the others say nothing, and cost time
        leaves = min(3 + len(chains) // 25, 8)
        parameters = _PARAMETERS | {"num_leaves": leaves}
        data = self._lightgbm.Dataset(self._rows[:, self._varied], label=self._rewards, params=parameters)
        self._booster = self._lightgbm.train(parameters, data, _ROUNDS)

    def predict(self, rows: Floats) -> Floats:
        """Expected reward of chains, given their features, [N]."""
        return np.asarray(self._booster.predict(rows[:, self._varied]), dtype=np.float64)

    def contributions(self) -> Floats:
        """TreeSHAP of each feature in each chain that was fitted, [N, F]; they add up to prediction less mean."""
        found = np.zeros(self._rows.shape)
        found[:, self._varied] = self._booster.predict(self._rows[:, self._varied], pred_contrib=True)[:, :-1]
        return found

    def harmful(self, doubt: float) -> NDArray[np.bool_]:
        """Operations that take away from the reward of the chains that have them, [4 L]; never all of a layer."""
        ops = self.features.ops
        has = self._rows[:, :ops]
        counts = np.maximum(has.sum(axis=0), 1)
        shares = self._by_op(self.contributions())
        means = (has * shares).sum(axis=0) / counts
        spreads = np.sqrt((has * (shares - means) ** 2).sum(axis=0) / counts)
        least = -_SLIGHT * float(self._rewards.std())
        found: NDArray[np.bool_] = (has.sum(axis=0) >= _SEEN) & (means + doubt * spreads / np.sqrt(counts) < least)
        best = means.reshape(-1, len(OPS)).argmax(axis=1)
        found.reshape(-1, len(OPS))[np.arange(self.features.num_layers), best] = False
        return found

    def _by_op(self, contributions: Floats) -> Floats:
        """What a layer's columns, all four ops and the count, contribute together, once for each op, [N, 4 L]."""
        ops, total = self.features.ops, self.features.num_layers
        of_layer = contributions[:, :ops].reshape(len(contributions), total, len(OPS)).sum(axis=2)
        return np.repeat(of_layer + contributions[:, ops : ops + total], len(OPS), axis=1)


def _lightgbm() -> ModuleType:
    outside = random.getstate()  # what LightGBM imports where it is installed, such as Dask, may draw from it
    try:
        import lightgbm
    except ImportError as error:
        raise InvalidInput(
            "the searcher 'surrogate' needs LightGBM, which isn't installed; pip install 'skiploop[search]'"
        ) from error
    finally:
        random.setstate(outside)
    module: ModuleType = lightgbm
    return module
