"""Token sequences for scoring: what to run, at which positions logits are needed, and which tokens they predict.

Answer choices share their prompt: a *packed* sequence is the prompt followed by all continuations, each of which sees
only the prompt and itself and counts its positions from the end of the prompt. So the prompt is computed only once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
import torch.nn.functional as F

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Layout:
    """One token sequence and what is needed from it.

    Attributes:
        tokens: the input ids, [S].
        prompt_length: tokens of the prompt.
        branches: tokens of each continuation that are part of `tokens` (its last token is predicted, never run).
        positions: for each target token, the position whose logits predict it.
        targets: the tokens, all continuations one after another.
        lengths: number of targets of each continuation.
    """

    tokens: tuple[int, ...]
    prompt_length: int
    branches: tuple[int, ...]
    positions: tuple[int, ...]
    targets: tuple[int, ...]
    lengths: tuple[int, ...]

    @property
    def packed(self) -> bool:
        """Whether it needs a mask and positions of its own: more than one continuation has tokens in it."""
        return sum(length > 0 for length in self.branches) > 1

    def rest(self, tokens: int) -> Layout:
        """Without the first `tokens` tokens, which are part of the prompt and not its last one."""
        return replace(
            self,
            tokens=self.tokens[tokens:],
            prompt_length=self.prompt_length - tokens,
            positions=tuple(position - tokens for position in self.positions),
        )

    def continuations(self) -> Iterator[tuple[int, ...]]:
        """The targets of each continuation."""
        start = 0
        for length in self.lengths:
            yield self.targets[start : start + length]
            start += length


def lay_out(prompt: Sequence[int], continuations: Sequence[Sequence[int]]) -> Layout:
    """Prompt and continuations, packed into one sequence; each continuation has at least one token."""
    tokens = list(prompt)
    positions: list[int] = []
    targets: list[int] = []
    for continuation in continuations:
        start = len(tokens)
        tokens.extend(continuation[:-1])
        positions.append(len(prompt) - 1)
        positions.extend(range(start, len(tokens)))
        targets.extend(continuation)
    return Layout(
        tuple(tokens),
        len(prompt),
        tuple(len(c) - 1 for c in continuations),
        tuple(positions),
        tuple(targets),
        tuple(map(len, continuations)),
    )


def pieces(items: Iterable[T], size: Callable[[T], int], limit: int) -> Iterator[list[T]]:
    """Runs of items, in order, whose sizes add up to at most `limit`; a larger item gets a piece of its own."""
    piece: list[T] = []
    used = 0
    for item in items:
        need = size(item)
        if piece and used + need > limit:
            yield piece
            piece, used = [], 0
        piece.append(item)
        used += need
    if piece:
        yield piece


def padded_length(length: int, step: int = 8) -> int:
    """`length` rounded up to a multiple of `step`, so that sequences of similar length share batches."""
    return -(-length // step) * step


def batch_inputs(
    layouts: Sequence[Layout], length: int, *, rows: int, pad_id: int, past: int = 0
) -> dict[str, torch.Tensor]:
    """Model inputs for sequences of one kind (packed or not), right-padded to `length`; [rows, length].

    Causal attention never looks to the right, so padding there needs no mask and the fastest kernels apply. Rows beyond
    the sequences repeat the first one. `past`: tokens before these that are in a cache; every token sees them.
    """
    filled = [*layouts, *([layouts[0]] * (rows - len(layouts)))]
    input_ids = torch.full((rows, length), pad_id, dtype=torch.long)
    for row, layout in enumerate(filled):
        input_ids[row, : len(layout.tokens)] = torch.tensor(layout.tokens)
    if not any(layout.packed for layout in layouts):
        return {"input_ids": input_ids}
    mask = torch.ones((rows, 1, length, length), dtype=torch.bool).tril()
    position_ids = torch.arange(length).repeat(rows, 1)
    for row, layout in enumerate(filled):
        start = layout.prompt_length
        for tokens in layout.branches:
            stop = start + tokens
            mask[row, 0, start:stop, layout.prompt_length : start] = False
            mask[row, 0, stop:, start:stop] = False
            position_ids[row, start:stop] = torch.arange(layout.prompt_length, layout.prompt_length + tokens)
            start = stop
        # Padding sees the prompt only, like an empty continuation: a row of nothing but False would become NaN.
        mask[row, 0, start:, start:] = torch.eye(length - start, dtype=torch.bool)
    mask = F.pad(mask, (past, 0), value=True)
    return {"input_ids": input_ids, "attention_mask": mask, "position_ids": position_ids + past}
