"""engine == run_chain alone, for many architectures, random chains, random batches and any memory limit."""

from __future__ import annotations

import gc
import random
import weakref

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skiploop.chains.chain import Chain
from skiploop.engine.decode_batch import DecodeRow
from skiploop.engine.decode_calls import calls_for
from skiploop.engine.decoding import Decoder
from skiploop.engine.engine import Engine
from skiploop.engine.packing import Layout, lay_out
from skiploop.engine.plain import greedy
from skiploop.engine.prefix import Pass, PrefixCache
from skiploop.engine.request import Request
from skiploop.engine.scoring import SequenceScorer
from skiploop.errors import InvalidInput
from skiploop.models.layered import LayeredModel
from tests.conformance.tiny import VOCABULARY, tiny_model
from tests.engine.alone import scores_alone

SCORING = (
    *("llama", "qwen2", "qwen3", "qwen3_moe", "olmo2", "olmo3", "olmoe", "gemma", "gemma2", "gemma3_text", "mistral"),
    *("mixtral", "gpt2", "gptj", "gpt_neox", "gpt_neo", "opt", "phi", "phi3", "starcoder2", "cohere2", "gpt_oss"),
    *("mamba", "jamba"),
)
GENERATING = tuple(name for name in SCORING if name not in ("mamba", "jamba"))
PACKING = ("llama", "qwen2", "qwen3", "olmo2", "gemma", "gpt2", "gptj", "gpt_neox", "opt", "phi")

_MODELS: dict[str, LayeredModel] = {}


def layered(name: str) -> LayeredModel:
    if name not in _MODELS:
        _MODELS[name] = LayeredModel(tiny_model(name))
    return _MODELS[name]


def random_chain(rng: random.Random, num_layers: int = 4) -> tuple[int, ...]:
    return tuple(rng.randrange(num_layers) for _ in range(rng.randint(1, 7)))


def random_tokens(rng: random.Random, low: int, high: int) -> list[int]:
    return [rng.randrange(8, VOCABULARY) for _ in range(rng.randint(low, high))]


def random_pairs(rng: random.Random, continuations: int, count: int = 10) -> list[tuple[Layout, tuple[int, ...]]]:
    layouts = [
        lay_out(random_tokens(rng, 3, 12), [random_tokens(rng, 1, 4) for _ in range(continuations)]) for _ in range(4)
    ]
    return [(rng.choice(layouts), random_chain(rng)) for _ in range(count)]


def score(engine: Engine, pairs: list[tuple[Layout, tuple[int, ...]]]) -> dict:
    with torch.inference_mode():
        return engine.score_layouts(pairs)


@pytest.mark.parametrize("name", SCORING)
def test_scores_are_those_of_run_chain_alone(name: str) -> None:
    model, rng = layered(name), random.Random(name)
    pairs = random_pairs(rng, 1)
    found = score(Engine(model), pairs)
    for layout, layers in pairs:
        assert found[layout, layers][1] == pytest.approx(scores_alone(model.hf, layout, layers), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("name", PACKING)
def test_choices_that_share_a_prompt_score_as_if_alone(name: str) -> None:
    model, rng = layered(name), random.Random(name)
    pairs = random_pairs(rng, 4)
    assert any(layout.packed for layout, _ in pairs)
    found = score(Engine(model), pairs)
    for layout, layers in pairs:
        assert found[layout, layers][1] == pytest.approx(scores_alone(model.hf, layout, layers), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("name", GENERATING)
def test_generation_is_that_of_stock_generate_alone(name: str) -> None:
    model, rng = layered(name), random.Random(name)
    rows = [DecodeRow(tuple(random_tokens(rng, 3, 12)), random_chain(rng), rng.randint(1, 7)) for _ in range(8)]
    Decoder(model, max_batch_tokens=4096, cache_bytes=2**24, ends=(2,)).run_rows(rows)
    for row in rows:
        expected = greedy(model, [list(row.prompt)], Chain(row.layers, 4), row.limit)[0]
        assert row.emitted == expected[: len(row.emitted)]
        assert len(row.emitted) == row.limit or row.emitted[-1] == 2


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), batch=st.sampled_from([1, 9, 64, 4096]), memory=st.sampled_from([1, 5000, 2**24]))
def test_limits_order_and_company_change_nothing(seed: int, batch: int, memory: int) -> None:
    model, rng = layered("qwen2"), random.Random(seed)
    pairs = random_pairs(rng, rng.choice([1, 3]), count=30)
    reference = score(Engine(model), pairs)
    limited = Engine(model, max_batch_tokens=batch, cache_bytes=memory)
    shuffled = rng.sample(pairs, len(pairs))
    first = score(limited, shuffled[:7])
    rest = score(limited, shuffled[5:])
    for pair in pairs:
        for found in (first, rest):
            if pair in found:
                assert found[pair][0] == reference[pair][0]
                assert found[pair][1] == pytest.approx(reference[pair][1], rel=1e-4, abs=1e-4)


def test_states_stay_within_cache_bytes_between_calls() -> None:
    engine = Engine(layered("llama"), cache_bytes=40_000)
    rng = random.Random(0)
    for _ in range(20):
        score(engine, random_pairs(rng, 1))
        assert engine._states.used_bytes <= 40_000


