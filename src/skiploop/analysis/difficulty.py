"""Difficulty of an input: evaluations until the first success, over several seeds (ThinkLite-VL, arXiv 2504.07934).

The study's own searcher is run again with other seeds, until a chain is right or the budget is spent. The count
includes the identity, which is evaluation 1, and the successful chain. Where nothing is found the count is
*censored*: it stands as budget + 1, a lower bound. The first seed is the study's own, so that it costs nothing; a chain
that several seeds try on an input is run once, but counts for each.

`difficulty.json`:

    version, name, settings {seeds, budget (null: the study's), resamples}, searcher, budget, n (inputs)
    inputs          [{input, level, family, base_right, evaluations [one per seed], mean, censored (how many seeds)}]
    groups          all, base_wrong (the identity is wrong), found (base_wrong, and some seed found a chain):
        evaluations     figure, the mean count
        censored        figure, the share of (input, seed) that is censored
        retest          figure, the mean of Spearman's rho over pairs of seeds; {..., reliable: value >= 0.7}
        spearman_brown  figure, what the rho of the mean over so many seeds would be: k r / (1 + (k - 1) r), and 0 where
                        r is negative
        level           figure with p, Spearman's rho of the mean count and the task's level

Figures are {n, value, interval}, see `skiploop.stats.intervals`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from skiploop.analysis.subject import Evaluate, Subject
from skiploop.chains.chain import Chain
from skiploop.searchers import Searcher, make_searcher
from skiploop.stats.bootstrap import Floats
from skiploop.stats.correlations import spearman
from skiploop.stats.intervals import Figure, mean_figure, pooled_figure, rank_figure, resampled_figure
from skiploop.studies.arms import seed_for
from skiploop.validate import whole_number

VERSION = 1
RELIABLE = 0.7  # a retest correlation from which on a measure is used for single inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class DifficultySettings:
    """How difficulty is measured.

    Attributes:
        seeds: searches of an input, the study's own included; two or more.
        budget: evaluations of each, the identity included; None: the study's.
        resamples: of the bootstrap.
    """

    seeds: int = 5
    budget: int | None = None
    resamples: int = 1000

    def __post_init__(self) -> None:
        whole_number("seeds", self.seeds, 2)
        whole_number("resamples", self.resamples, 1)
        if self.budget is not None:
            whole_number("budget", self.budget, 1)


def analyse(subject: Subject, settings: DifficultySettings | None = None) -> dict[str, Any]:
    """What goes into difficulty.json."""
    settings = settings or DifficultySettings()
    study = subject.settings.search
    budget = settings.budget or study.budget

    def make(name: str, number: int) -> Searcher:
        seed = seed_for(study.seed + number, "search", name)
        return make_searcher(study.searcher, subject.space, seed=seed, **study.searcher_settings)

    names = [result.example["id"] for result in subject.inputs]
    counts = first_successes(
        names, make, subject.evaluate,
        identity=subject.space.identity, seeds=settings.seeds, budget=budget, per_round=study.per_round,
    )  # fmt: skip
    lines = [
        _line(result.example, result.base_right, counts[result.example["id"]], budget) for result in subject.inputs
    ]
    wrong = [line for line in lines if not line["base_right"]]
    found = [line for line in wrong if line["censored"] < settings.seeds]
    return {
        "version": VERSION,
        "name": "difficulty",
        "settings": asdict(settings),
        "searcher": study.searcher,
        "budget": budget,
        "n": len(lines),
        "groups": {
            "all": _group(lines, settings),
            "base_wrong": _group(wrong, settings),
            "found": _group(found, settings),
        },
        "inputs": lines,
    }


@dataclass(slots=True)
class _Hunt:
    """One searcher on one input, until its first success."""

    name: str
    searcher: Searcher
    used: int = 1  # the identity
    count: int | None = None


def first_successes(
    names: Sequence[str],
    make: Callable[[str, int], Searcher],
    evaluate: Evaluate,
    *,
    identity: Chain,
    seeds: int,
    budget: int,
    per_round: int,
) -> dict[str, list[int]]:
    """Evaluations to the first success of each input, one for each seed; budget + 1 where there is none.

    All searches go on in lock-step, as in a study, so that the evaluations of a round are run together.

    Args:
        names: ids of the inputs.
        make: a searcher for an input and a number of a seed, 0..seeds-1.
        evaluate: rewards of pairs of input and chain.
        identity: is evaluation 1 of every search.
        seeds: searches of each input.
        budget: most evaluations of a search.
        per_round: most chains that a searcher is asked for before its rewards are told.
    """
    base = dict(zip(names, evaluate([(name, identity) for name in names]), strict=True))
    hunts = {name: [_Hunt(name, make(name, number)) for number in range(seeds)] for name in names}
    for name, own in hunts.items():
        for hunt in own:
            hunt.searcher.tell(identity, base[name])
            hunt.count = 1 if base[name] >= 1 else None
    going = [hunt for own in hunts.values() for hunt in own if hunt.count is None]
    while going:
        asked = [(hunt, hunt.searcher.ask(min(per_round, budget - hunt.used))) for hunt in going]
        rewards = iter(evaluate([(hunt.name, chain) for hunt, chains in asked for chain in chains]))
        for hunt, chains in asked:
            for chain in chains:
                hunt.used += 1
                reward = next(rewards)
                hunt.searcher.tell(chain, reward)
                if reward >= 1 and hunt.count is None:
                    hunt.count = hunt.used
        going = [hunt for hunt, chains in asked if hunt.count is None and chains and hunt.used < budget]
    return {name: [hunt.count or budget + 1 for hunt in own] for name, own in hunts.items()}


def pairwise_retest(counts: Floats) -> float | None:
    """The mean of Spearman's rho over all pairs of seeds, [N, K]; None where a seed's counts don't vary."""
    found = [spearman(counts[:, i], counts[:, j]) for i, j in combinations(range(counts.shape[1]), 2)]
    defined = [each for each in found if each is not None]
    return sum(defined) / len(defined) if len(defined) == len(found) else None


def spearman_brown(correlation: float, length: int) -> float:
    """Reliability of the mean of so many measurements that correlate like this; a negative one is no reliability."""
    return max(0.0, length * correlation / (1 + (length - 1) * correlation)) if correlation > 0 else 0.0


def _line(example: Mapping[str, Any], right: bool, counts: list[int], budget: int) -> dict[str, Any]:
    return {
        "input": example["id"],
        "level": example["level"],
        "family": example["family"],
        "base_right": right,
        "evaluations": counts,
        "mean": sum(counts) / len(counts),
        "censored": sum(count > budget for count in counts),
    }


def _group(lines: Sequence[dict[str, Any]], settings: DifficultySettings) -> dict[str, Figure]:
    seeds, options = settings.seeds, {"resamples": settings.resamples}
    counts = np.array([line["evaluations"] for line in lines], dtype=float).reshape(len(lines), seeds)

    def lengthened(sample: Floats) -> float | None:
        single = pairwise_retest(sample)
        return None if single is None else spearman_brown(single, seeds)

    retest = resampled_figure(counts, pairwise_retest, **options)
    graded = [line for line in lines if line["level"] is not None]
    return {
        "evaluations": mean_figure([line["mean"] for line in lines], **options),
        "censored": pooled_figure([(line["censored"], seeds) for line in lines], **options),
        "retest": retest | {"reliable": None if retest["value"] is None else retest["value"] >= RELIABLE},
        "spearman_brown": resampled_figure(counts, lengthened, **options),
        "level": rank_figure([line["mean"] for line in graded], [float(line["level"]) for line in graded]),
    }
