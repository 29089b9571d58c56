"""Gradients of one optimizer step, computed by a few single-threaded processes that share the weights.

On a shared CPU several threads inside one matrix product wait for the slowest of them all the time
(measured on two busy cores: 20 GFLOP/s with two threads, 75 with one). Processes that fetch whole
micro-batches from a common counter do not: each takes the next one when it is done with its last. The
batches don't depend on who computes them, so a run is reproducible up to the order in which floating-point
numbers are summed.
"""

from __future__ import annotations

import torch
import torch.multiprocessing as mp
import torch.nn.functional as F
from batches import IGNORE, Batch, micro_batches
from torch import Tensor
from transformers import LlamaForCausalLM

# An orphaned worker (parent killed) gives up after this many seconds of waiting for a step.
PATIENCE_S = 600


def answer_loss(model: LlamaForCausalLM, batch: Batch) -> Tensor:
    """Cross-entropy on answer and EOS, summed over the batch; an example with n of them counts as sqrt(n).

    Between the mean per token, where lists drown the one letter of a choice, and the mean per example.
    """
    hidden = model.model(input_ids=batch.tokens, use_cache=False).last_hidden_state[:, :-1]  # [B, S-1, D]
    labels = batch.labels[:, 1:]
    keep = labels != IGNORE
    weight = (keep / keep.sum(1, keepdim=True).sqrt())[keep]
    losses = F.cross_entropy(model.lm_head(hidden[keep]).float(), labels[keep], reduction="none")
    return (losses * weight).sum()


class Team:
    """`workers` processes (the caller is one of them) that turn a step number into gradients on `model`."""

    def __init__(
        self, model: LlamaForCausalLM, *, workers: int, seed: int, rows: int, parts: int, compiled: bool
    ) -> None:
        self.model, self.seed, self.rows, self.parts, self.compiled = model, seed, rows, parts, compiled
        context = mp.get_context("spawn")
        self.start, self.done = context.Barrier(workers), context.Barrier(workers)
        self.next_part = context.Value("i", 0)
        # [step, tilt, layer-drop]; step -1 ends the workers.
        self.order = torch.zeros(3, dtype=torch.float64).share_memory_()
        self.tallies = torch.zeros(workers, 2, dtype=torch.float64).share_memory_()  # loss sum, tokens
        size = sum(p.numel() for p in model.parameters())
        self.flat_grads = [torch.zeros(size).share_memory_() for _ in range(workers - 1)]
        if workers > 1:
            model.share_memory()
            for rank in range(1, workers):
                context.Process(target=_work, args=(self, rank), daemon=True).start()
        if compiled:
            compile_layers(model)

    def gradients(self, step: int, tilt: float, layer_drop: float) -> tuple[float, int]:
        """Leave the mean gradient of this step in `.grad`; return the mean loss and the number of tokens."""
        self.order.copy_(torch.tensor([step, tilt, layer_drop], dtype=torch.float64))
        self.next_part.value = 0
        self.tallies.zero_()
        self.start.wait(PATIENCE_S)
        self.compute(0)
        self.done.wait(PATIENCE_S)
        examples = self.rows * self.parts
        grads = [p.grad for p in self.model.parameters()]
        for flat in self.flat_grads:
            pieces = flat.split([g.numel() for g in grads])
            torch._foreach_add_(grads, [piece.view_as(g) for piece, g in zip(pieces, grads, strict=True)])
        torch._foreach_div_(grads, examples)
        loss, tokens = self.tallies.sum(0).tolist()
        return loss / examples, int(tokens)

    def compute(self, rank: int) -> None:
        """Take micro-batches until none is left; gradients are summed into `.grad`."""
        step, tilt, layer_drop = int(self.order[0]), float(self.order[1]), float(self.order[2])
        for p in self.model.parameters():
            p.grad = torch.zeros_like(p) if p.grad is None else p.grad.zero_()
        batches = list(micro_batches(self.seed, step, tilt, rows=self.rows, parts=self.parts))
        device = self.model.device
        while (part := self._take()) < self.parts:
            batch = Batch(batches[part].tokens.to(device), batches[part].labels.to(device))
            with (
                torch.autocast("cuda", torch.bfloat16, enabled=device.type == "cuda"),
                dropped(self.model, layer_drop),
            ):
                loss = answer_loss(self.model, batch)
            loss.backward()
            self.tallies[rank, 0] += float(loss.detach())
            self.tallies[rank, 1] += int((batches[part].tokens != 0).sum())

    def _take(self) -> int:
        # Longest micro-batches (the last ones) first, so that no process is left with a long one at the end.
        with self.next_part.get_lock():
            self.next_part.value += 1
            taken = int(self.next_part.value)
        return self.parts - taken if taken <= self.parts else self.parts

    def close(self) -> None:
        """End the other processes."""
        self.order[0] = -1
        self.start.wait(PATIENCE_S)


class dropped:  # noqa: N801
    """Leave each layer out with probability p inside the context (off for the model in the package)."""

    def __init__(self, model: LlamaForCausalLM, p: float) -> None:
        self.stack, self.layers, self.p = model.model, model.model.layers, p

    def __enter__(self) -> None:
        if self.p > 0:
            kept = [layer for layer in self.layers if float(torch.rand(())) >= self.p]
            self.stack.layers = torch.nn.ModuleList(kept)

    def __exit__(self, *_: object) -> None:
        self.stack.layers = self.layers


def compile_layers(model: LlamaForCausalLM) -> None:
    """One compiled graph for all layers; compiling the whole model takes minutes."""
    for layer in model.model.layers:
        layer.compile(dynamic=True)


def _work(team: Team, rank: int) -> None:
    torch.set_num_threads(1)
    if team.compiled:
        compile_layers(team.model)
    while True:
        try:
            team.start.wait(PATIENCE_S)
            if team.order[0] < 0:
                return
            team.compute(rank)
            torch.cat([p.grad.flatten() for p in team.model.parameters()], out=team.flat_grads[rank - 1])
            team.done.wait(PATIENCE_S)
        except (KeyboardInterrupt, ConnectionError):
            return
        except Exception as error:
            if type(error).__name__ != "BrokenBarrierError":
                raise
            return
