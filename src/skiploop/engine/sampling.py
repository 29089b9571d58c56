"""Drawing one token from logits, the same way in every engine."""

from __future__ import annotations

import torch


def draw_token(logits: torch.Tensor, temperature: float, generator: torch.Generator) -> int:
    """A token drawn from `logits` [V]; the arg-max if a chain has made them infinite or NaN."""
    # On the CPU, so that a seed means the same on every device.
    weights = torch.softmax(logits.float().cpu() / temperature, -1)
    if not bool(weights.isfinite().all()):
        return int(logits.argmax())
    return int(torch.multinomial(weights, 1, generator=generator))
