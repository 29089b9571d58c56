"""A Gaussian process over chains, and the chain that promises most next: for the best reward, and for the front.

The covariance of two chains falls with their distance (`skiploop.searchers.surrogates.codes`), on the one of a few
scales under which the rewards told so far are most likely. Candidates are all chains of a small space; of a large
one, chains a few edits from the identity and one or two small moves from the best chains so far. A candidate of depth
d is worth

    EI(best) + front * mean over depths e of [EI(best of depth <= e) where e >= d, else 0]

with EI(goal) the expected improvement of its reward over a goal (Jones, Schonlau and Welch 1998). The second term is
the expected gain in hypervolume of the front of (reward, shortness), which has this simple form because a candidate's
depth is known beforehand: a chain as good as the best one, but shorter, is worth finding too.

The process grows by a row with each chain that is asked; every few rewards, and when the first right chain is found,
it is refitted, with other candidates (`skiploop.searchers.surrogates.posterior`).

Rewards of 1 and 0 repeat exactly. Graded ones, such as the guide's, depend on more than a chain's code says, so their
noise is fitted, too; the best candidates are kept from fit to fit, and the search begins with the smallest edits of the
identity, whose rewards tell layers apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from skiploop.chains.chain import Chain
from skiploop.chains.edits import edited
from skiploop.searchers.base import LearningSearcher
from skiploop.searchers.samplers.moves import propose
from skiploop.searchers.samplers.nearby import NearbySearcher
from skiploop.searchers.surrogates.codes import Codes, Floats, Layers, coded, distances
from skiploop.searchers.surrogates.posterior import NOISE, Posterior, expected_improvement, kernel, log_likelihood
from skiploop.spaces.space import Space
from skiploop.validate import numbers

_LISTED = 2048  # chains of a space that is small enough to consider all of them
_SCALES = (1.0, 2.0, 4.0, 8.0, 16.0)
_NOISES = (NOISE, 0.03, 0.1, 0.3)  # of graded rewards, which a chain's code explains only in part
_REFIT = 8  # rewards between two fits; more when many are known, as each then says less
_BELIEVED = 32  # with more chains pending, what is believed of them outweighs what is known
_FRESH = 0.125  # share of the candidates that are made anew for a fit where rewards are graded
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
    rows: dict[Layers, int]  # their places
    rewards: Floats  # [room], of the rows; NaN where unknown
    row_codes: Codes  # [room, K], the first of the two codes, filled up to the number of rows
    columns: list[Layers]
    column_codes: tuple[Codes, Codes]  # [m, K]
    place: dict[Layers, int]  # of each column
    open: Floats  # [m]: 0, or -inf where the candidate is known
    depths: Floats  # [m]
    told: int  # rewards known when it was fitted
    best: float  # reward, then
    scores: Floats | None = None  # of the candidates, by the last ask


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
        self._nearest: list[Layers] | None = None  # one edit from the identity, the next one last
        self._pending: set[Layers] = set()
        self._turns: dict[Layers, int] = {}  # when a chain was asked, or first seen: the order of tells must not matter
        self._unasked: list[Layers] = []  # told without having been asked, since the last ask
        self._fit: _Fit | None = None
        self._best_at = np.full(space.max_length, -math.inf)  # for 1..max_length slots: the best reward of such chains

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
        self._best_at[len(chain) - 1] = max(self._best_at[len(chain) - 1], reward)
        if self._fit is not None and chain.layers in self._fit.rows:
            self._fit.rewards[self._fit.rows[chain.layers]] = reward

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
        """A chain near the identity that wasn't asked or told; where rewards are graded, first those nearest to it."""
        if self._graded:
            if self._nearest is None:
                self._nearest = self._one_edit_away()
            while self._nearest:
                if (layers := self._nearest.pop()) not in self._seen:
                    return layers
        return self._unseen(self._nearby)

    def _one_edit_away(self) -> list[Layers]:
        """Of the identity, in random order, those that change fewest slots last."""
        base = self.space.identity.layers
        found = sorted({edited(base, edit) for edit in self.space.edits(self.space.identity)})
        self._rng.shuffle(found)
        return sorted(found, key=lambda layers: -abs(len(layers) - len(base)))

    def _is_stale(self, fit: _Fit) -> bool:
        enough = len(self._rewards) - fit.told >= max(_REFIT, fit.told // 8)
        # A better one of many grades is told every other time, and says less than the first right one of two.
        surprised = not self._graded and max(self._rewards.values()) > fit.best
        return enough or surprised or fit.posterior.full

    @property
    def _graded(self) -> bool:
        """Whether rewards say more than right and wrong."""
        return not {0.0, 1.0}.issuperset(self._rewards.values())

    def _best_by_depth(self) -> Floats:
        """For 1..max_length slots: the best reward of chains with at most that many, else the lowest reward of all."""
        lowest = min(self._rewards.values())
        best: Floats = np.maximum(np.maximum.accumulate(self._best_at), lowest)
        return best

    def _refitted(self) -> _Fit:
        rows, columns = self._remembered(), self._candidates()
        (first, second), codes = coded(rows, self.space.num_layers), coded(columns, self.space.num_layers)
        between, across = distances(first, second), distances(first, codes[1])
        rewards = np.array([self._rewards.get(layers, math.nan) for layers in rows])
        told = ~np.isnan(rewards)
        scale, noise = self._likeliest(between[np.ix_(told, told)], _standard(rewards[told]))
        room = _BELIEVED + max(_REFIT, len(self._rewards) // 8)
        return _Fit(
            Posterior(between, across, scale, room, noise),
            {layers: place for place, layers in enumerate(rows)}, np.append(rewards, np.full(room, math.nan)),
            np.concatenate([first, np.zeros((room, first.shape[1]), np.float32)]), columns, codes,
            {layers: place for place, layers in enumerate(columns)}, np.zeros(len(columns)),
            np.array([len(layers) for layers in columns]), len(self._rewards), max(self._rewards.values()),
        )  # fmt: skip

    def _likeliest(self, apart: Floats, targets: Floats) -> tuple[float, float]:
        """The scale and the noise under which the targets are most likely, of the few that are tried."""
        start = _NOISES[1] if self._graded else NOISE
        covariances = {scale: kernel(apart, scale) for scale in _SCALES}
        scale = max(_SCALES, key=lambda scale: log_likelihood(covariances[scale], targets, start))
        if not self._graded:
            return scale, NOISE
        return scale, max(_NOISES, key=lambda noise: log_likelihood(covariances[scale], targets, noise))

    def _add_row(self, fit: _Fit, layers: Layers) -> None:
        place = fit.place.get(layers)
        if place is not None:
            fit.open[place] = -math.inf
        if fit.posterior.full:
            self._fit = None
            return
        first, second = (
            coded([layers], self.space.num_layers)
            if place is None
            else (fit.column_codes[0][place : place + 1], fit.column_codes[1][place : place + 1])
        )
        count = fit.posterior.count
        before, across = distances(fit.row_codes[:count], second), distances(first, fit.column_codes[1])
        fit.posterior.add(before[:, 0], across[0])
        fit.row_codes[count] = first[0]
        fit.rows[layers] = count

    def _most_promising(self, fit: _Fit) -> Layers | None:
        """The candidate that is worth most; None where all are known."""
        if not len(fit.open) or fit.open.max() < 0:
            return None
        rewards = fit.rewards[: fit.posterior.count]
        known = rewards[~np.isnan(rewards)]
        center, spread = float(known.mean()), max(float(known.std()), 1e-3)
        mean, deviation = fit.posterior.mean((rewards - center) / spread), fit.posterior.deviation()
        goals = (self._best_by_depth() - center) / spread
        scores = expected_improvement(mean, deviation, goals[-1] + self.settings.improvement / spread)
        if self.settings.front:
            scores += self.settings.front * _front_gain(fit.depths, mean, deviation, goals)
        fit.scores = scores
        return fit.columns[int(np.argmax(scores + fit.open))]

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
        found = dict.fromkeys(self._kept())
        for _ in range(2 * (self.settings.candidates - len(found))):
            if len(found) == self.settings.candidates:
                break
            near_best = self._rng.random() < 0.5
            start = best[int(len(best) * self._rng.random() ** 2)] if near_best else self.space.identity.layers
            found[self._moved(start, 0.3 if near_best else 0.5)] = None
        return [layers for layers in found if layers not in self._seen]

    def _kept(self) -> list[Layers]:
        """The best candidates of the last fit, where rewards are graded: it takes time to make them."""
        if self._fit is None or self._fit.scores is None or not self._graded:
            return []
        order = np.argsort(-self._fit.scores, kind="stable").tolist()
        unknown = [self._fit.columns[at] for at in order if self._fit.columns[at] not in self._seen]
        return unknown[: int(self.settings.candidates * (1 - _FRESH))]

    def _moved(self, layers: Layers, more: float) -> Layers:
        """After one small move, and a further one after each with probability `more`."""
        while True:
            layers = propose(self.space, layers, self._rng)[0]
            if self._rng.random() >= more:
                return layers


def _standard(rewards: Floats) -> Floats:
    """With mean 0 and variance 1."""
    found: Floats = (rewards - rewards.mean()) / max(float(rewards.std()), 1e-3)
    return found


def _front_gain(depths: Floats, mean: Floats, deviation: Floats, goals: Floats) -> Floats:
    """The mean over depths e of the EI of `goals[e - 1]`, for candidates no deeper than e.

    Args:
        depths: of the candidates, [m].
        mean: of their rewards, [m].
        deviation: of their rewards, [m].
        goals: by depth, from 1 on; they never fall.
    """
    levels, first = np.unique(goals, return_index=True)
    last = np.append(first[1:], len(goals))  # a level's depths are first + 1 to last
    counts = np.clip(last[:, None] - np.maximum(first[:, None], depths - 1), 0, None)
    gains = expected_improvement(mean, deviation, levels[:, None])
    found: Floats = (counts * gains).sum(axis=0) / len(goals)
    return found
