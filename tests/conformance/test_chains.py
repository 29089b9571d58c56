"""The exactness contract, on tiny random-weight models of many architectures.

identity == the model; chain == the physically unrolled model; cached == uncached; batched == alone; refusals.
None of these is ever loosened to make something pass.
"""

from __future__ import annotations

import pytest
import torch
from transformers import GenerationConfig, PreTrainedModel

from skiploop.chains.chain import Chain
from skiploop.errors import UnsupportedModel
from skiploop.models.check import check_model
from skiploop.models.replay import Probe, find_layers, run_chain
from skiploop.models.unroll import unroll
from tests.conformance.tiny import prompts, tiny_model

CORE = (
    *("llama", "qwen2", "qwen3", "qwen2_moe", "qwen3_moe", "olmo2", "olmo3", "olmoe", "gemma", "gemma2"),
    *("gemma3_text", "mistral", "ministral", "mixtral", "gpt2", "gptj", "gpt_neox", "gpt_neo", "gpt_bigcode", "opt"),
    *("bloom", "falcon", "phi", "phi3", "phimoe", "stablelm", "starcoder2", "cohere2", "gpt_oss", "llama4_text"),
    *("granitemoe", "exaone4", "smollm3", "nemotron", "mamba", "mamba2", "falcon_mamba", "jamba", "bamba", "lfm2"),
    *("qwen3_next", "mpt", "openai-gpt"),
)
FURTHER = (
    *("afmoe", "apertus", "arcee", "biogpt", "bitnet", "codegen", "cohere", "cohere2_moe", "ctrl", "cwm", "diffllama"),
    *("doge", "ernie4_5", "ernie4_5_moe", "exaone_moe", "flex_olmo", "glm", "glm4", "glm4_moe", "gpt_neox_japanese"),
    *("granite", "granitemoeshared", "helium", "hunyuan_v1_dense", "hunyuan_v1_moe", "jetmoe", "minimax_m2"),
    *("ministral3", "modernbert-decoder", "nanochat", "olmo", "persimmon", "seed_oss", "vaultgemma", "xglm"),
)
MODEL_TYPES = [*CORE, *(pytest.param(name, marks=pytest.mark.slow) for name in FURTHER)]

# Skips, loops of one layer and of blocks, swaps, and a single layer, on four layers.
CHAINS = ([1, 1, 2, 3], [0, 1, 2, 1, 2, 3], [0, 2, 1, 3], [3, 2, 1, 0, 0], [0, 1, 2, 3, 0, 1, 2, 3])


@pytest.fixture(scope="module", params=MODEL_TYPES)
def model(request: pytest.FixtureRequest) -> PreTrainedModel:
    return tiny_model(request.param)


def logits(model: PreTrainedModel, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    with torch.inference_mode():
        return model(**inputs).logits


def generate(model: PreTrainedModel, inputs: dict[str, torch.Tensor], **settings: object) -> torch.Tensor:
    settings = {"max_new_tokens": 4, "min_new_tokens": 4, "do_sample": False, **settings}
    config = GenerationConfig(pad_token_id=0, eos_token_id=2, **settings)
    with torch.inference_mode():
        return model.generate(**inputs, generation_config=config)[:, inputs["input_ids"].shape[1] :]


def test_identity_is_the_model_bit_for_bit(model: PreTrainedModel) -> None:
    inputs = prompts()
    own = logits(model, inputs)
    with run_chain(model, Chain.identity(4)):
        assert torch.equal(logits(model, inputs), own)
    assert torch.equal(logits(model, inputs), own)
    assert not any(isinstance(layer, Probe) for layer in find_layers(model))


@pytest.mark.parametrize("layers", CHAINS, ids=str)
def test_chain_is_the_unrolled_model_bit_for_bit(model: PreTrainedModel, layers: list[int]) -> None:
    chain = Chain(layers, 4)
    inputs = prompts()
    with run_chain(model, chain):
        chained = logits(model, inputs)
    unrolled = logits(unroll(model, chain), inputs)
    real = inputs["attention_mask"].bool()
    assert torch.equal(chained[real], unrolled[real])
    assert not torch.equal(chained[real], logits(model, inputs)[real]), "the chain changed nothing"


@pytest.mark.parametrize("layers", [[1, 1, 2, 3], [0, 1, 2, 1, 2], [3, 0, 0]], ids=str)
def test_cached_generation_is_uncached_generation(model: PreTrainedModel, layers: list[int]) -> None:
    with run_chain(model, Chain(layers, 4)):
        cached = generate(model, prompts(), use_cache=True)
        uncached = generate(model, prompts(), use_cache=False)
    assert torch.equal(cached, uncached)


def test_batched_is_alone(model: PreTrainedModel) -> None:
    inputs = prompts(batch=3)
    with run_chain(model, Chain([1, 2, 2, 3], 4)):
        together = generate(model, inputs)
        for row in range(3):
            real = inputs["attention_mask"][row].bool()
            alone = {name: tensor[row : row + 1, real] for name, tensor in inputs.items()}
            assert torch.equal(generate(model, alone)[0], together[row])


def test_check_accepts(model: PreTrainedModel) -> None:
    assert check_model(model).num_layers == 4


@pytest.mark.parametrize("model_type", ["recurrent_gemma", "minimax", "rwkv", "hy_v4"])
def test_check_refuses_models_that_cannot_be_honoured(model_type: str) -> None:
    with pytest.raises(UnsupportedModel):
        check_model(tiny_model(model_type))
