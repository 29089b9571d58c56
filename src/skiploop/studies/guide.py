"""The guide: how near a chain came to an answer, mostly from the pass that also gives the verdict. No torch.

A verdict is 1 or 0, and until the first 1 it teaches a searcher nothing. The guide g, in [0, 1], does:

    verbatim           exp(mean log p(token)) over the tokens of the wanted answer and its end
    choice, letter     the soft-max share of the wanted option, of the scores that decide between the options
    all others         exp(mean log p(token)) over the tokens of the wanted answer, right after the prompt

The last takes a pass of its own, as the text was generated. It is run where it pays: for a wrong answer, of an arm that
learns, where a text may have so many tokens (`LONG`) that generating it costs far more, and where a reference answer is
known. Elsewhere there is no guide.

A searcher is told 1 where the answer is right and g / 2 where it isn't, so no wrong answer comes near a right one. The
control is guided to its wrong answer in the same way. Figures use verdicts only.
"""

from __future__ import annotations

import math

from skiploop.chains.chain import Chain
from skiploop.engine.request import Request, Result
from skiploop.tasks import Example, Task
from skiploop.tasks.metrics import OptionScores

LONG = 64
"""Tokens that a generation may take at least, for one more pass to be cheap beside it."""

_DIGITS = 5  # kept of a guide: rounding in other batches or on other machines is smaller


def guided_reward(reward: float, guide: float | None) -> float:
    """What a searcher is told of a verdict and a guide; the verdict alone where there is no guide."""
    return reward if guide is None else max(reward, guide / 2)


def guide_request(task: Task, target: Example, chain: Chain) -> Request | None:
    """The pass that guides where text is generated; None where it doesn't pay, or the verdict's pass says it all."""
    if task.verbatim or task.scores_options or task.max_new_tokens < LONG or not target.answer:
        return None
    return Request(target.prompt, chain, continuations=(task.following(target, target.answer),))


def guide_of(task: Task, target: Example | None, result: Result) -> float | None:
    """How near an answer came to the target, None where its scoring has no guide."""
    if target is None or not result.loglikelihoods:
        return None
    if task.scores_options:
        return _share(option_scores(task, target, result).by(task.metric), target.gold)
    mean = result.loglikelihoods[0] / result.num_tokens[0]
    return 0.0 if math.isnan(mean) else _rounded(math.exp(min(mean, 0.0)))


def option_scores(task: Task, example: Example, result: Result) -> OptionScores:
    """What the engine says of an example's options."""
    return task.option_scores(example, result.loglikelihoods, result.num_tokens, result.unconditional or None)


def _share(scores: list[float] | None, wanted: int | None) -> float:
    if scores is None or wanted is None or not math.isfinite(top := max(scores)):
        return 0.0
    weights = [math.exp(score - top) for score in scores]
    return _rounded(weights[wanted] / sum(weights))


def _rounded(guide: float) -> float:
    return round(guide, _DIGITS)
