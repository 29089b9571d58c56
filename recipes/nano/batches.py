"""Training batches, generated on the fly: step `n` of seed `s` is the same batch whenever it is asked for.

A step's examples are sorted by length and cut into micro-batches of equal row count, so that little is
padding and each gradient still sees all families. Padded lengths are multiples of `LENGTH_STEP`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from problems import TRAIN_SIZES, Problem, sample
from tokenizer import BOS_ID, EOS_ID, PAD_ID, build_tokenizer
from torch import Tensor

LENGTH_STEP = 2
IGNORE = -100
# Share of training examples by family; what is harder to learn gets more.
FAMILY_WEIGHTS = {
    "arithmetic": 0.30,
    "equation": 0.15,
    "sort": 0.22,
    "string": 0.10,
    "count": 0.12,
    "choice": 0.11,
}
_TOKENIZER = build_tokenizer()


@dataclass(frozen=True, slots=True)
class Batch:
    """Right-padded tokens [B, S] and the same with everything but answer and EOS replaced by `IGNORE`."""

    tokens: Tensor
    labels: Tensor


def draw(rng: random.Random, tilt: float) -> Problem:
    """One training problem. The larger `tilt`, the more often a small size; at 0 all sizes come alike."""
    (family,) = rng.choices(list(FAMILY_WEIGHTS), list(FAMILY_WEIGHTS.values()))
    sizes = TRAIN_SIZES[family]
    weights = [(1 - i / len(sizes)) ** tilt for i in range(len(sizes))]
    (size,) = rng.choices(sizes, weights)
    return sample(rng, family, size, "train")


def collate(problems: list[Problem]) -> Batch:
    """Tokenise, append EOS, pad on the right (with causal attention no mask is needed there)."""
    rows, starts = [], []
    for problem in problems:
        prompt = [BOS_ID, *_TOKENIZER.encode(problem.prompt, add_special_tokens=False).ids]
        answer = _TOKENIZER.encode(problem.answer, add_special_tokens=False).ids
        rows.append([*prompt, *answer, EOS_ID])
        starts.append(len(prompt))
    width = -(-max(map(len, rows)) // LENGTH_STEP) * LENGTH_STEP
    tokens = torch.full((len(rows), width), PAD_ID)
    labels = torch.full((len(rows), width), IGNORE)
    for i, (row, start) in enumerate(zip(rows, starts, strict=True)):
        tokens[i, : len(row)] = torch.tensor(row)
        labels[i, start : len(row)] = tokens[i, start : len(row)]
    return Batch(tokens, labels)


def micro_batches(seed: int, step: int, tilt: float, *, rows: int, parts: int) -> Iterator[Batch]:
    """The `parts` micro-batches, of `rows` examples each, of one optimizer step."""
    rng = random.Random(f"nano/{seed}/{step}")
    drawn = [draw(rng, tilt) for _ in range(rows * parts)]
    problems = sorted(drawn, key=lambda p: len(p.prompt) + len(p.answer))
    for i in range(parts):
        yield collate(problems[i * rows : (i + 1) * rows])
