"""Logits compared with the expected tokens: verdicts and log-likelihoods, in pieces that fit into memory.

Shapes: P positions whose logits are wanted, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch

from skiploop.engine.packing import Layout

_SLICE_BYTES = 2**21  # of the logits that a CPU reduces at once: they are read several times, and its caches are small

ScoringPair = tuple[Layout, tuple[int, ...]]  # what to run, and the layers to run it through


class Score(NamedTuple):
    """Of each target of one sequence: whether it is the arg-max, and its log-likelihood."""

    hits: list[bool]
    loglikelihoods: list[float]

    @property
    def matched(self) -> bool:
        """Whether every target is the arg-max."""
        return all(self.hits)


def compare(
    logits: torch.Tensor, targets: torch.Tensor, pairs: Sequence[ScoringPair], ends: torch.Tensor
) -> Iterator[Score]:
    """Hits and log-likelihoods of each of `pairs`; `logits` [P, V], `targets` [P], `ends`: EOS tokens."""
    size = max(1, _SLICE_BYTES // (4 * logits.shape[1])) if logits.device.type == "cpu" else len(logits)
    slices = zip(torch.split(logits, size), torch.split(targets, size), strict=True)
    compared = [_against(piece.float(), wanted, ends) for piece, wanted in slices]
    hits = torch.cat([hit for hit, _ in compared]).tolist()
    scores = torch.cat([score for _, score in compared]).tolist()
    start = 0
    for layout, _ in pairs:
        stop = start + len(layout.targets)
        yield Score(hits[start:stop], scores[start:stop])
        start = stop


def _against(logits: torch.Tensor, targets: torch.Tensor, ends: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Whether each target is the arg-max of its logits, and its log-likelihood; `logits` [P, V], the others [P]."""
    largest, best = logits.max(-1)
    # Any token that ends a generation ends it, whichever of them the target names.
    hit = (best == targets) | (torch.isin(best, ends) & torch.isin(targets, ends))
    hit &= largest > -torch.inf  # false for NaN, which the maximum passes on, and where all logits are -inf
    return hit, logits.gather(1, targets[:, None])[:, 0] - logits.logsumexp(-1)
