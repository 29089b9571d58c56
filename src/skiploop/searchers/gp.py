"""A Gaussian process over chains, and the chain with the highest expected improvement next.

The covariance of two chains falls with the number of layers that they run differently often, and with the jumps (steps
other than to the next layer) in which they differ, so that order counts, too:

    k(a, b) = exp(-(d_counts(a, b) + d_jumps(a, b) / 4) / scale)

The scale is the one of a few under which the rewards told so far are most likely. Candidates are all chains of a small
space; of a large one, chains a few edits from the identity and one or two moves from the best chains so far.
Expected improvement: Jones, Schonlau and Welch (1998), "Efficient Global Optimization". Pending chains count as
told with the mean that was expected of them ("kriging believer", Ginsbourger et al. 2010), so that a batch spreads out.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from skiploop.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.notation import whole_number
from skiploop.searchers.moves import propose
from skiploop.searchers.nearby import NearbySearcher
from skiploop.searchers.reward import checked
from skiploop.space import Space

Floats = NDArray[np.float64]
Layers = tuple[int, ...]

_LISTED = 2048  # chains of a space that is small enough to consider all of them
_SCALES = (1.0, 2.0, 4.0, 8.0, 16.0)
_PAIR_WEIGHT = 0.25
_RUNS = 8  # a layer that is run this often or more is like one that is run 7 times
_NOISE = 1e-3  # variance, relative to the rewards' own
_REFIT = 8  # rewards between two choices of the scale
_BELIEVED = 32  # with more chains pending, what is believed of them outweighs what is known
_MOST = 200  # rewards that the process looks at, the best and the latest: its cost grows with their square


@dataclass(frozen=True, slots=True)
class GPSettings:
    """How candidates are made and weighed.

    Attributes:
        warmup: chains a few edits from the identity that are asked before anything is learned.
        candidates: made for each ask in a space too large to list.
        improvement: by how much the best reward should be beaten; larger explores more.
        depth_price: expected reward that a chain of twice the model's depth must make up for, against one of depth 0.
    """

    warmup: int = 4
    candidates: int = 192
    improvement: float = 0.01
    depth_price: float = 0.0

    def __post_init__(self) -> None:
        whole_number("warmup", self.warmup, 0)
        whole_number("candidates", self.candidates, 1)
        for name in ("improvement", "depth_price"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
                raise InvalidInput(f"{name}={value!r} doesn't work; use a finite number of at least 0")


class GPSearcher:
    """Asks for the chain that promises most under a Gaussian process on what was told.

    Args:
        space: the chains to search.
        seed: seeds this searcher's own generator.
        settings: how candidates are made and weighed.
    """

    settings_type: ClassVar[type[GPSettings]] = GPSettings

    def __init__(self, space: Space, *, seed: int = 0, settings: GPSettings | None = None) -> None:
        self.space = space
        self.seed = whole_number("seed", seed, 0)
        self.settings = settings or GPSettings()
        self._rng = random.Random(self.seed)
        self._nearby = NearbySearcher(space, seed=self.seed)
        self._codes = _Codes(space.num_layers)
        self._told: dict[Layers, float] = {}
        self._pending: dict[Layers, None] = {}
        self._all: list[Layers] | None = None
        self._scale, self._fitted = _SCALES[2], 0

    def ask(self, n: int) -> list[Chain]:
        """Up to n further chains; fewer when the space is exhausted."""
        wanted = whole_number("n", n, 0)
        asked: list[Chain] = []
        while len(asked) < wanted and (layers := self._next()):
            for each in layers:
                self._pending[each] = None
                asked.append(Chain.unchecked(each, self.space.num_layers))
        return asked

    def tell(self, chain: Chain, reward: float) -> None:
        """Keeps the reward; the first word counts."""
        number = checked(self.space, chain, reward)
        self._pending.pop(chain.layers, None)
        if chain.layers not in self._told and self.space.accepts(chain.layers):  # others have no place among these
            self._told[chain.layers] = number
            self._nearby.tell(chain, number)

    def _next(self) -> list[Layers]:
        """The next chain; none where all are known."""
        # Where all rewards are alike (mostly: wrong), nothing can be learned but to stay near the identity.
        learned = len(set(self._told.values())) > 1
        known = len(self._told) + len(self._pending)
        if not learned or known <= self.settings.warmup or len(self._pending) >= _BELIEVED:
            return self._any()
        candidates = self._candidates()
        if not candidates:  # the space is nearly exhausted; what is left comes in any order
            return self._any()
        return self._most_promising(candidates)

    def _any(self) -> list[Layers]:
        """A chain near the identity that wasn't asked or told."""
        while found := self._nearby.ask(1):
            if found[0].layers not in self._pending and found[0].layers not in self._told:
                return [found[0].layers]
        return []

    def _candidates(self) -> list[Layers]:
        known = self._told.keys() | self._pending.keys()
        if self.space.count() <= _LISTED:
            if self._all is None:
                self._all = [chain.layers for chain in self.space.enumerate()]
            return [layers for layers in self._all if layers not in known]
        found: dict[Layers, None] = {}
        wanted = self.settings.candidates
        for _ in range(wanted // 2):
            found[self._nearby.draw().layers] = None
        # Ties in any order would depend on the order of tells within a batch.
        best = sorted(self._told, key=lambda layers: (-self._told[layers], len(layers), layers))[:8]
        for _ in range(wanted * 2):
            if len(found) >= wanted or not best:
                break
            layers = best[int(len(best) * self._rng.random() ** 2)]
            for _ in range(1 + (self._rng.random() < 0.5)):
                layers = propose(self.space, layers, self._rng)[0]
            found[layers] = None
        return [layers for layers in found if layers not in known]

    def _most_promising(self, candidates: list[Layers]) -> list[Layers]:
        told = self._remembered()
        rewards = np.array([self._told[layers] for layers in told])
        center, spread = float(rewards.mean()), max(float(rewards.std()), 1e-3)
        targets = (rewards - center) / spread
        distances = self._codes.distances(told, told)
        self._choose_scale(distances, targets)
        pending = sorted(self._pending)
        lower = _root(_kernel(distances, self._scale))
        if pending:  # believed to come out as expected, which leaves the mean as it is and takes the doubt away
            across = np.exp(-self._codes.distances(told, pending) / self._scale)
            believed = across.T @ _solve(lower, targets)
            told, targets = told + pending, np.concatenate([targets, believed])
            lower = _root(_kernel(self._codes.distances(told, told), self._scale))
        across = np.exp(-self._codes.distances(told, candidates) / self._scale)  # [n, m]
        mean = across.T @ _solve(lower, targets)
        half = np.linalg.solve(lower, across)
        deviation = np.sqrt(np.clip(1 - (half**2).sum(axis=0), 1e-9, None))
        depths = np.array([len(layers) for layers in candidates]) / (2 * self.space.num_layers)
        goal = (rewards.max() - center) / spread + self.settings.improvement / spread
        scores = _expected_improvement(mean - self.settings.depth_price * depths / spread, deviation, goal)
        return [candidates[int(np.argmax(scores))]]

    def _remembered(self) -> list[Layers]:
        """The chains that the process is fitted to, in an order that doesn't depend on that of the tells."""
        if len(self._told) <= _MOST:
            return sorted(self._told)
        best = sorted(self._told, key=lambda layers: (-self._told[layers], layers))[: _MOST // 2]
        latest = list(self._told)[-_MOST // 2 :]
        return sorted({*best, *latest})

    def _choose_scale(self, distances: Floats, targets: Floats) -> None:
        """The scale of highest marginal likelihood, chosen again every few rewards."""
        if len(self._told) < self._fitted + _REFIT:
            return
        self._fitted = len(self._told) // _REFIT * _REFIT
        self._scale = max(_SCALES, key=lambda scale: _log_likelihood(_kernel(distances, scale), targets))


class _Codes:
    """What distances are computed from: how often each layer is run, and which slots follow which.

    Both are inner products of codes, so that the distances of many chains are one matrix product.
    """

    def __init__(self, num_layers: int) -> None:
        self._total = num_layers
        self._known: dict[Layers, tuple[Floats, Floats]] = {}
        # What it costs to run a layer i times in place of j: one for each run, two at most.
        runs = np.arange(_RUNS)
        self._apart = np.minimum(np.abs(runs[:, None] - runs), 2).astype(np.float64)

    def distances(self, rows: list[Layers], columns: list[Layers]) -> Floats:
        """[rows, columns]; 0 for equal chains."""
        left, right = [self._code(layers) for layers in rows], [self._code(layers) for layers in columns]
        one_hot = np.array([code[0] for code in left])  # [n, L * _RUNS]
        weighed = (one_hot.reshape(len(rows), self._total, _RUNS) @ self._apart).reshape(len(rows), -1)
        first, second = np.array([code[1] for code in left]), np.array([code[1] for code in right])  # [n, 2 L]
        squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1) - 2 * first @ second.T
        found: Floats = weighed @ np.array([code[0] for code in right]).T + _PAIR_WEIGHT * squares
        return found

    def _code(self, layers: Layers) -> tuple[Floats, Floats]:
        code = self._known.get(layers)
        if code is None:
            counts = np.minimum(np.bincount(layers, minlength=self._total), _RUNS - 1)
            # Steps other than to the next layer, by where they begin: jumps back (or again) and forwards.
            steps = np.zeros(2 * self._total)
            for here, there in pairwise(layers):
                if there != here + 1:
                    steps[2 * here + (there > here)] += 1
            code = self._known[layers] = (np.eye(_RUNS)[counts].ravel(), steps)
        return code


def _kernel(distances: Floats, scale: float) -> Floats:
    found: Floats = np.exp(-distances / scale)
    found[np.diag_indices(len(found))] += _NOISE
    return found


def _root(kernel: Floats) -> Floats:
    """The lower triangle whose square the kernel is."""
    found: Floats = np.linalg.cholesky(kernel).astype(np.float64)
    return found


def _solve(lower: Floats, targets: Floats) -> Floats:
    found: Floats = np.linalg.solve(lower.T, np.linalg.solve(lower, targets))
    return found


def _log_likelihood(kernel: Floats, targets: Floats) -> float:
    lower = _root(kernel)
    fit = float(np.dot(targets, _solve(lower, targets)))
    return -0.5 * fit - float(np.log(np.diag(lower)).sum())


def _expected_improvement(mean: Floats, deviation: Floats, goal: float) -> Floats:
    z = (mean - goal) / deviation
    density = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    found: Floats = (mean - goal) * _normal_cdf(z) + deviation * density
    return found


def _normal_cdf(z: Floats) -> Floats:
    """The standard normal distribution, to 7 digits (Abramowitz and Stegun, 26.2.17)."""
    t = 1 / (1 + 0.2316419 * np.abs(z))
    series = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    upper = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi) * series
    found: Floats = np.where(z >= 0, 1 - upper, upper)
    return found
