"""A flat export is the chain on its base, bit for bit in float32, for many architectures; what can't be is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from skiploop.chains.chain import Chain
from skiploop.errors import UnsupportedModel
from skiploop.export.run import export_chain
from skiploop.export.verify import aligned
from skiploop.models.layered import LayeredModel
from skiploop.models.replay import find_layers, run_chain
from tests.conformance.test_chains import generate, logits
from tests.conformance.tiny import prompts, tiny_model

# Architectures that build each layer from what its slot of the configuration says, if that varies at all: first a few
# that differ in their caches and lists, which are always tried.
FEW = ("llama", "gemma2", "gpt_neo", "qwen3_next", "mamba", "opt")
ANY_CHAIN = (
    *("llama", "qwen2", "qwen3", "qwen3_moe", "olmo2", "olmo3", "olmoe", "gemma", "gemma2", "gemma3_text", "mistral"),
    *("ministral", "mixtral", "gpt2", "gptj", "gpt_neox", "gpt_neo", "gpt_bigcode", "opt", "bloom", "falcon", "phi"),
    *("phi3", "phimoe", "stablelm", "starcoder2", "cohere2", "gpt_oss", "granitemoe", "exaone4", "nemotron", "mamba"),
    *("mamba2", "falcon_mamba", "lfm2", "qwen3_next", "mpt", "openai-gpt", "qwen2_moe", "smollm3"),
)
# Architectures that compute a layer's kind from its index: a period, or a list of indices.
BY_INDEX = ("jamba", "bamba", "llama4_text")
LOOPED, SHORTER = [0, 1, 2, 1, 2, 3], [0, 2, 3]


@pytest.fixture(
    scope="module",
    params=[pytest.param(kind, marks=() if kind in FEW else pytest.mark.slow) for kind in ANY_CHAIN],
    ids=ANY_CHAIN,
)
def model(request: pytest.FixtureRequest) -> PreTrainedModel:
    return tiny_model(request.param)


@pytest.fixture(autouse=True)
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a model runs chains at all is the subject of other tests, and takes half of an export's time here."""
    monkeypatch.setattr(LayeredModel, "check", lambda self: None)


@pytest.mark.parametrize("layers", [LOOPED, SHORTER], ids=str)
def test_a_round_trip_is_the_chain_bit_for_bit(model: PreTrainedModel, layers: list[int], tmp_path: Path) -> None:
    chain = Chain(layers, 4)
    export_chain(LayeredModel(model), chain, tmp_path / "out")
    back = AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()
    assert type(back) is type(model) and len(find_layers(back)) == len(layers)
    inputs = prompts()
    real = inputs["attention_mask"].bool()
    with run_chain(model, chain):
        wanted, tokens = logits(model, inputs), generate(model, inputs)
    with aligned(back):
        assert torch.equal(logits(back, inputs)[real], wanted[real])
        assert torch.equal(generate(back, inputs), tokens)
    assert not torch.equal(wanted[real], logits(model, inputs)[real]), "the chain changed nothing"


@pytest.mark.parametrize("kind", BY_INDEX)
def test_a_layer_that_is_what_its_place_says_is_refused_before_anything_is_written(kind: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match=r"by its place|can't be made"):
        export_chain(LayeredModel(tiny_model(kind)), Chain([0, 1, 1, 2, 3], 4), tmp_path / "out")
    assert not list(tmp_path.iterdir())
