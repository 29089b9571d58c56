"""The Gaussian process: it learns what can be learned, and its arithmetic is right."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers import make_searcher
from skiploop.searchers.surrogates.codes import coded, distances
from skiploop.searchers.surrogates.posterior import Posterior, expected_improvement, kernel, normal_cdf
from skiploop.testing.chainbench import AnswerTable, additive, harmful_layer, null


def best_after(table: AnswerTable, name: str, budget: int) -> np.ndarray:
    """The best reward of each input."""
    found = []
    for row in range(table.inputs):
        searcher = make_searcher(name, table.space, seed=row)
        rewards = []
        for _ in range(budget):
            (chain,) = searcher.ask(1)
            rewards.append(table.reward(row, chain))
            searcher.tell(chain, rewards[-1])
        found.append(max(rewards))
    return np.array(found)


def test_fifty_evaluations_find_what_random_search_finds_in_two_hundred() -> None:
    table = additive(6, seed=1, inputs=12)
    assert best_after(table, "gp", 50).mean() > best_after(table, "random", 200).mean()


def test_where_nothing_can_be_learned_nothing_is_lost() -> None:
    table = null(5, inputs=20)
    difference = best_after(table, "gp", 30) - best_after(table, "random", 30)
    assert abs(difference.mean()) < 3 * difference.std(ddof=1) / np.sqrt(len(difference))


def test_equal_rewards_do_no_harm() -> None:
    table = null(4, inputs=1)
    searcher = make_searcher("gp", table.space)
    asked = []
    for _ in range(20):
        (chain,) = searcher.ask(1)
        asked.append(chain)
        searcher.tell(chain, 0.0)
    assert len(set(asked)) == 20


def test_only_equal_chains_have_no_distance() -> None:
    chains = [(0, 1, 2), (0, 1, 1, 2), (0, 2, 1), (0, 1, 2, 3, 4), (0, 1, 0, 1)]
    first, second = coded(chains, 5)
    found = distances(first, second)
    assert (found == found.T).all()
    assert ((found == 0) == np.eye(5, dtype=bool)).all()


def test_expected_improvement_against_scipy() -> None:
    z = np.linspace(-6, 6, 101)
    assert normal_cdf(z) == pytest.approx(norm.cdf(z), abs=1e-7)
    mean, deviation = np.array([0.2, 1.0, -0.5]), np.array([0.5, 0.1, 2.0])
    rng = np.random.default_rng(0)
    draws = mean[:, None] + deviation[:, None] * rng.normal(size=(3, 400_000))
    assert expected_improvement(mean, deviation, 0.7) == pytest.approx(
        np.maximum(draws - 0.7, 0).mean(axis=1), abs=5e-3
    )


def process(rows: int, columns: int, begun: int) -> tuple[Posterior, np.ndarray, np.ndarray]:
    """A process that was begun with some rows and got the others one by one; covariances of all rows, and across."""
    rng = np.random.default_rng(3)
    chains = [tuple(sorted(rng.integers(0, 8, 6).tolist())) for _ in range(rows + columns)]
    first, second = coded(chains, 8)
    apart = distances(first, second)
    found = Posterior(apart[:begun, :begun], apart[:begun, rows:], 4.0, room=rows - begun)
    for n in range(begun, rows):
        assert not found.full
        found.add(apart[n, :n], apart[n, rows:])
    assert found.full
    return found, kernel(apart[:rows, :rows], 4.0) + 1e-3 * np.eye(rows), kernel(apart[:rows, rows:], 4.0)


@pytest.mark.parametrize("begun", [1, 5, 12])
def test_rows_that_are_appended_give_the_posterior_of_all_rows(begun: int) -> None:
    found, covariance, across = process(12, 7, begun)
    targets = np.random.default_rng(0).normal(size=12)
    assert found.mean(targets) == pytest.approx(across.T @ np.linalg.solve(covariance, targets), abs=1e-8)
    variance = 1 - np.einsum("nm,nm->m", across, np.linalg.solve(covariance, across))
    assert found.deviation() == pytest.approx(np.sqrt(np.clip(variance, 1e-9, None)), abs=1e-6)


def test_a_pending_row_leaves_the_mean_and_takes_doubt_away() -> None:
    """The kriging believer: its target is what the other rows say of it, whenever it was appended."""
    found, covariance, across = process(9, 6, 4)
    targets = np.random.default_rng(1).normal(size=9)
    known = np.ones(9, dtype=bool)
    known[[8, 7]] = False
    weights = np.linalg.solve(covariance[np.ix_(known, known)], targets[known])
    assert found.mean(np.where(known, targets, np.nan)) == pytest.approx(across[known].T @ weights, abs=1e-8)
    alone = Posterior(np.zeros((1, 1)), np.full((1, 6), 3.0), 4.0, room=1)
    before = alone.deviation()
    alone.add(np.array([2.0]), np.full(6, 1.0))
    assert (alone.deviation() < before).all()


def test_short_chains_are_found_where_they_are_worth_something() -> None:
    table = harmful_layer(6, 3, inputs=10)
    shortest = []
    for front in (0.0, 1.0):
        depths = []
        for row in range(table.inputs):
            searcher = make_searcher("gp", table.space, seed=row, front=front)
            told = []
            for _ in range(40):
                for chain in searcher.ask(1):
                    reward = table.reward(row, chain, "binary")
                    searcher.tell(chain, reward)
                    told.append(len(chain) if reward else 12)
            depths.append(min(told))
        shortest.append(float(np.mean(depths)))
    assert shortest[1] < shortest[0]


def test_what_is_told_is_not_asked() -> None:
    table = additive(3, inputs=1)
    searcher = make_searcher("gp", table.space)
    searcher.tell(Chain((0, 1, 1), 3), 0.9)
    assert Chain((0, 1, 1), 3) not in searcher.ask(100)


@pytest.mark.parametrize("settings", [{"improvement": -1}, {"front": float("inf")}, {"candidates": 0}])
def test_settings_that_do_not_work_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(settings))):
        make_searcher("gp", additive(3, inputs=1).space, **settings)
