"""The exactness contract for damped loops, scaled slots and cache policies, on the model types of plain chains.

The yardstick is the physically unrolled model, in which weights are hooks; a cache policy is, in the reference, a cache
whose entries are copied from slot to slot after each forward. The reference has rules of its own for which slots these
are: nothing of `skiploop.chains.policy` decides what it is compared with.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import lru_cache, partial

import pytest
import torch
from transformers import PreTrainedModel
from transformers.cache_utils import Cache, DynamicCache

from skiploop.chains.chain import Chain
from skiploop.chains.policy import CachePolicy
from skiploop.errors import InvalidInput
from skiploop.models.replay import run_chain
from skiploop.models.slots import cache_argument
from skiploop.models.unroll import unroll
from tests.conformance.test_chains import CORE, FURTHER, generate, logits
from tests.conformance.tiny import prompts, tiny_model

CHAINS = ("0 1-2x3~.5 3", "0*.7071x2~.25 1 2-3x2", "(0 2)x2~0 3 1*.5", "0-1x2~.5 0-1x2~.5 3")
SLOW = ("qwen2", "qwen3_moe", "olmo2", "gemma", "phi", "stablelm")
"""Types of policies that are for `-m slow`; each has a relative among the other sixteen."""
POLICY_TYPES = (
    *("llama", "qwen2", "qwen3", "qwen3_moe", "olmo2", "olmo3", "olmoe", "gemma", "gemma2", "gemma3_text", "mistral"),
    *("mixtral", "gpt2", "gptj", "gpt_neox", "opt", "phi", "phi3", "starcoder2", "cohere2", "falcon", "stablelm"),
)


def _slow(name: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.slow] if name in SLOW else []


@pytest.fixture(scope="module", params=[*CORE, *(pytest.param(name, marks=pytest.mark.slow) for name in FURTHER)])
def model(request: pytest.FixtureRequest) -> PreTrainedModel:
    return tiny_model(request.param)


def test_damped_chains_are_the_unrolled_model_bit_for_bit(model: PreTrainedModel) -> None:
    inputs = prompts()
    real = inputs["attention_mask"].bool()
    for text in CHAINS:
        chain = Chain.parse(text, 4)
        with run_chain(model, chain):
            chained = logits(model, inputs)
        assert torch.equal(chained[real], logits(unroll(model, chain), inputs)[real]), text
        with run_chain(model, Chain([int(layer) for layer in chain.layers], 4)):
            assert not torch.equal(chained[real], logits(model, inputs)[real]), f"the weights of {text} changed nothing"


def test_cached_generation_of_a_damped_chain_is_uncached_generation(model: PreTrainedModel) -> None:
    with run_chain(model, Chain.parse("0 1*.5 1-2x2~.5 3", 4)):
        assert torch.equal(generate(model, prompts(), use_cache=True), generate(model, prompts(), use_cache=False))


def test_no_damping_and_one_pass_are_the_model_itself_bit_for_bit(model: PreTrainedModel) -> None:
    inputs = prompts()
    with run_chain(model, Chain.parse("0 1-2x1~.3 3*1", 4)):
        assert torch.equal(logits(model, inputs), logits(model, inputs))
        damped = logits(model, inputs)
    assert torch.equal(damped, logits(model, inputs))


Unrolled = Callable[[Chain], PreTrainedModel]


def by_reference(unrolled: Unrolled, chain: Chain, policy: CachePolicy, ids: torch.Tensor, new: int) -> list[int]:
    """Greedy tokens of the unrolled model; after each forward the kept slot's entry replaces those it stands for."""
    runner = unrolled(chain)
    cache = DynamicCache(config=runner.config.get_text_config(decoder=True))
    kept = kept_by(policy, chain)
    found: list[int] = []
    with torch.inference_mode():
        for _ in range(new):
            step = ids if not found else torch.tensor([found[-1:]], device=ids.device)
            scores = runner(input_ids=step, use_cache=True, **{cache_argument(runner): cache}).logits[0, -1]
            scores[2] = -torch.inf  # `generate` is told not to end
            found.append(int(scores.argmax()))
            if policy == "prefill" and len(found) == 1:
                runner, cache = unrolled(once_each(chain)), only(cache, chain)
                kept = list(range(len(cache.layers)))
            cache.layers = [copy.deepcopy(cache.layers[slot]) for slot in kept]
    return found


