"""Prompts that begin with the same tokens: their beginning is computed once, and nothing else changes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skiploop.chains.chain import Chain
from skiploop.engine.cost import Cost
from skiploop.engine.decode_batch import DecodeRow
from skiploop.engine.decoding import Decoder
from skiploop.engine.engine import Engine
from skiploop.engine.packing import Layout, lay_out
from skiploop.engine.plain import PlainEngine
from skiploop.engine.request import Request
from skiploop.models.layered import LayeredModel
from tests.conformance.tiny import VOCABULARY, tiny_model
from tests.engine.alone import logits_alone, scores_alone
from tests.engine.test_rope import longrope

# Rotary, learned and ALiBi positions, windows, experts, sinks, masks of the layers' own.
SHARING = (
    "llama",
    "gemma3_text",
    "gpt2",
    "gpt_neo",
    "gptj",
    "falcon",
    "mpt",
    "opt",
    "qwen3_moe",
    "gpt_oss",
    "llama4_text",
)
PACKING = ("llama", "gemma3_text", "gpt2", "gptj", "opt", "qwen3_moe", "gpt_oss")
STATEFUL = ("mamba", "jamba", "lfm2")  # a state instead of keys and values, in all layers or in some

Pair = tuple[Layout, tuple[int, ...]]

IDENTITY = (0, 1, 2, 3)
COMMON = [8 + (5 * i * i + 3 * i) % 90 for i in range(35)]  # tokens that all prompts begin with

_TRIALS: dict[Any, dict[str, bool]] = {}
_MODELS: dict[tuple[str, int], LayeredModel] = {}


def layered(name: str, window: int = 100) -> LayeredModel:
    """A tiny model whose attention windows are `window` tokens long."""
    if (name, window) not in _MODELS:
        room = {"max_position_embeddings": 128, "n_positions": 128}
        windows = {"sliding_window": window, "attention_chunk_size": window, "window_size": window}
        _MODELS[name, window] = LayeredModel(tiny_model(name, **room, **windows))
    return _MODELS[name, window]


def draw(rng: random.Random, low: int, high: int) -> list[int]:
    return [rng.randrange(8, VOCABULARY) for _ in range(rng.randint(low, high))]


def random_chain(rng: random.Random) -> tuple[int, ...]:
    return tuple(rng.randrange(4) for _ in range(rng.randint(1, 7)))


def few_shot(rng: random.Random, options: int, count: int = 12) -> list[Pair]:
    """Pairs of one of four prompts after `COMMON`, and a random chain."""
    layouts = [lay_out(COMMON + draw(rng, 1, 9), [draw(rng, 1, 4) for _ in range(options)]) for _ in range(4)]
    return [(rng.choice(layouts), random_chain(rng)) for _ in range(count)]


def score(engine: Engine, pairs: Sequence[Pair]) -> tuple[dict[Any, Any], int]:
    """What came out, and on how many tokens layers were run; without the trials."""
    with torch.inference_mode():
        for kind in ("shared", "shared packed"):
            engine._exact(kind)
        before = engine.layer_tokens
        found = engine.score_layouts(pairs)
    return found, engine.layer_tokens - before


def engine_of(model: LayeredModel, **limits: int) -> Engine:
    """An engine that knows what earlier ones have found out about the model: the trials take longer than the tests."""
    engine = Engine(model, **limits)
    engine._batched = _TRIALS.setdefault(model.hf, {})
    return engine


def unshared(model: LayeredModel, **limits: int) -> Engine:
    engine = engine_of(model, **limits)
    engine._sharing.on = False
    return engine


def assert_as_alone(model: LayeredModel, found: dict[Any, Any], pairs: Sequence[Pair]) -> None:
    for layout, layers in pairs:
        assert found[layout, layers][1] == pytest.approx(scores_alone(model.hf, layout, layers), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("name", SHARING)
def test_scores_after_a_shared_preamble_are_those_of_run_chain_alone(name: str) -> None:
    model = layered(name)
    pairs = few_shot(random.Random(name), 1)
    found, tokens = score(engine_of(model), pairs)
    assert_as_alone(model, found, pairs)
    assert tokens < score(unshared(model), pairs)[1]


@pytest.mark.parametrize("name", PACKING)
def test_so_are_options_that_share_their_prompt_as_well(name: str) -> None:
    model = layered(name)
    pairs = few_shot(random.Random(name), 3)
    assert any(layout.packed for layout, _ in pairs)
    found, tokens = score(engine_of(model), pairs)
    assert_as_alone(model, found, pairs)
    assert tokens < score(unshared(model), pairs)[1]


@pytest.mark.parametrize("name", STATEFUL)
def test_models_that_keep_a_state_compute_every_prompt_whole(name: str) -> None:
    model = layered(name)
    pairs = few_shot(random.Random(name), 1)
    engine = engine_of(model)
    found, tokens = score(engine, pairs)
    assert engine._exact("score") and not engine._exact("shared")
    assert_as_alone(model, found, pairs)
    assert tokens == score(unshared(model), pairs)[1]


@pytest.mark.parametrize("name", ["mistral", "gemma3_text", "gpt_neo"])
@pytest.mark.parametrize("window, shared", [(20, False), (47, False), (48, True)])
def test_sequences_beyond_a_window_are_computed_whole(name: str, window: int, shared: bool) -> None:
    model, rng = layered(name, window), random.Random(window)
    layouts = [lay_out(COMMON + draw(rng, 9, 9), [draw(rng, 3, 3)]) for _ in range(3)]  # 46 tokens, padded to 48
    pairs = [(layout, layers) for layout in layouts for layers in (IDENTITY, (1, 2, 2, 3))]
    found, tokens = score(engine_of(model), pairs)
    assert_as_alone(model, found, pairs)
    assert (tokens < score(unshared(model), pairs)[1]) is shared


def test_preambles_dont_cross_the_length_at_which_rotary_embeddings_change() -> None:
    model = longrope()  # at 32 tokens: what the model makes of the preamble alone isn't what it makes of it in a prompt
    layouts = [lay_out([*COMMON[:33], 10 + i, 11], [[12]]) for i in range(3)]
    engine = engine_of(model)
    found, _ = score(engine, [(layout, IDENTITY) for layout in layouts])
    assert not engine._states._roots.get(("preamble", tuple(COMMON[:33])))
    for layout in layouts:
        alone = logits_alone(model.hf, list(layout.tokens), IDENTITY)[-1].log_softmax(-1)[12]
        assert found[layout, IDENTITY][1] == pytest.approx([float(alone)], rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("after", [1, 2, 8])
@pytest.mark.parametrize("common", [32, 33, 39, 41])
def test_no_token_is_lost_or_doubled_at_the_border(common: int, after: int) -> None:
    """The rest of a prompt can be one token; padding rounds the sum, not the parts."""
    model = layered("gpt2")
    layouts = [lay_out([*COMMON, *COMMON][:common] + [90 + i] * after, [[20, 21], [22]]) for i in range(3)]
    pairs = [(layout, layers) for layout in layouts for layers in (IDENTITY, (0, 2, 2, 1))]
    found, tokens = score(engine_of(model), pairs)
    assert_as_alone(model, found, pairs)
    assert tokens < score(unshared(model), pairs)[1]


def test_the_last_positions_of_the_context_are_within_it() -> None:
    model = layered("gpt2")  # 128 learned positions; none is there for padding beyond them
    layouts = [lay_out((COMMON * 4)[:121] + [90 + i] * 7, [[20]]) for i in range(3)]
    pairs = [(layout, IDENTITY) for layout in layouts]
    assert_as_alone(model, score(engine_of(model), pairs)[0], pairs)


def test_a_preamble_is_run_once_for_all_inputs_of_a_chain() -> None:
    """35 tokens in common of 40; counted in tokens, and in layer calls by the share of the tokens."""
    layouts = [lay_out([*COMMON, *[40 + i] * 5], [[20]]) for i in range(6)]
    engine = engine_of(layered("llama"))
    score(engine, [])  # the trials
    calls = engine._cost.calls
    assert score(engine, [(layout, IDENTITY) for layout in layouts])[1] == 4 * (35 + 6 * 5)
    assert engine._cost.calls - calls == pytest.approx(4 * (35 + 6 * 5) / 40)
    # Kept for the inputs of later calls, one at a time too; other chains take it up where they leave the first.
    later = [lay_out([*COMMON, *[60 + i] * 5], [[20]]) for i in range(3)]
    assert score(engine, [(later[0], IDENTITY)])[1] == 4 * 5
    assert score(engine, [(later[1], (0, 1, 3)), (later[2], (0, 1, 3, 3))])[1] == 2 * 35 + (3 + 4) * 5


def test_layer_calls_count_parts_of_sequences_by_tokens() -> None:
    cost = Cost()
    cost.add(1, 300, of=400)
    cost.add(5, 100, of=400)
    cost.include(Cost(calls=1.0, tokens=400))
    assert (cost.layer_calls, cost.tokens) == (3, 1200)


def test_prompts_with_and_without_the_preamble_run_in_one_call() -> None:
    model, rng = layered("llama"), random.Random(2)
    pairs = few_shot(rng, 1) + few_shot(rng, 3)
    pairs += [(lay_out(draw(rng, 3, 50), [draw(rng, 2, 2)]), random_chain(rng)) for _ in range(5)]
    other = draw(rng, 40, 40)
    pairs += [(lay_out(other + draw(rng, 3, 5), [[9]]), random_chain(rng)) for _ in range(5)]
    assert_as_alone(model, score(engine_of(model), pairs)[0], pairs)


@settings(max_examples=8)
@given(seed=st.integers(0, 10**6), batch=st.sampled_from([1, 40, 4096]), memory=st.sampled_from([1, 200_000, 2**24]))
def test_limits_and_company_change_nothing(seed: int, batch: int, memory: int) -> None:
    model, rng = layered("qwen3_moe"), random.Random(seed)
    pairs = few_shot(rng, rng.choice([1, 3]), count=30)
    reference, _ = score(unshared(model), pairs)
    limited = engine_of(model, max_batch_tokens=batch, cache_bytes=memory)
    for part in (pairs[:3], pairs[2:20], pairs):
        for pair, (matched, scores) in score(limited, part)[0].items():
            assert matched == reference[pair][0]
            assert scores == pytest.approx(reference[pair][1], rel=1e-4, abs=1e-4)
        assert limited._states.used_bytes <= memory


@pytest.mark.parametrize("states, shared", [(7, False), (8, True)])
def test_a_preamble_that_takes_too_much_of_the_cache_is_not_kept(states: int, shared: bool) -> None:
    """One state of `llama` here: 35 tokens, hidden states of width 32, keys and values of two heads of width 8."""
    model = layered("llama")
    engine = engine_of(model, cache_bytes=states * 35 * (32 + 2 * 2 * 8) * 4)
    pairs = [(lay_out([*COMMON, 90 + i, 5], [[20]]), (0, 1)) for i in range(4)]
    assert (score(engine, pairs)[1] < score(unshared(model), pairs)[1]) is shared


def test_a_request_by_itself_is_run_whole_whatever_came_before() -> None:
    engine = engine_of(LayeredModel(layered("llama").hf, Pairs()))
    engine.run(asked := few_shot_requests("ab"))
    assert engine._sharing._known._known
    before = engine.layer_tokens
    engine.run_alone(asked[-1])
    assert not engine._sharing._known._known
    tokens = len(engine.model.encode(asked[-1].prompt)) + 3  # the expected text is two tokens, with the end three
    assert engine.layer_tokens - before == -(-(tokens - 1) // 8) * 8 * len(asked[-1].chain)


class Pairs:
    """A tokenizer that makes one token of `ab` and of `ba`, whichever comes first, and of every other letter."""

    pad_token_id = eos_token_id = 2

    def __call__(self, text: str, **_settings: object) -> dict[str, list[int]]:
        ids, place = [], 0
        while place < len(text):
            pair = text[place : place + 2]
            ids.append({"ab": 10, "ba": 11}.get(pair, ord(text[place]) - 20))
            place += 2 if pair in ("ab", "ba") else 1
        return {"input_ids": ids}

    def decode(self, ids: list[int], **_settings: object) -> str:
        return "".join({10: "ab", 11: "ba"}.get(i, chr(i + 20)) for i in ids)


def few_shot_requests(ending: str) -> list[Request]:
    """Texts that begin alike up to `ending`, whose last letter may be one token with what follows it."""
    chains = [Chain.identity(4), Chain((0, 1, 1, 3), 4)]
    prompts = ["cdefghij" * 5 + ending + rest for rest in ("b", "ab", "bb", "c", "ba")]
    return [Request(prompt, chain, expected="dc") for prompt in prompts for chain in chains]


@pytest.mark.parametrize("ending", ["a", "ba", ""])
def test_what_counts_are_tokens_not_letters(ending: str) -> None:
    model = LayeredModel(layered("llama").hf, Pairs())
    asked = few_shot_requests(ending)
    asked += [Request(each.prompt, each.chain, continuations=("b", "dd", "ab")) for each in asked]
    asked += [Request(each.prompt, each.chain, max_new_tokens=4) for each in asked if each.expected]
    together, alone = engine_of(model).run(asked), PlainEngine(model).run(asked)
    for request, first, second in zip(asked, together, alone, strict=True):
        assert (first.text, first.matched) == (second.text, second.matched), request
        assert first.loglikelihoods == pytest.approx(second.loglikelihoods, rel=1e-4, abs=1e-4), request


def decoded(engine: Engine, rows: list[DecodeRow], *, shared: bool) -> int:
    """Runs them, with a trace; on how many tokens layers were run."""
    engine._exact("shared generate")
    find = partial(engine._sharing.of_rows, max_batch_tokens=engine.max_batch_tokens, passes=engine._exact)
    decoder = Decoder(
        engine.model, max_batch_tokens=300, cache_bytes=2**24, ends=(), preambles=find if shared else lambda _rows: {}
    )
    decoder.run_rows(rows, trace=True)
    return decoder.cost.tokens


@pytest.mark.parametrize("name", SHARING)
def test_generation_after_a_shared_preamble_is_that_of_the_chain_alone(name: str) -> None:
    """Logits of every token against a forward over all tokens so far; prompts of different lengths, so with padding."""
    model, rng = layered(name), random.Random(name)
    prompts = [tuple(COMMON + draw(rng, 1, 16)) for _ in range(5)]
    pairs = [(rng.choice(prompts), random_chain(rng)) for _ in range(9)] + [(prompt, IDENTITY) for prompt in prompts]

    def rows() -> list[DecodeRow]:
        return [DecodeRow(prompt, layers, 3) for prompt, layers in dict.fromkeys(pairs)]

    engine, run = engine_of(model), rows()
    assert decoded(engine, run, shared=True) < decoded(engine, rows(), shared=False)
    for row in run:
        for step, logits in enumerate(row.trace):
            alone = logits_alone(model.hf, [*row.prompt, *row.emitted[:step]], row.layers)[-1]
            torch.testing.assert_close(logits, alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["mistral", "gemma3_text"])
def test_generation_that_grows_beyond_a_window_computes_prompts_whole(name: str) -> None:
    model, rng = layered(name, 48), random.Random(name)
    rows = [DecodeRow(tuple(COMMON + draw(rng, 4, 6)), IDENTITY, 12) for _ in range(4)]
    decoded(engine_of(model), rows, shared=True)
    assert all(row.preamble is None for row in rows)
    for row in rows:
        alone = logits_alone(model.hf, [*row.prompt, *row.emitted[:-1]], row.layers)[-1]
        torch.testing.assert_close(row.trace[-1], alone, rtol=1e-4, atol=1e-4)
