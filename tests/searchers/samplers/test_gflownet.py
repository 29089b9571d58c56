"""Flows: what they sample, exactly, in both formulations; and the searcher on top."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers import RandomSearcher
from skiploop.searchers.samplers.flows import Flow, Policy, QuestionFlow, Trajectory, fit
from skiploop.searchers.samplers.gflownet import GFlowNetSearcher, GFlowNetSettings
from skiploop.spaces.named import make_space, per_layer
from skiploop.spaces.space import Space
from tests.searchers.rewards import scattered
from tests.searchers.samplers.edit_graph import EditGraph
from tests.searchers.samplers.test_metropolis import found, noise, planted_table

SMALL = [("cola", 3, 4.0), ("skip", 5, 4.0), ("loop", 4, 6.0), ("per-layer", 3, 4.0), ("permute", 4, 4.0)]


def tree(space: Space) -> QuestionFlow:
    """With one number for each answer after each sequence of answers, so that it can have any distribution."""
    return QuestionFlow(space, Policy(math.log(space.count())), context=99)


def graph(space: Space) -> EditGraph:
    return EditGraph(space, Policy(math.log(space.count())))


def trained(flow: Flow, chains: list[Chain], beta: float) -> tuple[NDArray[np.float64], float]:
    """The target distribution, and its log Z, to which the flow has been trained."""
    log_rewards = beta * np.array([scattered(chain) for chain in chains])
    fit(
        flow,
        dict(zip(chains, log_rewards, strict=True)),
        steps=800,
        batch=32,
        rng=np.random.default_rng(0),
        cooling=True,
    )
    weights = np.exp(log_rewards)
    return weights / weights.sum(), math.log(weights.sum())


def ends(flow: QuestionFlow | EditGraph, chains: list[Chain]) -> NDArray[np.float64]:
    """The exact probability with which the policy ends at each chain."""
    rng = np.random.default_rng(0)
    if isinstance(flow, QuestionFlow):
        steps = [flow.toward(chain, rng) for chain in chains]
        log_p = [flow.policy.log_probabilities(each.states)[range(len(each.picks)), each.picks] for each in steps]
        return np.array([math.exp(each.sum()) for each in log_p])
    passes = dict.fromkeys(flow.parents, 0.0) | {flow.space.identity: 1.0}
    stops = {}
    for chain, children in flow.children.items():  # parents come before their children
        shares = np.exp(flow.policy.log_probabilities(np.array([flow.state(chain)]))[0])
        stops[chain] = passes[chain] * shares[0]
        for child, share in zip(children, shares[1:], strict=False):
            passes[child] += passes[chain] * share
    return np.array([stops[chain] for chain in chains])


@pytest.mark.parametrize(("name", "layers", "beta"), SMALL)
def test_both_formulations_have_the_exact_distribution_and_log_z(name: str, layers: int, beta: float) -> None:
    space = make_space(name, layers)
    chains = list(space.enumerate())
    found = []
    for flow in (tree(space), graph(space)):
        target, log_z = trained(flow, chains, beta)
        found.append(ends(flow, chains))
        assert found[-1].sum() == pytest.approx(1)
        assert abs(found[-1] - target).sum() / 2 < 0.02
        assert abs(flow.policy.log_z - log_z) < 0.05
    assert abs(found[0] - found[1]).sum() / 2 < 0.02


@pytest.mark.parametrize("kind", [tree, graph])
def test_samples_have_that_distribution_too(kind: object) -> None:
    space, samples = make_space("cola", 3), 8000
    chains = list(space.enumerate())
    flow: QuestionFlow | EditGraph = kind(space)  # type: ignore[operator]
    target, _ = trained(flow, chains, 4.0)
    rng = np.random.default_rng(1)
    drawn = Counter(flow.sample(rng) for _ in range(samples))
    variation = sum(abs(drawn[chain] / samples - share) for chain, share in zip(chains, target, strict=True)) / 2
    assert variation < noise(dict(zip(chains, map(float, target), strict=True)), samples) + 0.02


def test_without_backward_probabilities_chains_with_many_ways_would_be_too_likely() -> None:
    space = make_space("cola", 3)
    chains = list(space.enumerate())

    class NoBackward(EditGraph):
        def toward(self, chain: Chain, rng: np.random.Generator) -> Trajectory:
            return super().toward(chain, rng)._replace(log_back=0.0)

    flow = NoBackward(space, Policy(math.log(space.count())))
    target, _ = trained(flow, chains, 4.0)
    reached = ends(flow, chains)
    assert abs(reached - target).sum() / 2 > 0.05
    ways = np.array([sum(1 for _ in flow.parents[chain]) for chain in chains])
    assert reached[ways > 2].sum() > target[ways > 2].sum() + 0.05


def test_the_graph_of_edits_has_no_cycles_and_every_chain() -> None:
    space = make_space("cola", 4)
    flow = graph(space)
    order = {chain: number for number, chain in enumerate(flow.children)}
    assert set(order) == set(space.enumerate())
    for chain, children in flow.children.items():
        assert all(order[child] > order[chain] and chain in flow.parents[child] for child in children)
        assert set(children) <= set(space.children(chain))
    assert sum(len(parents) > 1 for parents in flow.parents.values()) > 50


def test_gradients_are_those_of_the_loss() -> None:
    """Central differences of the mean loss, number by number."""
    space, rng = make_space("cola", 3), np.random.default_rng(0)
    flow = QuestionFlow(space, Policy(3.0), context=1)
    chains = list(space.enumerate())[:20]
    batch = [flow.toward(chain, rng) for chain in chains]
    log_rewards = rng.normal(size=len(batch))
    policy = flow.policy
    policy._weights[1 : len(policy._rows) + 2] = rng.normal(size=len(policy._rows) + 1)
    seen: list[NDArray[np.float64]] = []
    policy._adam = lambda gradient, pace: seen.append(gradient)  # type: ignore[method-assign]
    policy.learn(batch, log_rewards)
    for row in range(1, len(policy._rows) + 2):
        kept, losses = policy._weights[row], []
        for shift in (1e-5, -1e-5):
            policy._weights[row] = kept + shift
            losses.append(policy.learn(batch, log_rewards))
        policy._weights[row] = kept
        assert (losses[0] - losses[1]) / 2e-5 == pytest.approx(seen[0][row], rel=1e-4, abs=1e-6)


def test_little_context_carries_over_to_chains_not_seen() -> None:
    """An additive reward is learned from a fifth of the chains, at context 0."""
    space, reward = per_layer(6, (0, 1, 2)), planted_table(3)
    chains = list(space.enumerate())
    known = random.Random(0).sample(chains, 150)
    target = np.exp(10 * np.array([reward(chain) for chain in chains]))
    variation = {}
    for context in (0, 99):
        flow = QuestionFlow(space, Policy(math.log(space.count())), context)
        log_rewards = {chain: 10 * reward(chain) for chain in known}
        fit(flow, log_rewards, steps=600, batch=32, rng=np.random.default_rng(0), cooling=True)
        variation[context] = abs(ends(flow, chains) - target / target.sum()).sum() / 2
    assert variation[0] < 0.02 < 0.2 < variation[99]


@pytest.mark.parametrize("batch", [pytest.param(1, marks=pytest.mark.slow), 8])
def test_twice_as_many_of_the_top_50_chains_are_found_as_by_chance(batch: int) -> None:
    space, mine, chance = per_layer(6, (0, 1, 2)), 0, 0
    for seed in range(5):
        reward = planted_table(seed)
        top = set(sorted(space.enumerate(), key=reward)[-50:])
        mine += found(GFlowNetSearcher(space, seed=seed), reward, top, batch)
        chance += found(RandomSearcher(space, seed=seed), reward, top, batch)
    assert mine >= 2 * chance


def test_exploration_alone_is_random_search() -> None:
    space = make_space("cola", 6)
    searcher = GFlowNetSearcher(space, seed=5, settings=GFlowNetSettings(exploration=1.0))
    asked = []
    for _ in range(20):
        for chain in searcher.ask(3):
            searcher.tell(chain, scattered(chain))
            asked.append(chain)
    assert asked == RandomSearcher(space, seed=5).ask(60)


def test_log_z_of_a_search_is_about_that_of_the_space() -> None:
    space = make_space("cola", 3)
    searcher = GFlowNetSearcher(space, settings=GFlowNetSettings(beta=2.0, context=9, updates=20))
    for chain in space.enumerate():
        searcher.tell(chain, scattered(chain))
    searcher.ask(1)
    exact = math.log(sum(math.exp(2 * scattered(chain)) for chain in space.enumerate()))
    assert searcher.flow.policy.log_z == pytest.approx(exact, abs=0.1)


def test_the_global_generator_of_numpy_is_left_alone() -> None:
    np.random.seed(3)
    before = np.random.get_state()[1].copy()  # type: ignore[index, union-attr]
    searcher = GFlowNetSearcher(make_space("cola", 6))
    for chain in searcher.ask(20):
        searcher.tell(chain, scattered(chain))
    searcher.ask(20)
    assert (np.random.get_state()[1] == before).all()  # type: ignore[index]


def test_no_torch_is_imported() -> None:
    code = "import sys, skiploop.searchers; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("beta", -1.0), ("beta", math.nan), ("exploration", 1.5), ("learning_rate", math.inf), ("learning_rate", True),
     ("context", -1), ("updates", 0.5), ("batch", 0)],
)  # fmt: skip
def test_bad_settings_are_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(InvalidInput, match=f"{setting}={value!r}"):
        GFlowNetSettings(**{setting: value})  # type: ignore[arg-type]
