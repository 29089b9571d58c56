"""Tiny random-weight models of real architectures, 4 layers of width 32, built from the config classes alone.

Sliding windows and attention chunks are 4 tokens, shorter than the test prompts on purpose. They lie on the device that
`SKIPLOOP_TEST_DEVICE` names, by default the CPU: `SKIPLOOP_TEST_DEVICE=cuda pytest tests/conformance`.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, PreTrainedModel

VOCABULARY = 99
DEVICE = torch.device(os.environ.get("SKIPLOOP_TEST_DEVICE", "cpu"))

# Every spelling of the same few dimensions; each config class takes those it knows.
_DIMENSIONS: dict[str, Any] = {
    **{"vocab_size": VOCABULARY, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
    **{"hidden_size": 32, "n_embd": 32, "d_model": 32, "head_dim": 8, "rotary_dim": 4},
    **{"num_hidden_layers": 4, "n_layer": 4, "n_layers": 4, "decoder_layers": 4},
    **{"num_attention_heads": 4, "n_head": 4, "n_heads": 4, "decoder_attention_heads": 4, "num_key_value_heads": 2},
    **{"intermediate_size": 48, "ffn_dim": 48, "n_inner": 48, "decoder_ffn_dim": 48, "ffn_hidden_size": 48},
    **{"max_position_embeddings": 64, "n_positions": 64},
    **{"sliding_window": 4, "use_sliding_window": True, "attention_chunk_size": 4},
    **{"num_experts": 4, "num_local_experts": 4, "n_routed_experts": 4, "num_experts_per_tok": 2},
    **{"moe_intermediate_size": 16, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1},
    **{"attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2, "expert_layer_offset": 0},
    **{"state_size": 8, "mamba_d_state": 8, "time_step_rank": 4, "mamba_expand": 2},
    **{"linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 8},
}

_SPECIAL: dict[str, dict[str, Any]] = {
    "gpt_neo": {"num_layers": 4, "attention_types": [[["global", "local"], 2]], "window_size": 4, "num_heads": 4},
    "mamba2": {"num_heads": 8, "head_dim": 8, "n_groups": 1, "chunk_size": 4},
    "lfm2": {"layer_types": ["conv", "full_attention", "conv", "full_attention"]},
    "qwen3_next": {"layer_types": ["linear_attention", "full_attention"] * 2},
    "bamba": {
        "attn_layer_indices": [1, 3],
        "mamba_n_heads": 8,
        "mamba_d_head": 8,
        "mamba_n_groups": 1,
        "mamba_chunk_size": 4,
    },
    "llama4_text": {"intermediate_size_mlp": 48, "moe_layers": [1, 3]},
}


def tiny_model(model_type: str, **changes: Any) -> PreTrainedModel:
    """A causal LM of `model_type` in float32, with weights large enough that layers matter.

    `changes` to the configuration count where the config class has them.
    """
    config_class = CONFIG_MAPPING[model_type]
    default = config_class()
    settings = {name: value for name, value in _DIMENSIONS.items() if hasattr(default, name)}
    settings.update(_SPECIAL.get(model_type, {}))
    settings.update({name: value for name, value in changes.items() if hasattr(default, name)})
    try:
        config = config_class(**settings)
    except (TypeError, AttributeError):  # `head_dim` is derived in some classes
        settings.pop("head_dim", None)
        config = config_class(**settings)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.1)
    return model.to(DEVICE)


def prompts(batch: int = 2, length: int = 9, pad: int = 3) -> dict[str, torch.Tensor]:
    """`batch` random prompts, all but the first left-padded by `pad` tokens; [B, S]."""
    generator = torch.Generator().manual_seed(1)
    input_ids = torch.randint(8, 90, (batch, length), generator=generator)
    mask = torch.ones_like(input_ids)
    mask[1:, :pad] = 0
    return {"input_ids": input_ids.masked_fill(mask == 0, 0).to(DEVICE), "attention_mask": mask.to(DEVICE)}
