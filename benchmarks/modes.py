"""What `engine.py` measures: each mode with plain transformers for one evaluation, with the engine for all.

Plain transformers is a fair one: the chain as a physically rebuilt model, its stock forward or `generate`,
logits of the last positions only where no more is wanted. The engine is new each time, without states yet.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from skiploop import Chain, Engine
from skiploop.engine.decode_batch import DecodeRow
from skiploop.engine.packing import Layout, lay_out
from skiploop.models.unroll import unroll
from workload import Workload

Evaluation = tuple[int, Chain]  # one evaluation: the input and its chain


@dataclass(slots=True)
class Answer:
    """What one evaluation gives: `exact` is compared entry by entry, `scores` by largest difference."""

    exact: tuple[Any, ...]
    scores: torch.Tensor | None = None


class Scoring:
    """`score`, `choice`, `forced`: one layout for each input, one call of `Engine.score_layouts`."""

    def __init__(self, work: Workload, args: argparse.Namespace) -> None:
        self.work, self.mode = work, args.mode
        self.settings = {"max_batch_tokens": args.batch_tokens, "compile": args.compile}
        self.layouts = [self._layout(i, args) for i in range(len(work.prompts))]

    def _layout(self, i: int, args: argparse.Namespace) -> Layout:
        prompt = self.work.prompts[i]
        if self.mode == "choice":
            seeds = [10**6 + 100 * i + k for k in range(args.choices)]
            return lay_out(prompt, [self.work.tokens(args.choice_tokens, seed) for seed in seeds])
        count = 1 if self.mode == "score" else args.new_tokens + 1  # the last one stands for the answer's end
        # What some chain of this input says, so that verdicts of both kinds come up.
        chain = self.work.chains[i][i % len(self.work.chains[i])]
        return lay_out(prompt, [generated(unroll(self.work.model.hf, chain), prompt, count)])

    @property
    def forwards(self) -> int:
        """Forwards of plain transformers in one evaluation."""
        layout = self.layouts[0]
        return {"score": 1, "choice": len(layout.lengths), "forced": len(layout.targets)}[self.mode]

    def plain(self, model: Any, pair: Evaluation) -> Answer:
        """One evaluation with the physically rebuilt model."""
        layout = self.layouts[pair[0]]
        prompt = layout.tokens[: layout.prompt_length]
        if self.mode == "forced":
            return Answer((tuple(generated(model, prompt, len(layout.targets))) == layout.targets,))
        if self.mode == "score":
            logits = model(input_ids=ids_of(model, prompt), use_cache=False, logits_to_keep=1).logits[0, -1]
            scores = _likelihood(logits[None], layout.targets)[None]
            return Answer((int(logits.argmax()) == layout.targets[0],), scores)
        sums, start = [], 0
        for length in layout.lengths:
            target = layout.targets[start : start + length]
            start += length
            ids = ids_of(model, (*prompt, *target[:-1]))
            logits = model(input_ids=ids, use_cache=False, logits_to_keep=length).logits[0]
            sums.append(_likelihood(logits, target))
        scores = torch.stack(sums)
        return Answer((int(scores.argmax()),), scores)

    def run(self, pairs: list[Evaluation]) -> tuple[dict[Evaluation, Answer], int]:
        """All evaluations, and the layer calls that they took."""
        engine = Engine(self.work.model, **self.settings)
        scored = engine.score_layouts([(self.layouts[i], chain.layers) for i, chain in pairs])
        found = {}
        for i, chain in pairs:
            score = scored[self.layouts[i], chain.layers]
            sums = torch.tensor(score.loglikelihoods).view(len(self.layouts[i].lengths), -1).sum(1)
            found[i, chain] = Answer((int(sums.argmax()) if self.mode == "choice" else score.matched,), sums)
        return found, engine.layer_calls

    def difference(self, plain: dict[Evaluation, Answer], found: dict[Evaluation, Answer]) -> float:
        """Of log-likelihoods, the largest; not timed."""
        worst = 0.0
        for (i, chain), answer in plain.items():
            alone, together = answer.scores, found[i, chain].scores
            assert together is not None
            if alone is None:
                layout, model = self.layouts[i], unroll(self.work.model.hf, chain)
                logits = model(input_ids=ids_of(model, layout.tokens), use_cache=False).logits[0]
                alone = _likelihood(logits[layout.prompt_length - 1 :], layout.targets)[None]
            worst = max(worst, float((alone.cpu() - together.cpu()).abs().max()))
        return worst


class Generating:
    """`generate`: one call of `Decoder.run_rows`."""

    def __init__(self, work: Workload, args: argparse.Namespace) -> None:
        self.work, self.forwards = work, args.new_tokens
        self.settings = {"max_batch_tokens": args.batch_tokens, "compile": args.compile}

    def plain(self, model: Any, pair: Evaluation) -> Answer:
        """One evaluation with the physically rebuilt model."""
        return Answer(tuple(generated(model, self.work.prompts[pair[0]], self.forwards)))

    def run(
        self, pairs: list[Evaluation], *, trace: bool = False, captured: bool = True
    ) -> tuple[dict[Evaluation, Answer], int]:
        """All evaluations, and the layer calls that they took; not `captured`: each of them made from Python."""
        settings = self.settings if captured else self.settings | {"compile": False}
        decoder = Engine(self.work.model, **settings)._decoder(ends=())
        rows = {pair: DecodeRow(self.work.prompts[pair[0]], pair[1].layers, self.forwards) for pair in pairs}
        decoder.run_rows(list(rows.values()), trace=trace)
        logits = {pair: torch.stack(row.trace) if trace else None for pair, row in rows.items()}
        return {p: Answer(tuple(row.emitted), logits[p]) for p, row in rows.items()}, decoder.layer_calls

    def difference(self, plain: dict[Evaluation, Answer], found: dict[Evaluation, Answer]) -> float:
        """Of logits on the first rows, the emitted tokens given, the largest; not timed."""
        worst = 0.0
        for pair, answer in self.run(list(plain)[:4], trace=True)[0].items():
            model = unroll(self.work.model.hf, pair[1])
            ids = ids_of(model, (*self.work.prompts[pair[0]], *answer.exact[:-1]))
            logits = model(input_ids=ids, use_cache=False, logits_to_keep=self.forwards).logits[0]
            assert answer.scores is not None
            worst = max(worst, float((logits.float() - answer.scores.float()).abs().max()))
        return worst


def ids_of(model: Any, tokens: Sequence[int]) -> torch.Tensor:
    """[1, S]."""
    return torch.tensor([list(tokens)], device=model.device)


def generated(model: Any, prompt: Sequence[int], count: int) -> list[int]:
    """Cached greedy generation with stock `generate`, batch 1."""
    ids = ids_of(model, prompt)
    settings = {"max_new_tokens": count, "do_sample": False, "pad_token_id": 0, "use_cache": True}
    tokens: list[int] = model.generate(ids, attention_mask=torch.ones_like(ids), **settings)[0].tolist()
    return tokens[len(prompt) :]


def _likelihood(logits: torch.Tensor, target: Sequence[int]) -> torch.Tensor:
    """Of all target tokens together; `logits` [len(target), V]."""
    wanted = torch.tensor(list(target), device=logits.device)
    return logits.float().log_softmax(-1).gather(1, wanted[:, None]).sum()