def kept_by(policy: CachePolicy, chain: Chain) -> list[int]:
    """For each slot, the one whose entry later tokens are to find there."""
    layers = [int(layer) for layer in chain.layers]
    runs = [[slot for slot, other in enumerate(layers) if other == layer] for layer in layers]
    return [slot if policy == "own" else same[-1] if policy == "last" else same[0] for slot, same in enumerate(runs)]


def once_each(chain: Chain) -> Chain:
    """Its layers without repeats, in the order of their first runs; none of the chains here scales a slot."""
    return Chain(list(dict.fromkeys(int(layer) for layer in chain.layers)), chain.num_layers)


def only(cache: Cache, chain: Chain) -> DynamicCache:
    """The entries of each layer's first slot."""
    first = [slot for slot, layer in enumerate(chain.layers) if int(layer) not in map(int, chain.layers[:slot])]
    found = DynamicCache()
    found.layers = [copy.deepcopy(cache.layers[slot]) for slot in first]
    return found


@pytest.mark.parametrize(
    "name, text",
    # The chain whose layers 0 and 2 run before and after a damped loop on every type, others where entries differ.
    [pytest.param(name, "0 1-2x2~.5 3 2", marks=_slow(name)) for name in POLICY_TYPES]
    + [(name, text) for name in ("llama", "gemma3_text", "gpt2") for text in ("0 1-2x3 3", "1-3x2~0")],
)
def test_policies_are_their_references_token_for_token(name: str, text: str) -> None:
    model, chain = tiny_model(name), Chain.parse(text, 4)
    ids = prompts(batch=1)["input_ids"]
    unrolled = lru_cache(partial(unroll, model))  # a forward leaves nothing behind in it
    told = {}
    for policy in ("own", "first", "last", "prefill"):
        with run_chain(model, chain, cache_policy=policy):
            inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
            told[policy] = generate(model, inputs, max_new_tokens=5, min_new_tokens=5)[0].tolist()
        assert told[policy] == by_reference(unrolled, chain, policy, ids, 5), policy
    assert len({tokens[0] for tokens in told.values()}) == 1, "the prompt is run the same way with every policy"


def test_policies_differ_in_what_later_tokens_read() -> None:
    model, chain, ids = tiny_model("llama"), Chain.parse("0 1-2x3 3", 4), prompts(batch=1)["input_ids"]
    seen = {}
    with torch.inference_mode():
        for policy in ("own", "first", "last", "prefill"):
            with run_chain(model, chain, cache_policy=policy):
                cache = {cache_argument(model): DynamicCache(config=model.config)}
                model(input_ids=ids, use_cache=True, **cache)
                seen[policy] = model(input_ids=ids[:, :1], use_cache=True, **cache).logits
                entries = len(next(iter(cache.values())).layers)
            assert entries == (8 if policy == "own" else 4)
    every = list(seen.values())
    assert not any(torch.allclose(a, b) for i, a in enumerate(every) for b in every[:i])


def test_a_cache_of_another_policy_is_refused() -> None:
    model, chain, ids = tiny_model("llama"), Chain.parse("0 1-2x2 3", 4), prompts(batch=1)["input_ids"]
    with torch.inference_mode():
        with run_chain(model, chain, cache_policy="first"):
            cache = {cache_argument(model): DynamicCache(config=model.config)}
            model(input_ids=ids, use_cache=True, **cache)
        for policy in ("own", "last"):
            with (
                run_chain(model, chain, cache_policy=policy),
                pytest.raises(InvalidInput, match="under another"),
            ):
                model(input_ids=ids[:, :1], use_cache=True, **cache)
    with pytest.raises(InvalidInput, match="unknown cache policy"), run_chain(model, chain, cache_policy="none"):
        pass
