"""What a model gives to one input by itself: what every batch of the engine has to give as well."""

from __future__ import annotations

import torch
from transformers import PreTrainedModel

from skiploop.chains.chain import Chain
from skiploop.engine.packing import Layout
from skiploop.models.replay import run_chain

NUM_LAYERS = 4  # of the tiny models


def logits_alone(model: PreTrainedModel, tokens: list[int], layers: tuple[int, ...]) -> torch.Tensor:
    """One forward without padding and without a cache; [S, V]."""
    with run_chain(model, Chain(layers, NUM_LAYERS)), torch.inference_mode():
        return model(input_ids=torch.tensor([tokens], device=model.device), use_cache=False).logits[0]


def scores_alone(model: PreTrainedModel, layout: Layout, layers: tuple[int, ...]) -> list[float]:
    """Log-likelihood of each target, one forward for each continuation."""
    prompt, scores, start = list(layout.tokens[: layout.prompt_length]), [], 0
    for length in layout.lengths:
        target = list(layout.targets[start : start + length])
        start += length
        logits = logits_alone(model, [*prompt, *target[:-1]], layers)[len(prompt) - 1 :]
        scores += logits.log_softmax(-1).cpu().gather(1, torch.tensor(target)[:, None])[:, 0].tolist()
    return scores
