"""A Gaussian process over chains, and the chain that promises most next: for the best reward, and for the front.

The covariance of two chains falls with their distance (`skiploop.searchers.surrogates.codes`), on the one of a few
scales under which the rewards told so far are most likely. Candidates are all chains of a small space; of a large
one, chains a few edits from the identity and one or two small moves from the best chains so far. A candidate of depth
d is worth

    EI(best) + front * mean over depths e of [EI(best of depth <= e) where e >= d, else 0]

with EI(goal) the expected improvement of its reward over a goal (Jones, Schonlau and Welch 1998). The second term is
the expected gain in hypervolume of the front of (reward, shortness), which has this simple form because a candidate's
depth is known beforehand: a chain as good as the best one, but shorter, is worth finding too.

The process grows by a row with each chain that is asked; every few rewards, and when a new best chain is found, it is
refitted, with other candidates (`skiploop.searchers.surrogates.posterior`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from skiploop.chains.chain import Chain
from skiploop.searchers.base import LearningSearcher
from skiploop.searchers.samplers.moves import propose
from skiploop.searchers.samplers.nearby import NearbySearcher
from skiploop.searchers.surrogates.codes import Codes, Floats, Layers, coded, distances
from skiploop.searchers.surrogates.posterior import Posterior, expected_improvement, log_likelihood
from skiploop.spaces.space import Space
from skiploop.validate import numbers

_LISTED = 2048  # chains of a space that is small enough to consider all of them
_SCALES = (1.0, 2.0, 4.0, 8.0, 16.0)
_REFIT = 8  # rewards between two fits; more when many are known, as each then says less
_BELIEVED = 32  # with more chains pending, what is believed of them outweighs what is known
_MOST = 192  # rewards that a fit looks at, the best and the latest: its cost grows with their square


@dataclass(frozen=True, slots=True)
class GPSettings:
    """How candidates are made and weighed.

    Attributes:
        warmup: chains a few edits from the identity that are asked before anything is learned.
        candidates: made for each fit in a space too large to list.
        improvement: by how much the best reward should be beaten; larger explores more.
        front: what chains that are short for their reward are worth, against those that are best; 0: nothing.
    """

    warmup: int = 2
    candidates: int = 256
    improvement: float = 0.01
    front: float = 0.02

    def __post_init__(self) -> None:
        numbers(self, whole={"warmup": 0, "candidates": 1})


@dataclass(slots=True)
class _Fit:
    """The process as it was last fitted, and what it says of the candidates."""

    posterior: Posterior
    rows: list[Layers]
    row_codes: Codes  # [room, K], the first of the two codes, filled up to the number of rows
    columns: list[Layers]
    column_codes: Codes  # [m, K], the second
    place: dict[Layers, int]  # of each column
    open: Floats  # [m]: 0, or -inf where the candidate is known
    depths: Floats  # [m]
    told: int  # rewards known when it was fitted
    best: float  # reward, then


class GPSearcher(LearningSearcher[GPSettings]):
    """Asks for the chain that promises most under a Gaussian process on what was told.

    Args:
        space: the chains to search.
        seed: seeds this searcher's own generator.
        settings: how candidates are made and weighed.
    """

    settings_type = GPSettings

    def __init__(self, space: Space, *, seed: int = 0, settings: GPSettings | None = None) -> None:
        super().__init__(space, seed=seed, settings=settings)
        self._nearby = NearbySearcher(space, seed=self.seed)
        self._pending: set[Layers] = set()
        self._turns: dict[Layers, int] = {}  # when a chain was asked, or first seen: the order of tells must not matter
        self._unasked: list[Layers] = []  # told without having been asked, since the last ask
        self._fit: _Fit | None = None

    def _prepare(self, wanted: int) -> None:
        if self._unasked and wanted:
            for told in sorted(self._unasked):
                self._turns[told] = len(self._turns)
            self._unasked, self._fit = [], None

    def _mark(self, layers: Layers) -> None:
        super()._mark(layers)
        self._pending.add(layers)
        self._turns[layers] = len(self._turns)
        if self._fit is not None:
            self._add_row(self._fit, layers)

    def _take(self, chain: Chain, reward: float) -> None:
        if chain.layers not in self._pending:
            self._unasked.append(chain.layers)
        self._pending.discard(chain.layers)
        self._nearby.tell(chain, reward)

    def _next(self) -> Layers | None:
        """The next chain; None where all are known."""
        known = len(self._seen)
        if not self._can_learn() or known <= self.settings.warmup or len(self._pending) >= _BELIEVED:
            return self._any()
        if self._fit is None or self._is_stale(self._fit):
            self._fit = self._refitted()
        best = self._most_promising(self._fit)
        return self._any() if best is None else best

    def _can_learn(self) -> bool:
        """Where all rewards are alike (mostly: wrong), there is nothing to go by."""
        return len(set(self._rewards.values())) > 1

    def _any(self) -> Layers | None:
        """A chain near the identity that wasn't asked or told."""
        return self._unseen(self._nearby)

    def _is_stale(self, fit: _Fit) -> bool:
        enough = len(self._rewards) - fit.told >= max(_REFIT, fit.told // 8)
        return enough or fit.posterior.full or max(self._rewards.values()) > fit.best

    def _best_by_depth(self) -> Floats:
        """For 1..max_length slots: the best reward of chains with at most that many, else the lowest reward of all."""
        found = np.full(self.space.max_length, min(self._rewards.values()))
        for layers, reward in self._rewards.items():
            found[len(layers) - 1] = max(found[len(layers) - 1], reward)
        best: Floats = np.maximum.accumulate(found)
        return best

    def _refitted(self) -> _Fit:
        rows, columns = self._remembered(), self._candidates()
        (first, second), (_, across) = coded(rows, self.space.num_layers), coded(columns, self.space.num_layers)
        between = distances(first, second)
        told = np.array([layers in self._rewards for layers in rows])
        targets = self._standard([self._rewards[layers] for layers in rows if layers in self._rewards])
        mine = between[np.ix_(told, told)]
        scale = max(_SCALES, key=lambda scale: log_likelihood(mine, scale, targets))
        room = _BELIEVED + max(_REFIT, len(self._rewards) // 8)
        return _Fit(
            Posterior(between, distances(first, across), scale, room), rows,
            np.concatenate([first, np.zeros((room, first.shape[1]), np.float32)]), columns, across,
            {layers: place for place, layers in enumerate(columns)}, np.zeros(len(columns)),
            np.array([len(layers) for layers in columns]), len(self._rewards), max(self._rewards.values()),
        )  # fmt: skip

    def _add_row(self, fit: _Fit, layers: Layers) -> None:
        if layers in fit.place:
            fit.open[fit.place[layers]] = -math.inf
        if fit.posterior.full:
            self._fit = None
            return
        first, second = coded([layers], self.space.num_layers)
        count = fit.posterior.count
        before, across = distances(fit.row_codes[:count], second), distances(first, fit.column_codes)
        fit.posterior.add(before[:, 0], across[0])
        fit.row_codes[count] = first[0]
        fit.rows.append(layers)

    def _most_promising(self, fit: _Fit) -> Layers | None:
        """The candidate that is worth most; None where all are known."""
        if not len(fit.open) or fit.open.max() < 0:
            return None
        rewards = np.array([self._rewards.get(layers, math.nan) for layers in fit.rows])
        known = rewards[~np.isnan(rewards)]
        center, spread = float(known.mean()), max(float(known.std()), 1e-3)
        mean = fit.posterior.mean((rewards - center) / spread)
        deviation = fit.posterior.deviation()
        goals = (self._best_by_depth() - center) / spread
        scores = expected_improvement(mean, deviation, goals[-1] + self.settings.improvement / spread)
        if self.settings.front:
            for depth, goal in enumerate(goals, 1):
                short = fit.depths <= depth
                gain = expected_improvement(mean[short], deviation[short], goal)
                scores[short] += self.settings.front / len(goals) * gain
        return fit.columns[int(np.argmax(scores + fit.open))]

    @staticmethod
    def _standard(rewards: list[float]) -> Floats:
        values = np.array(rewards)
        found: Floats = (values - values.mean()) / max(float(values.std()), 1e-3)
        return found

    def _remembered(self) -> list[Layers]:
        """The chains that the process is fitted to, the pending ones among them, by when they were asked."""
        chosen = set(self._rewards)
        if len(chosen) > _MOST:
            best = sorted(chosen, key=lambda layers: (-self._rewards[layers], layers))[: _MOST // 2]
            latest = sorted(chosen, key=lambda layers: -self._turns[layers])[: _MOST // 2]
            chosen = {*best, *latest}
        return sorted(chosen | self._pending, key=lambda layers: self._turns[layers])

    def _candidates(self) -> list[Layers]:
        """Chains that aren't known, to choose from until the next fit."""
        if self.space.count() <= _LISTED:
            return [chain.layers for chain in self.space.enumerate() if chain.layers not in self._seen]
        # Ties in any order would depend on the order of tells within a batch.
        best = sorted(self._rewards, key=lambda layers: (-self._rewards[layers], len(layers), layers))[:8]
        found: dict[Layers, None] = {}
        wanted = self.settings.candidates
        for _ in range(wanted * 2):
            if len(found) >= wanted:
                break
            near_best = self._rng.random() < 0.5
            start = best[int(len(best) * self._rng.random() ** 2)] if near_best else self.space.identity.layers
            found[self._moved(start, 0.3 if near_best else 0.5)] = None
        return [layers for layers in found if layers not in self._seen]

    def _moved(self, layers: Layers, more: float) -> Layers:
        """After one small move, and a further one after each with probability `more`."""
        while True:
            layers = propose(self.space, layers, self._rng)[0]
            if self._rng.random() >= more:
                return layers
