"""Muon in fp32, batched over matrices of equal shape.

`torch.optim.Muon` orthogonalises in bfloat16, which is very slow on CPUs without bf16 instructions, and one
matrix at a time. Here all matrices of one shape go through the Newton-Schulz iteration as one batched
product. Method and coefficients: Keller Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/ .
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Approximate U V^T of each matrix [N, rows, columns]; singular values end up in about 0.7..1.2."""
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = matrices.size(1) <= matrices.size(2)
    x = matrices if wide else matrices.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if wide else x.mT


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised, for the two-dimensional weights inside the layers."""

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update of every matrix, shape by shape."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for p in group["params"]:
                by_shape[p.shape].append(p)
            for params in by_shape.values():
                self._step_shape(params, group["lr"], group["momentum"], group["weight_decay"])

    def _step_shape(self, params: list[Tensor], lr: float, momentum: float, weight_decay: float) -> None:
        grads = [p.grad for p in params]
        buffers = [self.state[p].setdefault("momentum", torch.zeros_like(p)) for p in params]
        torch._foreach_lerp_(buffers, grads, 1 - momentum)
        updates = orthogonalise(torch.stack(torch._foreach_lerp(grads, buffers, momentum)))
        scale = max(1.0, params[0].size(0) / params[0].size(1)) ** 0.5
        torch._foreach_mul_(params, 1 - lr * weight_decay)
        torch._foreach_add_(params, list(updates), alpha=-lr * scale)
