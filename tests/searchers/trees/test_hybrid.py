"""The blend of estimate and experience: its equation, what a good estimate saves, what a useless one costs."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
import pytest

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers import make_searcher
from skiploop.searchers.features import Features
from skiploop.searchers.trees.hybrid import HybridSearcher, HybridSettings, Regression
from skiploop.spaces.named import make_space
from skiploop.testing.chainbench import AnswerTable, additive, null
from tests.searchers.rewards import planted, scattered
from tests.searchers.surrogates.test_gp import best_after


def estimator(table: AnswerTable, row: int, correlation: float) -> Callable[[Chain], float]:
    """Says of each chain something whose correlation with its reward is as given, on another scale."""
    rewards = table.rewards()[row]
    scaled = (rewards - rewards.mean()) / rewards.std()
    noise = np.random.default_rng(row).normal(size=len(rewards))
    noise -= scaled * (noise @ scaled) / len(rewards)  # so that the correlation is exact
    noise = (noise - noise.mean()) / noise.std()
    values = correlation * scaled + math.sqrt(1 - correlation**2) * noise
    assert np.corrcoef(values, rewards)[0, 1] == pytest.approx(correlation, abs=1e-6)
    return lambda chain: float(3 + 2 * values[table.column[chain.layers]])


def evaluations(table: AnswerTable, row: int, settings: HybridSettings, guess: Callable[[Chain], float]) -> int:
    """How many until one of the best 2 % of chains is found."""
    target = np.quantile(table.rewards()[row], 0.98)
    searcher = HybridSearcher(table.space, seed=row, settings=settings, estimator=guess)
    for number in range(1, len(table.chains) + 1):
        (chain,) = searcher.ask(1)
        reward = table.reward(row, chain)
        if reward >= target:
            return number
        searcher.tell(chain, reward)
    raise AssertionError("the best chains were never found")


@pytest.fixture(scope="module")
def means() -> dict[str, float]:
    """Evaluations on average, without an estimate, with a good one, and with a random one."""
    table = additive(6, seed=2, inputs=100)
    found = {}
    for name, weight, correlation in (("none", 0.0, 0.0), ("good", 1.0, 0.7), ("random", 1.0, 0.0)):
        settings = HybridSettings(estimate_weight=weight)
        found[name] = float(
            np.mean([evaluations(table, row, settings, estimator(table, row, correlation)) for row in range(100)])
        )
    return found


def test_an_estimate_that_correlates_by_seven_tenths_saves_a_third(means: dict[str, float]) -> None:
    assert means["good"] <= 0.7 * means["none"]


def test_a_random_estimate_costs_little(means: dict[str, float]) -> None:
    assert means["random"] <= 1.1 * means["none"]


def test_what_is_fitted_on_the_way_beats_the_tree_without_it() -> None:
    table = additive(6, seed=1, inputs=12)
    assert best_after(table, "hybrid", 50).mean() > best_after(table, "random", 100).mean()


def test_where_nothing_can_be_learned_nothing_is_lost() -> None:
    table = null(5, inputs=24)
    difference = best_after(table, "hybrid", 30) - best_after(table, "random", 30)
    assert difference.mean() > -3 * difference.std(ddof=1) / np.sqrt(len(difference))


def test_a_node_is_worth_its_papers_blend() -> None:
    space = make_space("cola", 6)
    searcher = HybridSearcher(space, seed=1, settings=HybridSettings(first_trust=1.0), estimator=planted)
    for _ in range(80):
        (chain,) = searcher.ask(1)
        searcher.tell(chain, planted(chain))
    searcher._learn()
    assert searcher._trust > 0.95, "the estimate is the truth"
    visited = [node for node in searcher._by_id if node.visits]
    assert max(node.visits for node in visited) > 5
    for node in visited:
        w = searcher._trust / (node.visits + searcher._trust)
        estimate = searcher._line[0] + searcher._line[1] * planted(node.chain)
        assert node.base == pytest.approx(w * estimate + (1 - w) * node.total / node.visits)


def test_trust_follows_the_correlation() -> None:
    table = additive(6, seed=3, inputs=1)
    trusts = []
    for correlation in (0.9, 0.0):
        searcher = HybridSearcher(table.space, estimator=estimator(table, 0, correlation))
        for _ in range(120):
            (chain,) = searcher.ask(1)
            searcher.tell(chain, table.reward(0, chain))
        trusts.append(searcher._trust)
    assert trusts[0] > 0.4 and trusts[1] < 0.2


def test_the_scale_of_an_estimate_does_not_matter() -> None:
    table = additive(5, seed=3, inputs=1)
    guess = estimator(table, 0, 0.7)
    asked = []
    for factor in (1.0, 1024.0):
        searcher = HybridSearcher(table.space, estimator=lambda chain, f=factor: f * guess(chain))
        chains: list[Chain] = []
        for _ in range(40):
            chains += searcher.ask(1)
            searcher.tell(chains[-1], table.reward(0, chains[-1]))
        asked.append(chains)
    assert asked[0] == asked[1]


def test_siblings_differ_more_than_random_ones() -> None:
    space, spreads = make_space("cola", 10), []
    for diversity in (2.0, 0.0):
        settings = HybridSettings(diversity=diversity, estimate_weight=0, widening=6)
        distances = []
        for seed in range(8):
            searcher = HybridSearcher(space, seed=seed, settings=settings)
            for chain in searcher.ask(2):
                searcher.tell(chain, 0.5)
            rows = Features(10).rows(list(searcher._root.children))
            apart = np.abs(rows[:, None] - rows[None]).sum(axis=2) + 1e9 * np.eye(len(rows))
            distances.append(apart.min())
        spreads.append(np.mean(distances))
    assert spreads[0] > 1.3 * spreads[1]


def test_an_estimator_is_asked_once_for_each_chain() -> None:
    asked: list[Chain] = []

    def guess(chain: Chain) -> float:
        asked.append(chain)
        return planted(chain)

    searcher = HybridSearcher(make_space("cola", 6), estimator=guess)
    for _ in range(40):
        for chain in searcher.ask(1):
            searcher.tell(chain, scattered(chain))
    assert len(asked) == len(set(asked)) > 40


def test_the_regression_passes_near_what_it_was_told() -> None:
    space, rng = make_space("cola", 8), random.Random(0)
    chains = list({space.sample(rng) for _ in range(150)})
    rows = Features(8).rows([chain.layers for chain in chains])
    rewards = np.array([planted(chain) for chain in chains])
    model = Regression(rows[:100], rewards[:100])
    assert np.abs(model.predict(rows[:100]) - rewards[:100]).max() < 0.1
    assert np.corrcoef(model.predict(rows[100:]), rewards[100:])[0, 1] > 0.7


def test_estimates_that_are_none_are_refused() -> None:
    with pytest.raises(InvalidInput, match="the estimator gave nan"):
        HybridSearcher(make_space("cola", 4), estimator=lambda chain: math.nan).ask(1)


@pytest.mark.parametrize(
    "settings", [{"estimate_weight": -1}, {"first_trust": 2}, {"proposals": 0}, {"diversity": float("nan")}]
)
def test_settings_that_do_not_work_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(settings))):
        make_searcher("hybrid", make_space("cola", 4), **settings)
