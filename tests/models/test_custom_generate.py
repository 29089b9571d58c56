"""`decoding`: stock `generate` of a plain model under a chain, by the loop that its settings ask for."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

import skiploop
from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.models.replay import Probe, find_layers, run_chain
from tests.conformance.test_chains import generate
from tests.conformance.tiny import prompts, tiny_model

TEXT = "0 1-2x2 3"


@pytest.fixture(scope="module")
def model() -> PreTrainedModel:
    return tiny_model("llama")


@pytest.mark.parametrize(
    "settings",
    [{}, {"num_beams": 3}, {"do_sample": True, "temperature": 2.0}, {"num_return_sequences": 2, "do_sample": True}],
    ids=["greedy", "beams", "sampling", "several"],
)
def test_it_is_generate_under_run_chain(model: PreTrainedModel, settings: dict[str, Any]) -> None:
    inputs = prompts()
    torch.manual_seed(3)
    with run_chain(model, Chain.parse(TEXT, 4)):
        wanted = generate(model, inputs, **settings)
    torch.manual_seed(3)
    found = _generate(model, skiploop.decoding(chain=TEXT), **settings)
    assert torch.equal(found, wanted)
    assert not any(isinstance(layer, Probe) for layer in find_layers(model))
    torch.manual_seed(3)
    assert not torch.equal(generate(model, inputs, **settings), wanted), "the chain changed nothing"


def test_a_cache_policy_is_handed_on(model: PreTrainedModel) -> None:
    chain, found = Chain.parse("0 1-2x3 3", 4), set()
    for policy in ("own", "first", "prefill"):
        with run_chain(model, chain, cache_policy=policy):
            wanted = generate(model, prompts(), max_new_tokens=12, min_new_tokens=12)
        tokens = _generate(model, skiploop.decoding(chain, cache_policy=policy), max_new_tokens=12, min_new_tokens=12)
        assert torch.equal(tokens, wanted)
        found.add(tuple(tokens.flatten().tolist()))
    assert len(found) == 3, "the policies give different tokens here"


def test_what_does_not_fit_is_refused(model: PreTrainedModel) -> None:
    with pytest.raises(InvalidInput, match="unknown cache policy"):
        skiploop.decoding("0-3", cache_policy="shared")
    with pytest.raises(InvalidInput, match="5 layers"):
        _generate(model, skiploop.decoding(Chain.identity(5)))
    with pytest.raises(InvalidInput, match="assisted"):
        _generate(model, skiploop.decoding(TEXT), prompt_lookup_num_tokens=2)


def _generate(model: PreTrainedModel, chosen: Any, **settings: Any) -> torch.Tensor:
    """New tokens of the stock `generate` of a plain model, [B, T]."""
    from transformers import GenerationConfig

    inputs = prompts()
    settings = {"max_new_tokens": 4, "min_new_tokens": 4, "do_sample": False, **settings}
    config = GenerationConfig(pad_token_id=0, eos_token_id=2, **settings)
    with torch.inference_mode():
        whole = model.generate(**inputs, generation_config=config, custom_generate=chosen)
    return whole[:, inputs["input_ids"].shape[1] :]
