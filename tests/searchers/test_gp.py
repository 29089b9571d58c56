"""The Gaussian process: it learns what can be learned, and its arithmetic is right."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from skiploop.chain import Chain
from skiploop.chainbench import Table, additive, null
from skiploop.errors import InvalidInput
from skiploop.searchers import make_searcher
from skiploop.searchers.codes import coded, distances
from skiploop.searchers.posterior import expected_improvement, normal_cdf


def best_after(table: Table, name: str, budget: int) -> np.ndarray:
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


def test_what_is_told_is_not_asked() -> None:
    table = additive(3, inputs=1)
    searcher = make_searcher("gp", table.space)
    searcher.tell(Chain((0, 1, 1), 3), 0.9)
    assert Chain((0, 1, 1), 3) not in searcher.ask(100)


@pytest.mark.parametrize("settings", [{"improvement": -1}, {"front": float("inf")}, {"candidates": 0}])
def test_settings_that_do_not_work_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(settings))):
        make_searcher("gp", additive(3, inputs=1).space, **settings)
