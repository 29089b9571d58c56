"""One request after another with stock transformers under `run_chain`: the exact, general path, and the yardstick.

The fast engine falls back to it for models that its batched path doesn't support, and is compared with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers.cache_utils import DynamicCache

from skiploop.chains.chain import Chain
from skiploop.chains.policy import CachePolicy
from skiploop.engine.request import Request, Result
from skiploop.engine.sampling import draw_token
from skiploop.engine.unconditional import with_unconditional
from skiploop.models.ends import own_settings_aside
from skiploop.models.layered import LayeredModel
from skiploop.models.replay import run_chain
from skiploop.models.slots import cache_argument
from skiploop.models.stops import StopCriteria, is_stopped, stop_tokens


class PlainEngine:
    """Runs each request alone: generation with a cache, one full forward for each continuation."""

    def __init__(self, model: LayeredModel) -> None:
        self.model = model
        self.layer_calls = 0  # one layer on one sequence in one forward

    def run(self, requests: Sequence[Request]) -> list[Result]:
        """The results, in request order."""
        return with_unconditional(self._run_each, self.model, requests)

    def _run_each(self, requests: Sequence[Request]) -> list[Result]:
        with torch.inference_mode():
            return [self._run(request) for request in requests]

    def _run(self, request: Request) -> Result:
        if request.continuations:
            return self._score(request)
        if request.expected is not None:
            _, expected = self.model.encode_pair(request.prompt, request.expected, move_space=False)
            emitted = self._generate(request, len(expected) + 1)
            ended = len(emitted) > len(expected) and emitted[len(expected)] in self.model.eos_ids
            matched = ended and emitted[: len(expected)] == expected
            one_pass_decides = bool(self.model.eos_ids) and request.cache_policy == "own"
            if request.with_loglikelihood and one_pass_decides:
                return self._graded(request, expected, matched)
            return Result(matched=matched)
        emitted = self._sample(request) if request.temperature > 0 else self._generate(request, request.max_new_tokens)
        return Result(text=self.model.text_of(self.model.encode(request.prompt), emitted, request.stop))

    def run_alone(self, request: Request) -> Result:
        """The result of one request by itself, which every result of this engine is."""
        return self.run([request])[0]

    def _score(self, request: Request) -> Result:
        sums, lengths, greedy = [], [], []
        with run_chain(self.model.hf, request.chain):
            for continuation in request.continuations:
                prompt, answer = self.model.encode_pair(request.prompt, continuation)
                scores, hits = _scores(self.model, prompt, answer)
                sums.append(float(scores.sum()))
                greedy.append(bool(hits.all()))
                lengths.append(len(answer))
                self.layer_calls += len(request.chain)
        return Result(loglikelihoods=tuple(sums), num_tokens=tuple(lengths), greedy=tuple(greedy))

    def _graded(self, request: Request, expected: Sequence[int], matched: bool) -> Result:
        """A verdict with the log-likelihood of the expected text and its end, by a pass of its own."""
        prompt, _ = self.model.encode_pair(request.prompt, request.expected or "", move_space=False)
        answer = [*expected, *self.model.eos_ids[:1]]
        with run_chain(self.model.hf, request.chain):
            total = float(loglikelihoods(self.model, prompt, answer).sum())
        self.layer_calls += len(request.chain)
        return Result(loglikelihoods=(total,), num_tokens=(len(answer),), matched=matched)

    def _sample(self, request: Request) -> list[int]:
        """Tokens drawn one by one, from the same generator as in `skiploop.engine.decoding`.

        Without a cache, except where its policy matters.
        """
        ids, emitted = self.model.encode(request.prompt), list[int]()
        generator = torch.Generator().manual_seed(request.seed)
        if request.cache_policy != "own":
            return self._sample_cached(request, ids, generator)
        with run_chain(self.model.hf, request.chain):
            while len(emitted) < request.max_new_tokens and not self._is_done(request, ids, emitted):
                inputs = torch.tensor([[*ids, *emitted]], device=self.model.device)
                logits = self.model.hf(input_ids=inputs, use_cache=False).logits[0, -1]
                emitted.append(draw_token(logits, request.temperature, generator))
                self.layer_calls += len(request.chain)
        return emitted

    def _sample_cached(self, request: Request, ids: list[int], generator: torch.Generator) -> list[int]:
        emitted: list[int] = []
        name = cache_argument(self.model.hf)
        cache = DynamicCache(config=self.model.hf.config.get_text_config(decoder=True))
        with run_chain(self.model.hf, request.chain, cache_policy=request.cache_policy):
            while len(emitted) < request.max_new_tokens and not self._is_done(request, ids, emitted):
                inputs = torch.tensor([emitted[-1:] or ids], device=self.model.device)
                logits = self.model.hf(input_ids=inputs, use_cache=True, **{name: cache}).logits[0, -1]
                self.layer_calls += request.decoding_depth if emitted else len(request.chain)
                emitted.append(draw_token(logits, request.temperature, generator))
        return emitted

    def _is_done(self, request: Request, prompt: Sequence[int], emitted: Sequence[int]) -> bool:
        ends = {*self.model.eos_ids, *stop_tokens(self.model.tokenizer, request.stop)}
        return bool(emitted) and (emitted[-1] in ends or is_stopped(self.model, prompt, emitted, request.stop))

    def _generate(self, request: Request, max_new_tokens: int) -> list[int]:
        ids = self.model.encode(request.prompt)
        emitted = greedy(
            self.model, [ids], request.chain, max_new_tokens, cache_policy=request.cache_policy, stop=request.stop
        )[0]
        self.layer_calls += len(request.chain) + request.decoding_depth * max(0, len(emitted) - 1)
        return emitted


def loglikelihoods(model: LayeredModel, prompt: Sequence[int], continuation: Sequence[int]) -> torch.Tensor:
    """Log-likelihood in nats of each token of a continuation, [tokens], under the chain that is active; one forward."""
    return _scores(model, prompt, continuation)[0]


def _scores(
    model: LayeredModel, prompt: Sequence[int], continuation: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-likelihood of each token, and whether it is the arg-max, both [tokens]."""
    # Without the last token, which nothing follows: rotary embeddings of some models depend on the length.
    ids = torch.tensor([[*prompt, *continuation]], device=model.device)
    logits: torch.Tensor = model.hf(input_ids=ids[:, :-1], use_cache=False).logits[0, len(prompt) - 1 :]
    targets = ids[0, len(prompt) :]
    largest, best = logits.max(-1)
    hits = (best == targets) & (largest > -torch.inf)  # false for NaN
    # Not log_softmax: on a CPU its float32 sums lose 2e-5 nats a token with a vocabulary of 49,152.
    logits = logits.float()
    return logits.gather(1, targets[:, None])[:, 0] - logits.logsumexp(-1), hits


def greedy(
    model: LayeredModel,
    prompts: list[list[int]],
    chain: Chain,
    max_new_tokens: int,
    *,
    cache_policy: CachePolicy = "own",
    stop: Sequence[str] = (),
) -> list[list[int]]:
    """Tokens that stock `generate` emits after prompts of equal length, EOS and what follows it included.

    Greedy means the arg-max of the model's own logits: penalties and other settings of a checkpoint's generation config
    are ignored, because with them a forced pass and a generation could give different verdicts.
    """
    ids = torch.tensor(prompts, device=model.device)
    ends = (*model.eos_ids, *stop_tokens(model.tokenizer, stop))
    criteria = {"stopping_criteria": [StopCriteria(model, prompts, stop)]} if stop else {}
    pad = ends[0] if ends else 0
    with run_chain(model.hf, chain, cache_policy=cache_policy), own_settings_aside(model.hf, ends, pad):
        output = model.hf.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=max_new_tokens,
            do_sample=False,
            **criteria,
        )
    emitted: list[list[int]] = output[:, ids.shape[1] :].tolist()
    return emitted
