"""PUCT's rule, priors, values at first, and pessimism."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import pytest

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers import ColaSearcher, ColaSettings
from skiploop.searchers.trees.puct import PuctSearcher, PuctSettings, normalised
from skiploop.searchers.trees.tree import ValuedNode, ValueSettings, node_maker
from skiploop.spaces.named import make_space
from skiploop.spaces.space import Space
from skiploop.testing.searcher_contract import SearcherContract
from tests.searchers.rewards import planted, scattered


@pytest.mark.parametrize("space_name", ["cola", "early-exit", "permute"])
class TestPessimistContract(SearcherContract):
    """All options of the tree at once."""

    @pytest.fixture(autouse=True)
    def chosen(self, space_name: str) -> None:
        self.space_name = space_name

    def make(self, space: Space, seed: int = 0) -> PuctSearcher:
        options = PuctSettings(pessimism=0.5, random_child=0.1, length_penalty=0.5)
        return PuctSearcher(space, seed=seed, settings=options, first_value=lambda chain: (planted(chain), 0.5))


def evaluations_to(searcher: Any, target: float, reward: Any, budget: int = 400) -> int:
    for number in range(1, budget):
        (chain,) = searcher.ask(1)
        if reward(chain) >= target:
            return number
        searcher.tell(chain, reward(chain))
    return budget


def test_a_child_is_selected_by_alphazeros_rule() -> None:
    space = make_space("cola", 6)
    searcher = PuctSearcher(space, settings=PuctSettings(widening=3.0))
    for _ in range(60):
        (chain,) = searcher.ask(1)
        searcher.tell(chain, scattered(chain))
    root = searcher._root
    shares = dict(zip(map(str, space.children(space.identity)), _shares(space), strict=True))
    bounds = {
        str(child.chain): child.total / child.visits
        + 1.25 * shares[str(child.chain)] * math.sqrt(root.visits) / (1 + child.visits)
        for child in root.children.values()
    }
    best = searcher._best(root)
    assert best is not None and bounds[str(best.chain)] == pytest.approx(max(bounds.values()))


def test_a_stretched_search_goes_by_differences_of_rewards_however_small_they_are() -> None:
    """As in MuZero; the guides of wrong answers may differ by hundredths only."""
    asked: list[list[Chain]] = []
    for low, width in ((0.0, 1.0), (0.25, 0.0078125)):
        searcher = PuctSearcher(make_space("cola", 6), settings=PuctSettings(widening=3.0, stretch=1))
        asked.append([])
        for _ in range(80):
            (chain,) = searcher.ask(1)
            asked[-1].append(chain)
            searcher.tell(chain, low + width * planted(chain))
    assert asked[0] == asked[1]


def _shares(space: Any) -> list[float]:
    weights = [1 / (1 + abs(len(child) - 6)) for child in space.children(space.identity)]
    return [weight / sum(weights) for weight in weights]


def test_children_are_explored_by_descending_prior() -> None:
    space = make_space("cola", 8)

    def prior(chain: Chain, children: Sequence[Chain]) -> list[float]:
        return [sum(child) for child in children]

    searcher = PuctSearcher(space, prior=prior)
    for chain in searcher.ask(60):
        searcher.tell(chain, 0.5)
    explored = [sum(child.chain) for child in searcher._root.children.values()]
    assert len(explored) > 5 and explored == sorted(explored, reverse=True)
    assert explored[0] == max(sum(child) for child in space.children(space.identity))


def test_a_prior_that_knows_something_saves_evaluations_and_one_that_is_wrong_costs_some() -> None:
    space, target = make_space("cola", 10, max_repeats=1), 0.9

    def mean(sign: float) -> float:
        def prior(chain: Chain, children: Sequence[Chain]) -> list[float]:
            return [math.exp(8 * sign * planted(child)) for child in children]

        seeds = range(12)
        return sum(evaluations_to(PuctSearcher(space, seed=s, prior=prior), target, planted) for s in seeds) / 12

    good, none, bad = mean(1.0), mean(0.0), mean(-1.0)
    assert good < 0.5 * none
    assert none < bad


@pytest.mark.parametrize("bad", [[1.0], [-1.0, 2.0], [math.nan, 1.0], [math.inf, 1.0]])
def test_priors_that_are_none_are_refused(bad: list[float]) -> None:
    with pytest.raises(InvalidInput, match="the prior gave"):
        normalised(bad, 2)


def test_priors_are_normalised_and_nothing_means_uniform() -> None:
    assert normalised([1, 3], 2) == [0.25, 0.75]
    assert normalised([0, 0], 2) == [0.5, 0.5]
    assert normalised([], 0) == []


def test_the_pessimistic_value_is_the_mean_of_lowest_and_mean() -> None:
    node = node_maker(ValueSettings(pessimism=0.5), None)(0, Chain.identity(4), None)
    for reward in (1.0, 0.5, 0.75):
        node.add(1, 0.0)
        node.add(0, reward)
    assert isinstance(node, ValuedNode) and node.base == (0.5 + 0.75) / 2
    node.add(1, 0.0)  # pending: no reward, so not the lowest
    assert node.lowest == 0.5


def test_a_first_value_fades_with_visits_and_counts_for_its_certainty() -> None:
    for certainty in (0.0, 0.5, 1.0):
        node = node_maker(ValueSettings(first_weight=4.0), lambda chain, c=certainty: (1.0, c))(
            0, Chain.identity(4), None
        )
        for visits in range(1, 5):
            node.add(1, 0.0)
            node.add(0, 0.25)
            weight = 4 * certainty
            assert node.base == pytest.approx((weight + visits * 0.25) / (weight + visits))


def test_defaults_take_the_plain_node() -> None:
    assert not isinstance(node_maker(ValueSettings(), None)(0, Chain.identity(4), None), ValuedNode)


def test_first_values_change_where_the_tree_goes() -> None:
    space = make_space("cola", 10)
    settings = ColaSettings(exploration=0.1, length_penalty=0.0, random_child=0.0, first_weight=50.0)
    told = ColaSearcher(space, settings=settings, first_value=lambda chain: (1 - len(chain) / 20, 1.0))
    plain = ColaSearcher(space, settings=settings)
    lengths = []
    for searcher in (told, plain):
        chains = []
        for _ in range(200):
            chains += searcher.ask(1)
            searcher.tell(chains[-1], 0.5)
        lengths.append(sum(map(len, chains)) / 200)
    assert lengths[0] < lengths[1] - 3


def test_a_first_value_that_is_right_saves_evaluations_as_far_as_it_is_certain() -> None:
    space = make_space("cola", 10, max_repeats=1)

    def mean(certainty: float) -> float:
        searchers = [
            PuctSearcher(space, seed=seed, settings=PuctSettings(first_weight=5.0),
                         first_value=lambda chain: (planted(chain), certainty))
            for seed in range(12)
        ]  # fmt: skip
        return sum(evaluations_to(searcher, 0.9, planted) for searcher in searchers) / 12

    plain = [evaluations_to(PuctSearcher(space, seed=seed), 0.9, planted) for seed in range(12)]
    assert mean(0.0) == sum(plain) / 12
    assert mean(1.0) < 0.8 * mean(0.0)


def share_of_gambles(pessimism: float, coin: float) -> float:
    """How many evaluations go to chains without layer 0, worth 1 or 0 by a coin; all others are worth 0.5."""
    space, gambles = make_space("skip", 8, max_block=1), 0
    for seed in range(30):
        rng = random.Random(seed)
        settings = PuctSettings(pessimism=pessimism, exploration=0.3, widening=8.0)
        searcher = PuctSearcher(space, seed=seed, settings=settings)
        for _ in range(80):
            (chain,) = searcher.ask(1)
            gambles += 0 not in chain
            searcher.tell(chain, float(rng.random() < coin) if 0 not in chain else 0.5)
    return gambles / (30 * 80)


def test_pessimism_prefers_what_is_steady_to_what_is_as_good_on_average() -> None:
    assert share_of_gambles(0.5, coin=0.5) < share_of_gambles(0.0, coin=0.5) - 0.05
    assert share_of_gambles(0.5, coin=0.6) < share_of_gambles(0.0, coin=0.6) - 0.1, "that is its price"


@pytest.mark.parametrize("bad", [(math.nan, 1.0), (0.5, 2.0), (0.5, -1.0)])
def test_bad_first_values_are_refused(bad: tuple[float, float]) -> None:
    with pytest.raises(InvalidInput, match="first_value gave"):
        ColaSearcher(make_space("cola", 4), first_value=lambda chain: bad)


@pytest.mark.parametrize("setting", ["exploration", "random_child", "pessimism", "first_weight"])
def test_bad_settings_are_refused_by_name(setting: str) -> None:
    with pytest.raises(InvalidInput, match=f"{setting}=-1"):
        PuctSettings(**{setting: -1})
