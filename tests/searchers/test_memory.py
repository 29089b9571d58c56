"""Memory of earlier inputs: what is kept, what is recalled, and that it beats a fixed list and a cold start."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers import RandomSearcher
from skiploop.searchers.memory import Memory, MemorySettings
from skiploop.spaces.named import make_space
from skiploop.testing import chainbench


def benchmark() -> ModuleType:
    place = Path(__file__).parents[2] / "benchmarks" / "memory.py"
    spec = importlib.util.spec_from_file_location("benchmark_memory", place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def chain(*layers: int) -> Chain:
    return Chain(layers, 4)


A, B, C = chain(0, 1), chain(2, 3), chain(0, 1, 2, 3)


def two_kinds(**settings: Any) -> Memory:
    """On inputs like (1, 0) A is right, on inputs like (0, 1) B is; C is middling on both."""
    memory = Memory(4, MemorySettings(**settings))
    for number in range(10):
        kind = number % 2
        near = 0.1 * (number % 3)
        embedding = (near, 1.0) if kind else (1.0, near)
        memory.add(embedding, [(A, 0.9 - 0.8 * kind), (B, 0.1 + 0.8 * kind), (C, 0.6)])
    return memory


def test_what_similar_inputs_needed_comes_first() -> None:
    memory = two_kinds(temperature=0.1)
    assert memory.recall((1.0, 0.05), 1) == [A]
    assert memory.recall((0.05, 1.0), 1) == [B]
    assert memory.recall((0.7, 0.7), 1) == memory.recall((0.6, 0.6), 1), "cosine: lengths don't matter"


def test_without_trust_in_similarity_the_best_on_average_comes_first_and_then_what_it_leaves() -> None:
    for embedding in ((1.0, 0.05), (0.05, 1.0)):
        recalled = two_kinds(temperature=1e9).recall(embedding, 3)
        assert recalled[0] == C and set(recalled) == {A, B, C}


def test_a_list_ends_where_no_chain_adds_anything() -> None:
    memory = Memory(4)
    memory.add((1.0,), [(A, 1.0), (B, 0.5), (C, 0.0)])
    assert memory.recall((1.0,), 5) == [A]


def test_only_what_surprises_is_kept() -> None:
    memory = Memory(4, MemorySettings(per_input=1))
    memory.add((1.0, 0.0), [(A, 0.5), (B, 0.5), (C, 0.5)])
    ((kept, surprise),) = memory.add((0.0, 1.0), [(A, 0.5), (B, 1.0), (C, 0.5)])
    assert kept == B and surprise == pytest.approx(0.5 - 0.5 / 3)
    assert memory.to_json()["inputs"][1]["rewards"] == [[[2, 3], 1.0]]


def test_a_hard_input_does_not_surprise_by_being_hard() -> None:
    memory = Memory(4, MemorySettings(per_input=1))
    for _ in range(50):
        memory.add((1.0,), [(A, 0.9), (B, 0.7), (C, 0.5)])
    ((kept, surprise),) = memory.add((1.0,), [(A, 0.4), (B, 0.2), (C, 0.3)])
    assert kept == C and surprise == pytest.approx(0.2, abs=0.01), "all are lower by 0.5, but C by 0.2 only"


def test_expectations_are_means_over_earlier_inputs_or_the_callers() -> None:
    memory = Memory(4)
    memory.add((1.0,), [(A, 1.0), (B, 0.0)])
    assert memory.expected(A) == (1.0 + 0.5) / 2 and memory.expected(C) == 0.5
    found = dict(memory.add((1.0,), [(A, 1.0), (B, 0.0)], expected={A: 1.0, B: 0.5}))
    assert found == {A: pytest.approx(0.25), B: pytest.approx(-0.25)}


def test_what_is_kept_is_bounded() -> None:
    space = make_space("cola", 4)
    memory = Memory(4, MemorySettings(inputs=5, per_input=3, chains=20))
    for seed in range(30):
        chains = RandomSearcher(space, seed=seed).ask(30)
        memory.add((float(seed), 1.0), [(each, 0.1 * (number % 7)) for number, each in enumerate(chains)])
    kept = memory.to_json()
    assert len(memory) == 5 and len(kept["chains"]) <= 20
    assert all(len(each["rewards"]) <= 3 for each in kept["inputs"])
    assert [each["embedding"][0] for each in kept["inputs"]] == [25.0, 26.0, 27.0, 28.0, 29.0]


def test_json_gives_it_back() -> None:
    memory = two_kinds(temperature=0.2, per_input=2)
    again = Memory.from_json(json.loads(json.dumps(memory.to_json())))
    assert again.to_json() == memory.to_json()
    for each in (memory, again):
        each.add((0.5, 0.5), [(A, 0.3), (B, 0.8)])
    for embedding in ((1.0, 0.0), (0.3, 0.9)):
        assert again.recall(embedding, 3) == memory.recall(embedding, 3)


@pytest.mark.parametrize("value", [{}, [], {"schema": 9}, {"schema": 1, "num_layers": 4}])
def test_other_json_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput, match="memory"):
        Memory.from_json(value)
    damaged = two_kinds().to_json()
    damaged["inputs"][0]["rewards"][0][0] = [9]
    with pytest.raises(InvalidInput, match="damaged"):
        Memory.from_json(damaged)


def test_an_empty_memory_recalls_nothing_and_one_input_is_like_any() -> None:
    memory = Memory(4)
    assert memory.recall((1.0,), 5) == []
    memory.add((1.0, 2.0), [(A, 0.5)])
    assert memory.recall((-3.0, 0.0), 5) == [A]


def test_a_searcher_goes_on_behind_what_is_recalled() -> None:
    space = make_space("cola", 4)
    searcher = two_kinds(temperature=0.1).warm(RandomSearcher(space, seed=3), (1.0, 0.0), 2)
    asked = searcher.ask(space.count())
    assert asked[0] == A and len(asked) == len(set(asked)) == space.count()


def test_bad_values_are_refused() -> None:
    memory = two_kinds()
    for embedding in ((1.0,), (), (float("nan"), 0.0), ((1.0, 0.0),)):
        with pytest.raises(InvalidInput, match="embedding"):
            memory.recall(embedding, 1)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="finite"):
        memory.add((1.0, 0.0), [(A, float("nan"))])
    with pytest.raises(InvalidInput, match="5 layers"):
        memory.add((1.0, 0.0), [(Chain.identity(5), 1.0)])
    for setting in ("inputs", "per_input", "chains", "temperature", "prior"):
        with pytest.raises(InvalidInput, match=f"{setting}=0"):
            MemorySettings(**{setting: 0})
    assert len(memory) == 10, "what is refused changes nothing"


def beats(best: dict[str, np.ndarray], other: str, budget: int, errors: float = 2.0) -> bool:
    mean, error = benchmark().difference(best, "memory", other, budget)
    return bool(mean > errors * error)


@pytest.fixture(scope="module")
def layerdrop() -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = benchmark().measure(chainbench.load("layerdrop"), earlier=60, budget=10)
    return found


@pytest.mark.slow
def test_on_chainbench_it_beats_a_fixed_list_and_a_cold_start(layerdrop: dict[str, np.ndarray]) -> None:
    assert beats(layerdrop, "fixed", 10) and beats(layerdrop, "cold", 10)
    assert beats(layerdrop, "known", 10), "also the list of those who know every reward of the earlier inputs"


def test_where_inputs_come_in_kinds_the_embedding_is_what_helps() -> None:
    best = benchmark().measure(chainbench.clustered(6, 6, inputs=200), earlier=60, budget=10)
    for other in ("unweighted", "fixed", "known", "cold"):
        for budget in (3, 10):
            assert beats(best, other, budget, errors=3.0)


def test_features_that_say_nothing_add_nothing() -> None:
    table = chainbench.clustered(6, 6, inputs=200)
    noise = np.random.default_rng(5).normal(size=table.features.shape)
    blind = chainbench.AnswerTable(table.chains, table.answers, table.gold, table.levels, noise)
    best = benchmark().measure(blind, earlier=60, budget=10)
    mean, error = benchmark().difference(best, "memory", "unweighted", 10)
    assert mean < 2 * error
