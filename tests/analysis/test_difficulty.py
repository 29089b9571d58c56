"""Difficulty: the count of evaluations to the first success, over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from skiploop.analysis.difficulty import SearchLimits, analyse, first_successes, pairwise_retest, spearman_brown
from skiploop.analysis.settings import DifficultySettings
from skiploop.analysis.subject import Evaluate, Pair, open_subject
from skiploop.errors import InvalidInput
from skiploop.searchers import Searcher, make_searcher
from skiploop.spaces.named import per_layer
from skiploop.spaces.space import Space
from skiploop.stats.correlations import spearman
from skiploop.studies.execution import Execution
from skiploop.studies.search import search
from skiploop.testing.chainbench import additive
from skiploop.testing.fakes import FakeModel, FakeRunner, digest, fake_task, options

NAMES = [str(row) for row in range(60)]
SPACE = per_layer(6)


def count(evaluate: Evaluate, budget: int, names: Sequence[str] = NAMES, space: Space = SPACE) -> np.ndarray:
    def make(name: str, number: int) -> Searcher:
        return make_searcher("random", space, seed=1000 * number + int(name))

    limits = SearchLimits(seeds=5, budget=budget, per_round=4)
    found = first_successes(names, make, evaluate, identity=space.identity, limits=limits)
    return np.array([found[name] for name in names], dtype=float)


def retest(counts: np.ndarray) -> np.floating:
    return pairwise_retest(counts[None])[0]


def planted(shares: dict[str, float]) -> Evaluate:
    """So large a share of the chains is right on each input, never the identity."""

    def evaluate(pairs: Sequence[Pair]) -> list[float]:
        return [
            float(not chain.is_identity and digest(name, chain.layers) % 10_000 < 10_000 * shares[name])
            for name, chain in pairs
        ]

    return evaluate


def test_the_count_is_that_of_a_single_search_one_chain_at_a_time() -> None:
    table, budget = additive(4, 3, inputs=12), 15
    names = [str(row) for row in range(12)]
    rewards = table.rewards("binary")

    def evaluate(pairs: Sequence[Pair]) -> list[float]:
        return [float(rewards[int(name), table.column[chain.layers]]) for name, chain in pairs]

    found = dict(zip(names, count(evaluate, budget, names, table.space), strict=True))
    for name in names:
        for number in range(5):
            searcher = make_searcher("random", table.space, seed=1000 * number + int(name))
            searcher.tell(table.space.identity, rewards[int(name), table.column[table.space.identity.layers]])
            chains = [table.space.identity, *searcher.ask(budget - 1)]
            right = [i for i, c in enumerate(chains, start=1) if rewards[int(name), table.column[c.layers]] >= 1]
            assert found[name][number] == (right[0] if right else budget + 1)


def test_hard_inputs_are_told_from_easy_ones_and_equal_ones_are_not() -> None:
    shares = {name: 0.5 ** (1 + int(name) % 6) for name in NAMES}
    graded = count(planted(shares), 60)
    assert retest(graded) > 0.5
    assert spearman_brown(retest(graded), 5) > 0.8
    assert spearman(graded.mean(axis=1), [-shares[name] for name in NAMES]) > 0.8
    equal = count(planted(dict.fromkeys(NAMES, 0.1)), 60)
    assert abs(retest(equal)) < 0.2


def test_spearman_brown_is_the_textbook_formula_and_never_negative() -> None:
    assert spearman_brown(0.5, 5) == pytest.approx(5 * 0.5 / 3)
    assert spearman_brown(0.3, 1) == pytest.approx(0.3)
    assert spearman_brown(-0.24, 5) == 0.0


def test_a_retest_is_the_mean_of_spearmans_rho_over_all_pairs_of_seeds() -> None:
    counts = np.random.default_rng(0).integers(1, 6, (30, 4)).astype(float)
    pairs = [spearmanr(counts[:, i], counts[:, j]).statistic for i, j in combinations(range(4), 2)]
    assert retest(counts) == pytest.approx(np.mean(pairs))


def test_a_retest_correlation_is_undefined_where_a_seed_does_not_vary() -> None:
    assert np.isnan(retest(np.array([[1.0, 2.0], [1.0, 3.0], [1.0, 4.0]])))


def test_the_first_seed_is_the_study_itself_and_costs_nothing(tmp_path: Path) -> None:
    study = search(FakeModel(), fake_task(20), out=tmp_path, execution=Execution(FakeRunner()), **options())
    runner = FakeRunner()
    with open_subject(tmp_path, model=FakeModel(), execution=Execution(runner)) as subject:
        found = analyse(subject, DifficultySettings(seeds=2, resamples=50))
    budget = study.run["settings"]["search"]["budget"]
    for line, result in zip(found.inputs, study.inputs, strict=True):
        rewards = [reward for _, reward in result.search.evaluations]
        assert line.evaluations[0] == (rewards.index(1.0) + 1 if 1.0 in rewards else budget + 1)
        assert line.base_right == (line.evaluations == (1, 1))
        assert line.censored == sum(each > budget for each in line.evaluations)
    asked = {(request.prompt, request.chain.layers) for call in runner.calls for request in call}
    known = {(r.example["prompt"], c.layers) for r in study.inputs for c, _ in r.search.evaluations}
    assert not asked & known, "nothing that the study evaluated is run again"
    assert asked
    groups = found.groups
    assert groups.base_wrong.evaluations.count == sum(not line.base_right for line in found.inputs)
    assert groups.found.evaluations.count <= groups.base_wrong.evaluations.count


def test_one_seed_is_refused() -> None:
    with pytest.raises(InvalidInput, match="seeds"):
        DifficultySettings(seeds=1)
