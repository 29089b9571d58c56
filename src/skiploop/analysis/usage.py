"""Which layers the right chains run: usage and its entropy, skips, loops, and the shortest right chains.

Every figure stands beside the same figure of *all* chains that the search evaluated on the same inputs (the identity
left out), since a searcher's taste shows in what it evaluates, whatever the rewards. A *best right chain* is the best
chain of an input for which some chain is right; it may be the identity. As it is the *shortest* right one it skips
more than what was evaluated even where layers don't matter at all. What layers do shows in *all* right chains (but the
identity) against all evaluated ones, of an arm that ignores rewards: where rewards don't depend on the chain, these
agree there. A search that learns moves on once it has met a right chain, so that its right chains differ from what it
evaluated later, whatever layers do (seen: 11 of 24 rates "differ" under `gp` and rewards that ignore layers).

Shapes: N inputs, L layers, R resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skiploop.analysis.depths import grouped
from skiploop.chains.chain import Chain
from skiploop.chains.weights import has_loop, loop_of
from skiploop.errors import InvalidInput
from skiploop.stats.bootstrap import Floats
from skiploop.stats.measured import Measured, measured_mean, measured_share, measured_statistic
from skiploop.studies.results import InputResult
from skiploop.studies.search import Study

SHORTEST = (0.05, 0.2)


@dataclass(frozen=True, slots=True)
class Usage:
    """How often each layer is run, over a group of inputs.

    Attributes:
        name: of the group; a level, or "all".
        inputs: those with a right chain and other evaluated ones, which are counted here.
        best: mean executions of each layer in the best right chains, [L].
        right: the same, over all right chains (the mean of each input's mean), where there are some, [L].
        evaluated: the same, over all evaluated chains, [L].
        best_entropy: of the executions over layers, in [0, 1]; 1 where all layers are run equally often.
        evaluated_entropy: likewise.
    """

    name: str
    inputs: int
    best: tuple[Measured, ...]
    right: tuple[Measured, ...]
    evaluated: tuple[Measured, ...]
    best_entropy: Measured
    evaluated_entropy: Measured


@dataclass(frozen=True, slots=True)
class LayerRate:
    """How often chains do something with a layer: leave it out, or run it more than once.

    Attributes:
        layer: its index.
        best: share of the best right chains that do.
        right: share of all right chains that do (the mean of each input's share), where there are some.
        evaluated: share of all evaluated chains that do, likewise.
        difference: right - evaluated, paired by input, in the arm that `LayerRates` names.
    """

    layer: int
    best: Measured
    right: Measured
    evaluated: Measured
    difference: Measured


@dataclass(frozen=True, slots=True)
class LayerRates:
    """Skip rate and loop rate of each layer; see `LayerRate`.

    Attributes:
        skip: of chains that leave the layer out.
        loop: of chains that run it more than once, in a damped loop or otherwise.
        damped: of chains that run it in a damped loop; empty where no chain has one.
        arm: whose chains `difference` compares: `nearby` or `random`, which ignore rewards; `search` where neither ran.
    """

    arm: str
    skip: tuple[LayerRate, ...]
    loop: tuple[LayerRate, ...]
    damped: tuple[LayerRate, ...]


@dataclass(frozen=True, slots=True)
class ShortestUsage:
    """Layer usage of a part of the pooled chains of all inputs.

    Attributes:
        name: "shortest 5 %", "all right" or "all evaluated".
        share: of the right chains that are in it. Chains as deep as the last one are all in, so it may be more than
            was asked for; None for "all evaluated".
        chains: how many.
        inputs: from how many inputs they are.
        depth: mean, over the pooled chains.
        usage: mean executions of each layer, over the pooled chains, [L]. Intervals resample inputs.
    """

    name: str
    share: float | None
    chains: int
    inputs: int
    depth: Measured
    usage: tuple[Measured, ...]


# Usage and entropy


def layer_usage(study: Study) -> tuple[Usage, ...]:
    """Over all inputs, then by level."""
    inputs = _counted(study)
    groups = [("all", inputs), *grouped(inputs, lambda result: result.example["level"])]
    return tuple(_usage(name, group, num_layers(study)) for name, group in groups)


def num_layers(study: Study) -> int:
    """L of the study's model."""
    return int(study.run["model"]["num_layers"])


def _counted(study: Study) -> tuple[InputResult, ...]:
    return tuple(each for each in study.inputs if each.search.right and len(each.search.evaluations) > 1)


def _usage(name: str, inputs: Sequence[InputResult], layers: int) -> Usage:
    best = np.array([executions(each.search.best[0], layers) for each in inputs]).reshape(len(inputs), layers)
    parts = [_counts(each, layers) for each in inputs]
    tried = np.array([counts.mean(axis=0) for counts, _ in parts]).reshape(len(inputs), layers)
    found = [counts[right].mean(axis=0) for counts, right in parts if right.any()]
    return Usage(
        name,
        len(inputs),
        best=_by_layer(best),
        right=_by_layer(np.array(found).reshape(len(found), layers)),
        evaluated=_by_layer(tried),
        best_entropy=measured_statistic(best, entropies),
        evaluated_entropy=measured_statistic(tried, entropies),
    )


def executions(chain: Chain, layers: int) -> Floats:
    """How often each layer is run, [L]."""
    return np.bincount(chain.layers, minlength=layers).astype(np.float64)


def damped_layers(chain: Chain, layers: int) -> Floats:
    """1 for each layer that is run in a damped loop, else 0, [L]."""
    inside = [int(slot) for slot in chain.layers if loop_of(slot) is not None]
    return (np.bincount(inside, minlength=layers) > 0).astype(np.float64)


Count = Callable[[Chain, int], Floats]
"""A number for each layer of a chain, [L], of a model of so many layers."""
Counts = Sequence[tuple[Floats, NDArray[np.bool_]]]
"""For each input these numbers in each of its chains, [K, L], and which of them are right, [K]."""


def _counts(
    result: InputResult, layers: int, arm: str = "search", count: Count = executions
) -> tuple[Floats, NDArray[np.bool_]]:
    """Numbers of each chain that an arm evaluated but the identity, [K, L], and which of them are right, [K]."""
    tried = result.arms[arm].evaluations[1:]
    right = np.array([reward >= 1 for _, reward in tried])
    return np.array([count(chain, layers) for chain, _ in tried]), right


def _by_layer(values: Floats) -> tuple[Measured, ...]:
    return tuple(measured_mean(column) for column in values.T.tolist())


def entropies(samples: Floats) -> Floats:
    """Of executions over layers, divided by log L, [R, N, L] -> [R]; 1 where all layers are run equally often."""
    total = samples.sum(axis=1)
    if total.shape[1] == 1:
        return np.ones(len(total))  # one layer is all layers
    p = total / total.sum(axis=1, keepdims=True)
    logs = np.log(p, where=p > 0, out=np.zeros_like(p))
    return np.asarray(-(p * logs).sum(axis=1) / np.log(total.shape[1]))


# Rates


def layer_rates(study: Study) -> LayerRates:
    """How often each layer is skipped, and looped, in right chains and in all that were evaluated."""
    arm = next((name for name in ("nearby", "random") if all(name in each.arms for each in study.inputs)), "search")
    runs = _counted_layers(study, arm, executions)
    damped: tuple[LayerRate, ...] = ()
    if any(has_loop(c.layers) for each in study.inputs for own in each.arms.values() for c, _ in own.evaluations):
        damped = _rates(_counted_layers(study, arm, damped_layers), 1)
    return LayerRates(arm, skip=_rates(runs, 0, 0), loop=_rates(runs, 2), damped=damped)


@dataclass(frozen=True, slots=True, eq=False)
class _LayerCounts:
    """A number for each layer of each chain: best right ones, [N, L]; those of the search, and of the compared arm."""

    best: Floats
    search: Counts
    arm: Counts


def _counted_layers(study: Study, arm: str, count: Count) -> _LayerCounts:
    inputs, layers = _counted(study), num_layers(study)
    return _LayerCounts(
        np.array([count(each.search.best[0], layers) for each in inputs]).reshape(len(inputs), layers),
        [_counts(each, layers, count=count) for each in inputs],
        [_counts(each, layers, arm, count) for each in study.inputs if len(each.arms[arm].evaluations) > 1],
    )


Parts = Sequence[tuple[NDArray[np.bool_], NDArray[np.bool_]]]


def _where(parts: Counts, least: float, most: float) -> Parts:
    """Where a layer's number is `least` to `most`, [K, L], and which chains are right, [K], for each input."""
    return [((counts >= least) & (counts <= most), right) for counts, right in parts]


def _means(parts: Parts, layers: int) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Shares among all chains of each input [N, L], among the right ones where there are some, and where [N]."""
    tried = np.array([done.mean(axis=0) for done, _ in parts]).reshape(len(parts), layers)
    hit = np.array([right.any() for _, right in parts], dtype=bool)
    found = np.array([done[right].mean(axis=0) for done, right in parts if right.any()]).reshape(hit.sum(), layers)
    return tried, found, hit


def _rates(counted: _LayerCounts, least: float, most: float = np.inf) -> tuple[LayerRate, ...]:
    """Of chains in which a layer's number is `least` to `most`."""
    best = (counted.best >= least) & (counted.best <= most)
    layers = best.shape[1]
    tried, found, _ = _means(_where(counted.search, least, most), layers)
    other_tried, other_found, hit = _means(_where(counted.arm, least, most), layers)
    gaps = other_found - other_tried[hit]
    return tuple(
        LayerRate(
            layer,
            best=measured_share(int(best[:, layer].sum()), len(best)),
            right=measured_mean(found[:, layer].tolist()),
            evaluated=measured_mean(tried[:, layer].tolist()),
            difference=measured_mean(gaps[:, layer].tolist()),
        )
        for layer in range(layers)
    )


# The shortest right chains


def shortest_usage(study: Study, parts: Sequence[float] = SHORTEST) -> tuple[ShortestUsage, ...]:
    """Of the shortest right chains, of all right and of all evaluated ones; always without the identity."""
    for part in parts:
        if not 0 < part <= 1:
            raise InvalidInput(f"part {part!r} of the chains isn't above 0 and at most 1; use for instance 0.05")
    layers = num_layers(study)
    tried = [[(chain, reward) for chain, reward in each.search.evaluations[1:]] for each in study.inputs]
    right = [[chain for chain, reward in each if reward >= 1] for each in tried]
    found = [_shortest(right, part, layers) for part in parts] if any(right) else []
    everything = [[chain for chain, _ in each] for each in tried]
    return (
        *found,
        _pooled("all right", 1.0 if any(right) else None, right, layers),
        _pooled("all evaluated", None, everything, layers),
    )


def _shortest(right: Sequence[Sequence[Chain]], part: float, layers: int) -> ShortestUsage:
    lengths = sorted(len(chain) for each in right for chain in each)
    limit = lengths[max(1, round(part * len(lengths))) - 1]
    kept = [[chain for chain in each if len(chain) <= limit] for each in right]
    share = sum(map(len, kept)) / len(lengths)
    return _pooled(f"shortest {100 * part:g} %", share, kept, layers)


def _pooled(name: str, share: float | None, chains: Sequence[Sequence[Chain]], layers: int) -> ShortestUsage:
    """Sums by input, so that an input's chains are resampled together."""
    own = [each for each in chains if each]
    sums = np.array([np.sum([executions(c, layers) for c in each], axis=0) for each in own]).reshape(len(own), layers)
    counts = np.array([len(each) for each in own], dtype=np.float64)
    columns = [*sums.T, sums.sum(axis=1)]
    *usage, depth = (_ratio(column, counts) for column in columns)
    return ShortestUsage(name, share, int(counts.sum()), len(own), depth, tuple(usage))


def _ratio(sums: Floats, counts: Floats) -> Measured:
    pairs = np.stack([sums, counts], axis=1)
    return measured_statistic(pairs, _ratios)


def _ratios(samples: Floats) -> Floats:
    """[R, N, 2] -> [R]"""
    totals = samples.sum(axis=1)
    return np.asarray(totals[:, 0] / totals[:, 1])