def test_states_of_an_engine_go_with_it_and_results_hold_no_outputs() -> None:
    gc.disable()  # what only the cycle collector finds would stay for long
    try:
        cache = PrefixCache(2**20)
        root = cache.root("input")

        def run_layer(layer: int, hidden: torch.Tensor, inputs: list[int], nodes: list) -> tuple[torch.Tensor, None]:
            return hidden + layer, None

        work = Pass(cache, run_layer, max_rows=8, take=lambda node, _: node.state().clone())
        found = work.run(torch.zeros(1, 3, 2), [root], [(0, (1, 2)), (0, (1, 4)), (0, (5, 4))])
        outputs = [weakref.ref(output) for output in cache._outputs]
        del work, cache, root
        assert len(outputs) >= 3
        assert not any(output() for output in outputs)
        assert [float(state[0, 0]) for state in found.values()] == [3.0, 5.0, 9.0]
        assert all(state.untyped_storage().nbytes() == state.nbytes for state in found.values())
    finally:
        gc.enable()


def test_common_prefixes_are_computed_once() -> None:
    engine = Engine(layered("llama"))
    layout = lay_out([10, 11, 12], [[13]])
    score(engine, [(layout, (0, 1, 2, 3)), (layout, (0, 1, 3))])
    assert engine.layer_calls == 5
    score(engine, [(layout, (0, 1, 2, 2, 3))])  # the states of the call before are still there
    assert engine.layer_calls == 7


def test_schedule_contains_every_chain_and_merges_equal_ones() -> None:
    rng = random.Random(0)
    chains = [random_chain(rng, 6) for _ in range(40)]
    calls = calls_for(chains)
    for row, chain in enumerate(chains):
        slots = [(slot, call.layer) for call in calls for member, slot in call.members if member == row]
        assert slots == list(enumerate(chain))
    assert [call.layer for call in calls_for([(0, 1, 2), (0, 1, 2), (0, 2)])] == [0, 1, 2]


def test_sampling_depends_on_the_row_seed_alone() -> None:
    model, rng = layered("llama"), random.Random(1)

    def rows(seeds: list[int]) -> list[DecodeRow]:
        return [DecodeRow((10, 11, 12), (0, 1, 2, 3), 6, temperature=1.5, seed=seed) for seed in seeds]

    def run(batch: list[DecodeRow]) -> list[list[int]]:
        Decoder(model, max_batch_tokens=4096, cache_bytes=2**24, ends=()).run_rows(batch)
        return [row.emitted for row in batch]

    together = run([*rows([1, 2, 1]), DecodeRow(tuple(random_tokens(rng, 5, 9)), (0, 3), 6)])
    assert together[0] == together[2] == run(rows([1]))[0]
    assert together[0] != together[1]


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("no room"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:130] err == 0. DefaultCPUAllocator: can't allocate memory: 1 TB"),
    MemoryError(),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: type(error).__name__)
def test_out_of_memory_halves_the_batch_and_goes_on(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(layered("llama"), max_batch_tokens=256)
    original, failed = SequenceScorer._run_chunk, []

    def sometimes(self: SequenceScorer, pairs: list, group: object) -> dict:
        if not failed:
            failed.append(True)
            raise error
        return original(self, pairs, group)

    monkeypatch.setattr(SequenceScorer, "_run_chunk", sometimes)
    pairs = random_pairs(random.Random(3), 1)
    with torch.inference_mode():
        found = engine._retrying(lambda: engine.score_layouts(pairs))  # type: ignore[arg-type, return-value]
    assert engine.max_batch_tokens == 128
    assert set(found) == set(pairs)  # type: ignore[arg-type]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: type(error).__name__)
def test_memory_that_never_suffices_is_said_with_the_way_out(error: Exception) -> None:
    def never() -> None:
        raise error

    with pytest.raises(InvalidInput, match="the same command goes on from there"):
        Engine(layered("llama"), max_batch_tokens=256)._retrying(never)


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    def broken() -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    engine = Engine(layered("llama"), max_batch_tokens=256)
    with pytest.raises(RuntimeError, match="mat1"):
        engine._retrying(broken)
    assert engine.max_batch_tokens == 256


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_rows_are_never_taken_for_heads(count: int) -> None:
    """MPT hands its layers a bias of [heads, 1, T]: with four rows it must not be picked by row."""
    model, rng = layered("mpt"), random.Random(count)
    rows = [DecodeRow(tuple(random_tokens(rng, 5, 9)), (0, 1, 2, 3), 8) for _ in range(count)]
    rows[-1].layers = (0, 1, 1, 2, 3, 3)
    Decoder(model, max_batch_tokens=4096, cache_bytes=2**24).run_rows(rows)
    for row in rows:
        assert row.emitted == greedy(model, [list(row.prompt)], Chain(row.layers, 4), row.limit)[0]


def test_a_row_that_is_done_may_be_beyond_the_context() -> None:
    model, rng = layered("gpt2"), random.Random(0)  # 64 learned positions
    rows = [DecodeRow(tuple(random_tokens(rng, 60, 60)), (0, 1), 3)]
    rows += [DecodeRow(tuple(random_tokens(rng, 40, 40)), (0, 1, 2), 20) for _ in range(6)]
    Decoder(model, max_batch_tokens=4096, cache_bytes=2**24, ends=()).run_rows(rows)
    for row in rows:
        assert row.emitted == greedy(model, [list(row.prompt)], Chain(row.layers, 4), row.limit)[0][: row.limit]


def test_running_alone_reuses_nothing() -> None:
    engine = Engine(layered("llama"))
    score(engine, [(lay_out([10, 11, 12], [[13]]), (0, 1, 2))])
    assert engine._states.used_bytes > 0
    with pytest.raises(InvalidInput, match="without a tokenizer"):
        engine.run_alone(Request("a", Chain((0, 1), 4), continuations=("b",)))
    assert engine._states.used_bytes == 0


def test_an_interrupted_trial_is_not_taken_for_a_passed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(layered("llama"))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "_trial", interrupt)
        with pytest.raises(KeyboardInterrupt):
            engine._exact("score")
    assert "score" not in engine._batched
