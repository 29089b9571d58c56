"""Difficulty of an input: evaluations until the first success, over several seeds (ThinkLite-VL, arXiv 2504.07934).

The study's own searcher is run again with other seeds, until a chain is right or the budget is spent. The count
includes the identity, which is evaluation 1, and the successful chain. Where no chain is right the count is *censored*:
it stands as budget + 1, a lower bound. The first seed is the study's own, so it costs nothing; a chain that several
seeds try on an input is run once, but counts for each.

The retest correlation is the mean of Spearman's rho over pairs of seeds. By Spearman and Brown's formula a mean over k
seeds correlates with another one like k r / (1 + (k - 1) r), which is taken as 0 where r is negative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from skiploop.analysis.figures.difficulty import (
    DifficultyFigures,
    DifficultyGroup,
    DifficultyGroups,
    InputDifficulty,
    Retest,
)
from skiploop.analysis.settings import DifficultySettings
from skiploop.analysis.subject import Evaluate, Subject
from skiploop.chains.chain import Chain
from skiploop.searchers import Searcher, make_searcher
from skiploop.stats.bootstrap import Floats
from skiploop.stats.correlations import rank_correlations
from skiploop.stats.measured import measured_mean, measured_statistic, pooled_share, rank_correlation
from skiploop.studies.arms import seed_for
from skiploop.studies.results import InputResult

VERSION = 1
RELIABLE = 0.7  # the least retest correlation with which a measure is used for single inputs

MakeSearcher = Callable[[str, int], Searcher]
"""A searcher for an input's id and the number of a seed."""


def analyse(subject: Subject, settings: DifficultySettings | None = None) -> DifficultyFigures:
    """The figures of difficulty.json."""
    settings = settings or DifficultySettings()
    study = subject.settings.search
    limits = SearchLimits(seeds=settings.seeds, budget=settings.budget or study.budget, per_round=study.per_round)

    def make(name: str, number: int) -> Searcher:
        seed = seed_for(study.seed + number, "search", name)
        return make_searcher(study.searcher, subject.space, seed=seed, **study.searcher_settings)

    names = [result.example["id"] for result in subject.inputs]
    counts = first_successes(names, make, subject.evaluate, identity=subject.space.identity, limits=limits)
    lines = tuple(_line(result, counts[result.example["id"]], limits.budget) for result in subject.inputs)
    wrong = [line for line in lines if not line.base_right]
    groups = DifficultyGroups(
        all=_group(lines, settings),
        base_wrong=_group(wrong, settings),
        found=_group([line for line in wrong if line.censored < settings.seeds], settings),
    )
    return DifficultyFigures(
        VERSION, "difficulty", settings, study.searcher, limits.budget, len(lines), groups=groups, inputs=lines
    )


# Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchLimits:
    """How long is searched.

    Attributes:
        seeds: searches of each input.
        budget: most evaluations of a search, the identity included.
        per_round: most chains that a searcher is asked for before it gets their rewards.
    """

    seeds: int
    budget: int
    per_round: int


@dataclass(slots=True)
class _Hunt:
    """One searcher on one input, until its first success."""

    name: str
    searcher: Searcher
    used: int = 0
    count: int | None = None

    def take(self, chain: Chain, reward: float) -> None:
        self.used += 1
        self.searcher.tell(chain, reward)
        if reward >= 1 and self.count is None:
            self.count = self.used


def first_successes(
    names: Sequence[str], make: MakeSearcher, evaluate: Evaluate, *, identity: Chain, limits: SearchLimits
) -> dict[str, list[int]]:
    """Evaluations to the first success of each input, one for each seed; budget + 1 where there is none.

    All searches go on in lockstep, as in a study, so that the evaluations of a round are run together.

    Args:
        names: ids of the inputs.
        make: a searcher for an input and a seed's number, 0..seeds-1.
        evaluate: rewards of pairs of input and chain.
        identity: evaluation 1 of every search.
        limits: of the searches.
    """
    hunts = [_Hunt(name, make(name, number)) for name in names for number in range(limits.seeds)]
    base = dict(zip(names, evaluate([(name, identity) for name in names]), strict=True))
    for hunt in hunts:
        hunt.take(identity, base[hunt.name])
    going = [hunt for hunt in hunts if hunt.count is None]
    while going:
        going = list(_round(going, evaluate, limits))
    counts: dict[str, list[int]] = {name: [] for name in names}
    for hunt in hunts:
        counts[hunt.name].append(hunt.count or limits.budget + 1)
    return counts


def _round(going: Sequence[_Hunt], evaluate: Evaluate, limits: SearchLimits) -> Iterator[_Hunt]:
    """One round of all searches; yields those that go on."""
    asked = [(hunt, hunt.searcher.ask(min(limits.per_round, limits.budget - hunt.used))) for hunt in going]
    rewards = iter(evaluate([(hunt.name, chain) for hunt, chains in asked for chain in chains]))
    for hunt, chains in asked:
        for chain in chains:
            hunt.take(chain, next(rewards))
        if hunt.count is None and chains and hunt.used < limits.budget:
            yield hunt


# Reliability


def pairwise_retest(samples: Floats) -> Floats:
    """The mean of Spearman's rho over all pairs of seeds, [R, N, K] -> [R]; NaN where a seed's counts don't vary."""
    first, second = np.triu_indices(samples.shape[2], 1)
    return np.asarray(rank_correlations(samples)[:, first, second].mean(axis=1))


def spearman_brown(correlation: Floats, length: int) -> Floats:
    """Reliability of the mean of `length` measurements that correlate like this; a negative one is no reliability."""
    positive = np.maximum(correlation, 0.0)
    return np.asarray(length * positive / (1 + (length - 1) * positive))


def _line(result: InputResult, counts: Sequence[int], budget: int) -> InputDifficulty:
    example = result.example
    return InputDifficulty(
        example["id"],
        example["level"],
        example["family"],
        result.base_right,
        evaluations=tuple(counts),
        mean=sum(counts) / len(counts),
        censored=sum(count > budget for count in counts),
    )


def _group(lines: Sequence[InputDifficulty], settings: DifficultySettings) -> DifficultyGroup:
    seeds, resamples = settings.seeds, settings.resamples
    counts = np.array([line.evaluations for line in lines], dtype=float).reshape(len(lines), seeds)
    retest = measured_statistic(counts, pairwise_retest, method="percentile", resamples=resamples)
    lengthened = measured_statistic(
        counts, lambda samples: spearman_brown(pairwise_retest(samples), seeds),
        method="percentile", resamples=resamples,
    )  # fmt: skip
    graded = [(line.mean, float(line.level)) for line in lines if line.level is not None]
    reliable = None if retest.value is None else retest.value >= RELIABLE
    return DifficultyGroup(
        evaluations=measured_mean([line.mean for line in lines], resamples=resamples),
        censored=pooled_share([(line.censored, seeds) for line in lines], resamples=resamples),
        retest=Retest(retest.value, retest.interval, retest.count, reliable),
        spearman_brown=lengthened,
        level=rank_correlation([mean for mean, _ in graded], [level for _, level in graded]),
    )
