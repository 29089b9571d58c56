"""One evaluation: what the engine is asked for, and what its answer is worth. No torch.

    verbatim tasks     one forced pass: would greedy decoding emit the wanted answer, then stop?
    options            the log-likelihood of each; the task picks the best by its metric
    everything else    greedy decoding; the task judges the text

The identity's text is always generated (where there is one), because its own answer is shown, and because an
answer that can't be read must be told from a wrong one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from skiploop.chains.chain import Chain
from skiploop.chains.policy import CachePolicy
from skiploop.engine.request import Request, Result
from skiploop.errors import InvalidInput
from skiploop.storage.files import Line
from skiploop.studies.arms import GOLD, InputState, Outcome
from skiploop.studies.guide import guide_of, option_scores
from skiploop.tasks import Example, Task, Verdict


class Encoder(Protocol):
    """What is asked of a model here: its tokens and its limit."""

    @property
    def context_length(self) -> int | None:
        """Most tokens of a sequence, None where there is no limit."""

    def encode(self, text: str) -> list[int]:
        """The tokens of a text, with the tokenizer's special tokens."""


def request(task: Task, target: Example, chain: Chain, *, guided: bool = False) -> Request:
    """What is run to judge a chain by a target, and where `guided` also to say how near it came."""
    if task.verbatim:
        return Request(target.prompt, chain, expected=target.answer, with_loglikelihood=guided)
    return shown_request(task, target, chain)


def request_under(task: Task, target: Example, chain: Chain, policy: CachePolicy) -> Request:
    """`request` under a cache policy of the chain's loops."""
    asked = request(task, target, chain)
    return asked if policy == asked.cache_policy else replace(asked, cache_policy=policy)


def shown_request(task: Task, example: Example, chain: Chain) -> Request:
    """What is run when the answer is to be seen, whatever it is."""
    if task.scores_options:
        options = task.continuations(example)
        return Request(example.prompt, chain, continuations=options, unconditional=task.needs_unconditional)
    return Request(example.prompt, chain, max_new_tokens=task.max_new_tokens, stop=task.stop)


def shown_verdict(task: Task, example: Example, result: Result) -> Verdict:
    """The verdict on an answer to `shown_request`."""
    if task.scores_options:
        return task.judge_scores(example, option_scores(task, example, result))
    return task.judge_text(example, result.text or "")


def every_metric_request(task: Task, example: Example, chain: Chain) -> Request:
    """What is run when options are judged by every metric; the request of `shown_request`, and what PMI needs."""
    return replace(shown_request(task, example, chain), unconditional=task.scores_options)


def rewards_by_metric(task: Task, example: Example, result: Result) -> dict[str, float]:
    """What an answer to `every_metric_request` is worth by each metric; by one alone where text is judged."""
    if task.scores_options:
        return task.rewards_by_metric(example, option_scores(task, example, result))
    return {"accuracy": reward(task, example, result)}


def metric_lines(task: Task, examples: Sequence[Example], results: Sequence[Result]) -> list[Line]:
    """The lines of metrics.jsonl, of answers to `every_metric_request`."""
    pairs = zip(examples, results, strict=True)
    return [{"input": each.id, "metrics": rewards_by_metric(task, each, result)} for each, result in pairs]


def reward(task: Task, target: Example, result: Result) -> float:
    """What an answer to `request` is worth by the target."""
    if task.verbatim:
        return float(bool(result.matched))
    return shown_verdict(task, target, result).reward


def outcome(task: Task, state: InputState, target: int, result: Result) -> Outcome:
    """What one answer to `request` says about the gold answer and about the wrong one."""
    if task.verbatim:
        matched, near = float(bool(result.matched)), guide_of(task, state.targets[target], result)
        return (
            Outcome((matched, None), None, (near, None))
            if target == GOLD
            else Outcome((None, matched), None, (None, near))
        )
    gold, wrong = state.targets
    verdict = shown_verdict(task, gold, result)
    other = None if wrong is None else shown_verdict(task, wrong, result).reward
    return Outcome(
        (verdict.reward, other), verdict.answer, (guide_of(task, gold, result), guide_of(task, wrong, result))
    )


def wrong_target(task: Task, state: InputState, answer: str | None, text: str | None) -> Example | None:
    """The wrong answer that the control aims at: not the one that the identity gives by itself."""
    for candidate in state.candidates:
        said = candidate.answer == answer if text is None else task.judge_text(candidate, text).reward > 0
        if not said:
            return candidate
    return None


def check_scores(example: Example, result: Result, dtype: str) -> None:
    """Raises InvalidInput where the model itself, without any chain, gives scores that aren't numbers."""
    bad = [score for score in result.loglikelihoods if not math.isfinite(score)]
    if bad:
        raise InvalidInput(
            f"the model's own scores of the example {example.id!r} aren't finite ({bad[0]}) in {dtype}: the "
            "dtype is too narrow or the checkpoint damaged; try --dtype float32 or bfloat16"
        )


def check_lengths(task: Task, examples: Sequence[Example], model: Encoder) -> None:
    """Raises InvalidInput for an example that doesn't fit into the model's context or the task's limit."""
    for example in examples:
        used = len(model.encode(example.prompt))
        if task.verbatim:
            answer = len(model.encode(example.prompt + example.answer)) - used + 1
            if answer > task.max_new_tokens:
                raise InvalidInput(
                    f"the answer of the example {example.id!r} takes {answer} tokens with its end, and "
                    f"{task.max_new_tokens} may be generated; use --max-new-tokens {answer} or more"
                )
        if task.scores_options:
            added = max(len(model.encode(example.prompt + c)) for c in task.continuations(example)) - used
        else:
            added = task.max_new_tokens
        if model.context_length is not None and used + added > model.context_length:
            raise InvalidInput(
                f"the example {example.id!r} takes {used} tokens and up to {added} for its answer, "
                f"{used + added} together; the model's context holds {model.context_length}. Shorten the "
                "prompt, lower --max-new-tokens, or leave the example out"
            )
