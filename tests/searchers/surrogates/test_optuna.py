"""Optuna's samplers: that they learn, that no trial is wasted, and that nobody else notices."""

from __future__ import annotations

import random
import sys

import numpy as np
import optuna
import pytest

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers import make_searcher
from skiploop.searchers.fronts import hypervolume
from skiploop.searchers.surrogates.optuna import (
    NSGA2Searcher,
    OptunaSearcher,
    TPESearcher,
    TPESettings,
    parameter,
)
from skiploop.spaces.named import make_space, per_layer
from skiploop.spaces.space import Space
from skiploop.testing.chainbench import additive, null
from tests.searchers.rewards import planted, scattered
from tests.searchers.surrogates.test_gp import best_after


def played(searcher: OptunaSearcher, budget: int, batch: int = 1) -> list[Chain]:
    asked: list[Chain] = []
    while len(asked) < budget and (chains := searcher.ask(batch)):
        for chain in chains:
            searcher.tell(chain, scattered(chain))
        asked += chains
    return asked


@pytest.mark.slow
def test_tpe_finds_in_fifty_evaluations_what_random_search_finds_in_a_hundred() -> None:
    table = additive(6, seed=1, inputs=12)
    assert best_after(table, "tpe", 50).mean() > best_after(table, "random", 100).mean()


@pytest.mark.slow
def test_where_nothing_can_be_learned_nothing_is_lost() -> None:
    table = null(5, inputs=16)
    difference = best_after(table, "tpe", 30) - best_after(table, "random", 30)
    assert abs(difference.mean()) < 3 * difference.std(ddof=1) / np.sqrt(len(difference))


def front_volume(space: Space, name: str, budget: int, seed: int) -> float:
    searcher = make_searcher(name, space, seed=seed)
    points = []
    for _ in range(budget):
        (chain,) = searcher.ask(1)
        searcher.tell(chain, planted(chain))
        points.append((planted(chain), 1 - len(chain) / space.max_length))
    return hypervolume(points)


def test_nsga2_finds_more_of_the_front_than_random_search() -> None:
    space = per_layer(8)
    found = [front_volume(space, "nsga2", 150, seed) - front_volume(space, "random", 150, seed) for seed in range(6)]
    assert np.mean(found) > 0.02 and min(found) > 0


def test_a_repeated_trial_is_told_from_memory() -> None:
    space = make_space("skip", 5)
    searcher = TPESearcher(space)
    asked = played(searcher, 31)
    trials = searcher._study.get_trials(deepcopy=False)
    assert len(set(asked)) == 31 == space.count()
    done = [trial for trial in trials if trial.state == optuna.trial.TrialState.COMPLETE]
    assert len(done) > 31, "some were repeated"
    values: dict[tuple[tuple[str, object], ...], float] = {}
    for trial in done:
        assert values.setdefault(tuple(sorted(trial.params.items())), trial.value) == trial.value


def test_chains_never_asked_become_trials() -> None:
    space, rng = make_space("cola", 6), random.Random(0)
    told = list({space.sample(rng) for _ in range(20)})
    searcher = TPESearcher(space)
    for chain in told:
        searcher.tell(chain, scattered(chain))
    searcher.ask(1)
    done = searcher._study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE])
    values = {}
    for trial in done:
        answers = trial.params
        values[space.decide(lambda name, labels, a=answers: labels.index(a[parameter(name, labels)]))] = trial.value
    assert values == {chain: scattered(chain) for chain in told}


def test_after_so_many_trials_optuna_is_left_alone() -> None:
    searcher = TPESearcher(make_space("per-layer", 6), settings=TPESettings(trials=20))
    asked = played(searcher, 60)
    assert len(set(asked)) == 60
    assert len(searcher._study.get_trials(deepcopy=False)) == 20


def test_many_pending_chains_are_no_burden() -> None:
    searcher = NSGA2Searcher(make_space("cola", 8))
    assert len(set(searcher.ask(300))) == 300
    assert len(searcher._study.get_trials(deepcopy=False)) <= 72


def test_optunas_verbosity_is_as_before(capfd: pytest.CaptureFixture[str]) -> None:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.DEBUG)
    try:
        for searcher in (TPESearcher(make_space("cola", 5)), NSGA2Searcher(make_space("cola", 5))):
            played(searcher, 30, batch=3)
        assert optuna.logging.get_verbosity() == optuna.logging.DEBUG
    finally:
        optuna.logging.set_verbosity(before)
    out, err = capfd.readouterr()
    assert out == err == ""


@pytest.mark.parametrize("name", ["tpe", "nsga2"])
def test_without_optuna_the_extra_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InvalidInput, match=r"pip install 'skiploop\[search\]'"):
        make_searcher(name, make_space("cola", 4))


@pytest.mark.parametrize(
    ("name", "settings"),
    [("tpe", {"warmup": 0}), ("tpe", {"candidates": 0.5}), ("nsga2", {"population": 1}), ("nsga2", {"trials": -1})],
)
def test_settings_that_do_not_work_are_refused(name: str, settings: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(settings))):
        make_searcher(name, make_space("cola", 4), **settings)
