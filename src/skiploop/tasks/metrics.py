"""Accuracies of options that the field quotes: by log-likelihoods, over lengths, and against an empty context.

    acc               the sum of the log-likelihoods of the option's tokens
    acc_norm          over the characters of the option's text
    acc_bytes         over its bytes in UTF-8
    acc_per_token     over its tokens, the space before it included
    acc_mutual_info   minus its log-likelihood where nothing stands before it (pointwise mutual information, PMI)

All but `acc_per_token` are those of lm-evaluation-harness 0.4.13 (`ConfigurableTask.process_results`): the length is
that of the option's text, without the space before it, and the first of equal scores wins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

METRICS = ("acc", "acc_norm", "acc_bytes", "acc_per_token", "acc_mutual_info")


@dataclass(frozen=True, slots=True)
class OptionScores:
    """What a model says of the options of one question.

    Attributes:
        texts: the options, without a space before them.
        loglikelihoods: of each after the question, in nats.
        num_tokens: of each.
        unconditional: the log-likelihood of each where nothing stands before it; None: not asked for.
    """

    texts: Sequence[str]
    loglikelihoods: Sequence[float]
    num_tokens: Sequence[int]
    unconditional: Sequence[float] | None = None

    def picks(self) -> dict[str, int | None]:
        """The option that each metric prefers; None where the chain broke the model (a score is NaN)."""
        given = self.loglikelihoods
        scores = {
            "acc": list(given),
            "acc_norm": _over(given, [len(text) for text in self.texts]),
            "acc_bytes": _over(given, [len(text.encode()) for text in self.texts]),
            "acc_per_token": _over(given, self.num_tokens),
        }
        if self.unconditional is not None:
            scores["acc_mutual_info"] = [a - b for a, b in zip(given, self.unconditional, strict=True)]
        return {name: _best(each) for name, each in scores.items()}


def _over(scores: Sequence[float], lengths: Sequence[int]) -> list[float]:
    return [score / length for score, length in zip(scores, lengths, strict=True)]


def _best(scores: Sequence[float]) -> int | None:
    if any(math.isnan(score) for score in scores):
        return None
    return max(range(len(scores)), key=scores.__getitem__)
