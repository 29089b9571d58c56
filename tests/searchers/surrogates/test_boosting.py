"""Boosted trees: how well they rank, what they prune, and that nothing is lost by it."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers import make_searcher
from skiploop.searchers.features import OPS, Features
from skiploop.searchers.surrogates.boosting import SurrogateSearcher, Trees
from skiploop.testing.chainbench import AnswerTable, additive, harmful_layer, load, null
from tests.searchers.surrogates.test_gp import best_after


def static_tau(table: AnswerTable, seed: int, *, price: bool = True) -> float:
    """Kendall's tau on all static chains but the 100 random ones that the trees are fitted to."""
    rewards = (table.rewards() if price else table.p_true).mean(axis=0)  # a price of depth can be learned anywhere
    order = np.random.default_rng(seed).permutation(len(rewards))
    chains = [table.chains[column].layers for column in order]
    trees = Trees(Features(table.chains[0].num_layers))
    trees.fit(chains[:100], list(rewards[order[:100]]))
    found = trees.predict(trees.features.rows(chains[100:]))
    return float(kendalltau(found, rewards[order[100:]]).statistic)


def test_a_hundred_static_chains_rank_the_rest_of_a_planted_table() -> None:
    table = additive(6, seed=1)
    assert np.mean([static_tau(table, seed) for seed in range(5)]) >= 0.75


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["plain", "layerdrop"])
def test_a_hundred_static_chains_rank_the_rest_of_chainbench(variant: str) -> None:
    table = load(variant)
    assert np.mean([static_tau(table, seed) for seed in range(10)]) >= 0.75


def test_where_chains_are_worth_the_same_nothing_is_ranked() -> None:
    assert abs(np.mean([static_tau(null(6, seed=seed), seed, price=False) for seed in range(8)])) < 0.1


def test_thirty_evaluations_find_what_random_search_finds_in_a_hundred() -> None:
    table = additive(6, seed=1, inputs=12)
    assert best_after(table, "surrogate", 30).mean() > best_after(table, "random", 100).mean()


def fitted(table: AnswerTable, row: int, count: int) -> Trees:
    order = np.random.default_rng(0).permutation(len(table.chains))[:count]
    chains = [table.chains[column] for column in order]
    trees = Trees(Features(table.chains[0].num_layers))
    trees.fit([chain.layers for chain in chains], [table.reward(row, chain, "binary") for chain in chains])
    return trees


def test_contributions_add_up_to_the_prediction() -> None:
    trees = fitted(additive(5, inputs=1), 0, 60)
    predicted = trees.predict(trees._rows)
    rest = predicted - trees.contributions().sum(axis=1)
    assert rest == pytest.approx(rest[0]) and np.ptp(predicted) > 0.1


def test_a_harmful_layer_is_pruned_and_only_that() -> None:
    table = harmful_layer(5, 2, inputs=1, keeps=0.0)
    pruned = fitted(table, 0, 80).harmful(doubt=3.0).reshape(5, len(OPS))
    assert pruned[2].tolist() == [False, True, True, False]
    assert not np.delete(pruned, 2, axis=0).any()


def test_where_nothing_is_harmful_little_is_pruned() -> None:
    table = null(5, inputs=10)
    shares = [fitted(table, row, 60).harmful(doubt=3.0).mean() for row in range(10)]
    assert np.mean(shares) < 0.5


def test_what_is_pruned_is_asked_last() -> None:
    table = harmful_layer(5, 2, inputs=1, keeps=0.0)
    searcher = SurrogateSearcher(table.space, seed=0)
    asked: list[Chain] = []
    while chains := searcher.ask(1):
        asked += chains
        searcher.tell(chains[0], table.reward(0, chains[0], "binary"))
    without = [2 not in chain.layers for chain in asked]
    assert len(asked) == len(table.chains) and sum(without) == 3**4 - 1
    assert np.mean(without[20:80]) > 0.85, "among uniform draws it would be a third"
    assert sum(without[: len(asked) // 2]) == sum(without)


def test_the_schedule_of_fits_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    original = Trees.fit

    def fit(self: Trees, chains: list[tuple[int, ...]], rewards: list[float]) -> None:
        sizes.append(len(chains))
        original(self, chains, rewards)

    monkeypatch.setattr(Trees, "fit", fit)
    best_after(additive(6, inputs=1), "surrogate", 150)
    assert sizes[0] <= 8 and sizes[-1] > 100
    assert 10 < len(sizes) < 25
    assert all(later >= 1.2 * earlier for earlier, later in pairwise(sizes) if earlier > 10)


def test_without_lightgbm_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(InvalidInput, match=r"pip install 'skiploop\[search\]'"):
        make_searcher("surrogate", additive(3, inputs=1).space)


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    best_after(additive(4, inputs=1), "surrogate", 40)
    out, err = capfd.readouterr()
    assert out == err == ""


@pytest.mark.parametrize(
    "settings", [{"warmup": -1}, {"candidates": 0}, {"explore": 2}, {"growth": 0.5}, {"doubt": float("nan")}]
)
def test_settings_that_do_not_work_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(settings))):
        make_searcher("surrogate", additive(3, inputs=1).space, **settings)
