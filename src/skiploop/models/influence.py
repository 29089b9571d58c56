"""Block Influence: how much a layer turns the hidden state (ShortGPT, arXiv 2403.03853, equation 1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import cosine_similarity

from skiploop.models.layered import LayeredModel
from skiploop.models.replay import find_layers, hidden_of


@torch.inference_mode()
def block_influence(model: LayeredModel, prompts: Sequence[str]) -> list[float]:
    """1 - cos(x_in, x_out) of each layer, averaged over all tokens of the prompts.

    Args:
        model: its own forward (the identity) is measured.
        prompts: run one at a time, so that there is no padding.

    Returns:
        One number for each layer; 0 means that the layer leaves the direction of the hidden state alone.
    """
    layers = find_layers(model.hf)
    sums, tokens = [0.0] * len(layers), 0

    def measure(index: int) -> Any:
        def hook(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            before = args[0] if args else kwargs["hidden_states"]
            cosines = cosine_similarity(before.float(), hidden_of(output).float(), dim=-1)  # [B, S]
            sums[index] += float((1 - cosines).sum())

        return hook

    handles = [layer.register_forward_hook(measure(i), with_kwargs=True) for i, layer in enumerate(layers)]
    try:
        for prompt in prompts:
            ids = torch.tensor([model.encode(prompt)], device=model.hf.device)
            model.hf(input_ids=ids, use_cache=False)
            tokens += ids.shape[1]
    finally:
        for handle in handles:
            handle.remove()
    return [total / tokens for total in sums]
