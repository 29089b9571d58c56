"""The engine == run_chain alone for mixed batches of plain and damped chains, and for every cache policy."""

from __future__ import annotations

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skiploop.chains.chain import Chain
from skiploop.chains.policy import POLICIES, decoding_layers
from skiploop.chains.weights import damped, scaled
from skiploop.engine.decode_batch import DecodeRow
from skiploop.engine.decoding import Decoder
from skiploop.engine.engine import Engine
from skiploop.engine.packing import lay_out
from skiploop.engine.plain import greedy
from tests.conformance.tape import new_recorder
from tests.conformance.test_engine import GENERATING, PACKING, SCORING, layered, random_tokens, score
from tests.conformance.tiny import DEVICE
from tests.engine.alone import scores_alone

TYPES = 4  # layers of a tiny model


def slow(name: str) -> list[pytest.MarkDecorator]:
    """Types for `-m slow`; each has a relative among the others."""
    return [pytest.mark.slow] if name in ("qwen2", "qwen3_moe", "olmo2", "olmo3", "gemma", "phi", "starcoder2") else []


def mixed_chain(rng: random.Random) -> tuple[int, ...]:
    """Plain slots, scaled ones and damped loops in any order; a third of the chains are plain."""
    layers: tuple[int, ...] = ()
    plain = rng.random() < 0.3
    for _ in range(rng.randint(1, 3)):
        block = tuple(rng.randrange(TYPES) for _ in range(rng.randint(1, 3)))
        kind = 0 if plain else rng.randrange(4)
        if kind == 1:
            block = scaled(block, rng.choice([0.5, 0.7071, 1.25]))
        elif kind >= 2:
            block = damped(block, rng.randint(2, 3), rng.choice([0.0, 0.5, 0.25]))
        layers += block
    return layers


@pytest.mark.parametrize("name", [pytest.param(name, marks=slow(name)) for name in SCORING])
def test_scores_of_mixed_batches_are_those_of_run_chain_alone(name: str) -> None:
    model, rng = layered(name), random.Random(name)
    options = 3 if name in PACKING else 1
    layouts = [lay_out(random_tokens(rng, 3, 12), [random_tokens(rng, 1, 4) for _ in range(options)]) for _ in range(3)]
    pairs = [(rng.choice(layouts), mixed_chain(rng)) for _ in range(12)]
    found = score(Engine(model), pairs)
    for layout, layers in pairs:
        assert found[layout, layers][1] == pytest.approx(scores_alone(model.hf, layout, layers), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("name", [pytest.param(name, marks=slow(name)) for name in GENERATING])
def test_generation_of_mixed_batches_with_any_policy_is_that_of_stock_generate(name: str) -> None:
    model, rng = layered(name), random.Random(name)
    rows = [
        DecodeRow(
            tuple(random_tokens(rng, 3, 12)), mixed_chain(rng), rng.randint(2, 7), cache_policy=POLICIES[number % 4]
        )
        for number in range(12)
    ]
    decoder = Decoder(model, max_batch_tokens=4096, cache_bytes=2**24, ends=(2,))
    decoder.run_rows(rows)
    for row in rows:
        chain = Chain(row.layers, TYPES)
        expected = greedy(model, [list(row.prompt)], chain, row.limit, cache_policy=row.cache_policy)[0]
        assert row.emitted == expected[: len(row.emitted)], (row.cache_policy, str(chain))
        assert len(row.emitted) == row.limit or row.emitted[-1] == 2


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), batch=st.sampled_from([1, 9, 4096]), memory=st.sampled_from([1, 5000, 2**24]))
def test_limits_order_and_company_change_nothing_for_damped_chains(seed: int, batch: int, memory: int) -> None:
    model, rng = layered("qwen2"), random.Random(seed)
    layouts = [lay_out(random_tokens(rng, 3, 12), [random_tokens(rng, 1, 4)]) for _ in range(3)]
    pairs = [(rng.choice(layouts), mixed_chain(rng)) for _ in range(20)]
    reference = score(Engine(model), pairs)
    limited = Engine(model, max_batch_tokens=batch, cache_bytes=memory)
    shuffled = rng.sample(pairs, len(pairs))
    first, rest = score(limited, shuffled[:7]), score(limited, shuffled[5:])
    assert limited._states.used_bytes <= max(memory, 1) or memory == 1
    for found in (first, rest):
        for pair, (_, scores) in found.items():
            assert scores == pytest.approx(reference[pair][1], rel=1e-4, abs=1e-4)


def test_plain_and_damped_chains_share_their_prefix_and_their_layer_calls() -> None:
    engine = Engine(layered("llama"))
    layout = lay_out([10, 11, 12], [[13]])
    chains = [Chain.parse(text, TYPES).layers for text in ("0-3", "0 1-2x2~.5 3", "0 1-2x2~.25 3", "0 1-2x2 3")]
    score(engine, [(layout, layers) for layers in chains])
    assert engine.layer_calls == 4 + 3 + 5 + 5  # 0 1 2 are run once for the plain ones, 0 for all


def test_a_captured_step_runs_damped_chains() -> None:
    model, rng = layered("llama"), random.Random(3)
    tape = new_recorder(DEVICE)
    rows = [DecodeRow(tuple(random_tokens(rng, 3, 6)), mixed_chain(rng), 14) for _ in range(4)]
    assert any(type(layer) is not int for row in rows for layer in row.layers)
    Decoder(model, max_batch_tokens=4096, cache_bytes=2**24, ends=(), capture=tape.capture).run_rows(rows)
    assert tape.replayed
    for row in rows:
        assert row.emitted == greedy(model, [list(row.prompt)], Chain(row.layers, TYPES), row.limit)[0][:14]


@pytest.mark.parametrize("policy", POLICIES)
def test_the_cost_of_a_token_is_the_number_of_decoding_layers(policy: str) -> None:
    model, chain = layered("llama"), Chain.parse("0 1-2x3~.5 3", TYPES)
    decoder = Decoder(model, max_batch_tokens=4096, cache_bytes=2**24, ends=())
    decoder.run_rows([DecodeRow((10, 11, 12), chain.layers, 5, cache_policy=policy)])  # type: ignore[arg-type]
    a_token = len(decoding_layers(chain.layers, policy))  # type: ignore[arg-type]
    assert a_token == (4 if policy == "prefill" else 8)
    assert decoder.layer_calls == 8 + 4 * a_token


def test_sampling_with_a_policy_depends_on_the_row_alone() -> None:
    model = layered("llama")
    chain = Chain.parse("0 1-2x2~.5 3", TYPES).layers

    def row(policy: str) -> DecodeRow:
        return DecodeRow((10, 11, 12), chain, 8, temperature=1.5, seed=1, cache_policy=policy)  # type: ignore[arg-type]

    def run(rows: list[DecodeRow]) -> list[list[int]]:
        with torch.inference_mode():
            Decoder(model, max_batch_tokens=4096, cache_bytes=2**24, ends=()).run_rows(rows)
        return [each.emitted for each in rows]

    together = run([row(policy) for policy in POLICIES])
    assert together == [run([row(policy)])[0] for policy in POLICIES]
