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

PMI = "acc_mutual_info"
WORDS = {
    "acc": "",
    "acc_norm": " per character",
    "acc_bytes": " per byte",
    "acc_per_token": " per token",
    PMI: " over that without the question",
}
"""What each metric makes of the highest log-likelihood, in words."""
METRICS = tuple(WORDS)


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

    def __post_init__(self) -> None:
        counts = len(self.texts), len(self.loglikelihoods), len(self.num_tokens)
        if len(set(counts)) > 1 or len(self.unconditional or self.texts) != len(self.texts):
            raise ValueError("{} options, {} scores and {} token counts".format(*counts))

    def by(self, metric: str) -> list[float] | None:
        """The scores that decide by one of `METRICS`; None where the chain broke the model (one is NaN)."""
        scores = self._by(metric)
        return None if any(math.isnan(score) for score in scores) else scores

    def pick(self, metric: str) -> int | None:
        """The option that a metric prefers; None where the chain broke the model."""
        scores = self.by(metric)
        return None if scores is None else max(range(len(scores)), key=scores.__getitem__)

    def picks(self) -> dict[str, int | None]:
        """The same of every metric that there are scores for."""
        return {name: self.pick(name) for name in METRICS if name != PMI or self.unconditional is not None}

    def _by(self, metric: str) -> list[float]:
        if metric == PMI:
            if self.unconditional is None:
                raise ValueError(f"{PMI} needs the log-likelihoods of the options where nothing stands before them")
            return [a - b for a, b in zip(self.loglikelihoods, self.unconditional, strict=True)]
        lengths = {
            "acc": [1] * len(self.texts),
            "acc_norm": [len(text) for text in self.texts],
            "acc_bytes": [len(text.encode()) for text in self.texts],
            "acc_per_token": list(self.num_tokens),
        }[metric]
        if min(lengths) < 1:
            raise ValueError(f"an option of length {min(lengths)} can't be scored")
        return [score / length for score, length in zip(self.loglikelihoods, lengths, strict=True)]
