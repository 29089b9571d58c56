"""Chains that a look into the model suggests, for all inputs: what a static search is compared with.

    influence   ShortGPT (arXiv 2403.03853): how much each layer turns the hidden state, on the training prompts
    gates       a gate on each layer, trained by gradient on the training answers (`skiploop.models.gates`)

Torch is imported when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from skiploop.chains.chain import Chain
from skiploop.studies.evaluation import request
from skiploop.tasks import Example, Task

PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0)
"""What an open gate costs, in nats: one training each, from chains that keep nearly all layers to short ones."""

_BATCH = 16


@dataclass(frozen=True, slots=True)
class References:
    """What there is to compare with; None: left out.

    Attributes:
        influence: Block Influence of each layer, measured on prompts.
        gates: the chains that training gates on examples gives.
    """

    influence: Callable[[Sequence[str]], Sequence[float]] | None = None
    gates: Callable[[Sequence[Example]], Sequence[Chain]] | None = None


def of_model(model: Any, task: Task, *, gates: bool, seed: int) -> References:
    """The references of a `LayeredModel`; gates only where they are wanted, as they need memory for gradients."""
    return References(
        lambda prompts: _influence(model, prompts),
        (lambda examples: gate_chains(model, task, examples, seed=seed)) if gates else None,
    )


def gate_chains(
    model: Any,
    task: Task,
    examples: Sequence[Example],
    *,
    seed: int = 0,
    penalties: Sequence[float] = PENALTIES,
    steps: int = 200,
) -> list[Chain]:
    """The distinct chains that gates trained on the right answers of these examples leave open, one per penalty."""
    from skiploop.models.gates import train_gates

    batches = answer_batches(model, task, examples)
    found = [train_gates(model.hf, batches, steps=steps, penalty=penalty, seed=seed).chain for penalty in penalties]
    return list(dict.fromkeys(found))


def answer_batches(model: Any, task: Task, examples: Sequence[Example]) -> list[Any]:
    """Token ids and labels, both [B, T], of prompts with their right answers; only the answers are labelled."""
    import torch

    from skiploop.models.gates import IGNORED

    end = list(model.eos_ids[:1])
    batches = []
    for start in range(0, len(examples), _BATCH):
        pairs = [_pair(model, task, each) for each in examples[start : start + _BATCH]]
        longest = max([len(prompt) + len(answer) + len(end) for prompt, answer in pairs])
        ids = torch.full((len(pairs), longest), end[0] if end else 0)
        labels = torch.full_like(ids, IGNORED)
        for row, (prompt, answer) in enumerate(pairs):
            written = torch.tensor([*prompt, *answer, *end])
            ids[row, : len(written)] = written
            labels[row, len(prompt) : len(written)] = written[len(prompt) :]
        batches.append((ids.to(model.device), labels.to(model.device)))
    return batches


def _pair(model: Any, task: Task, example: Example) -> tuple[list[int], list[int]]:
    asked = request(task, example, Chain.identity(model.num_layers))
    if asked.continuations and example.gold is not None:
        answer = asked.continuations[example.gold]
    else:
        answer = example.answer if asked.expected is None else asked.expected
    prompt, tokens = model.encode_pair(example.prompt, answer)
    return list(prompt), list(tokens)


def _influence(model: Any, prompts: Sequence[str]) -> Sequence[float]:
    from skiploop.models.influence import block_influence

    return block_influence(model, prompts)
