"""What the benchmarks run: genuine model shapes with random weights, and chains as a search draws them.

Nothing is downloaded. Speed doesn't depend on what the weights are; `nano` is the embedded checkpoint.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from skiploop import Chain, LayeredModel, make_searcher, make_space

_LLAMA3_ROPE = {
    "rope_type": "llama3", "rope_theta": 500000.0, "factor": 32.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 8192,
}  # fmt: skip
_QWEN3_ROPE = {"rope_type": "default", "rope_theta": 1000000.0}

# The published configs, as far as they decide about speed.
SHAPES: dict[str, dict[str, Any]] = {
    "smollm-135m": {
        "model_type": "llama", "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
        "num_attention_heads": 9, "num_key_value_heads": 3, "vocab_size": 49152,
        "max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "tie_word_embeddings": True,
    },
    "qwen3-0.6b": {
        "model_type": "qwen3", "hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28,
        "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936,
        "max_position_embeddings": 40960, "tie_word_embeddings": True, "rope_parameters": _QWEN3_ROPE,
    },
    "llama-3.2-3b": {
        "model_type": "llama", "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 28,
        "num_attention_heads": 24, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 128256,
        "max_position_embeddings": 131072, "rms_norm_eps": 1e-5, "tie_word_embeddings": True,
        "rope_parameters": _LLAMA3_ROPE,
    },
    "qwen3-8b": {
        "model_type": "qwen3", "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36,
        "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936,
        "max_position_embeddings": 40960, "tie_word_embeddings": False, "rope_parameters": _QWEN3_ROPE,
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Workload:
    """Inputs of random tokens, and the chains that a search asked for on each."""

    model: LayeredModel
    prompts: list[tuple[int, ...]]  # one per input
    chains: list[list[Chain]]  # for each input; the identity first

    @property
    def pairs(self) -> list[tuple[int, Chain]]:
        """(input, chain): the evaluations."""
        return [(i, chain) for i, chains in enumerate(self.chains) for chain in chains]

    def tokens(self, count: int, seed: int) -> list[int]:
        """Random token ids, special ones left out."""
        rng = random.Random(seed)
        return [rng.randrange(8, self.model.hf.config.vocab_size) for _ in range(count)]


def make_workload(
    shape: str,
    *,
    inputs: int,
    chains: int,
    tokens: int,
    dtype: str,
    device: str,
    seed: int,
    layers: int | None = None,
) -> Workload:
    """The model and what is to be run on it; the same for the same arguments. `layers`: as many as the shape has."""
    model = make_model(shape, dtype, device, seed, layers)
    drawn = [draw_chains(model.num_layers, chains, seed=1000 * seed + i) for i in range(inputs)]
    empty = Workload(model, [], drawn)
    prompts = [tuple(empty.tokens(tokens, seed=1000 * seed + i)) for i in range(inputs)]
    return Workload(model, prompts, drawn)


def make_model(shape: str, dtype: str, device: str, seed: int, layers: int | None = None) -> LayeredModel:
    """The model without a tokenizer and without a token that ends it: all work is at the level of tokens."""
    if shape == "nano":
        hf = LayeredModel.from_pretrained("nano", dtype=dtype, device=device).hf
    else:
        settings = dict(SHAPES[shape])
        settings["num_hidden_layers"] = layers or settings["num_hidden_layers"]
        config = AutoConfig.for_model(settings.pop("model_type"), **settings)
        torch.manual_seed(seed)
        with torch.device(device):
            hf = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype)).eval()
    hf.config.eos_token_id = None
    hf.generation_config.eos_token_id = None
    return LayeredModel(hf, name=shape)


def draw_chains(num_layers: int, count: int, *, seed: int) -> list[Chain]:
    """The first distinct chains that CoLa's search evaluates, in rounds of 4; one in four is rewarded."""
    searcher = make_searcher("cola", make_space("cola", num_layers), seed=seed)
    found = dict.fromkeys([Chain.identity(num_layers)])
    searcher.tell(Chain.identity(num_layers), 0.0)
    while len(found) < count and (asked := searcher.ask(4)):
        for chain in asked:
            found[chain] = None
            searcher.tell(chain, float(crc32(f"{seed} {chain}".encode()) % 4 == 0))
    return list(found)[:count]
