"""Search by a generative flow network: chains in proportion to exp(beta * reward), behind ask/tell. numpy, no torch.

The flow (`skiploop.searchers.samplers.flows.Tree`) answers the space's questions one after the other; it is trained by
trajectory balance (Malkin et al. 2022, arXiv 2201.13259) on all rewards told so far, and asked for chains that
nobody has seen yet. Trajectory balance works off policy, so chains from elsewhere are as good to learn from as its own.
What is notable:

- A share of the chains is drawn uniformly, whatever was learned (`exploration`), so that nothing is left out for ever.
- Where the flow only gives chains seen before, a uniform one takes their place: a small space is exhausted to the last.
- With few earlier answers as context the flow carries over to chains not seen, as it has to; it can then only learn
  rewards that are about additive over the questions. A long context learns any, from far more rewards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skiploop.chains.chain import Chain
from skiploop.searchers.base import Layers, LearningSearcher
from skiploop.searchers.samplers.flows import Policy, QuestionFlow, fit
from skiploop.searchers.samplers.random import RandomSearcher
from skiploop.spaces.space import Space
from skiploop.validate import SHARE, numbers

_DRAWS = 8  # from the flow, each of them seen before, until a chain is drawn uniformly instead


@dataclass(frozen=True, slots=True)
class GFlowNetSettings:
    """The constants of the flow.

    Attributes:
        beta: chains are sampled in proportion to exp(beta * reward).
        exploration: share of chains drawn uniformly from the space, whatever was learned.
        context: how many earlier answers each answer depends on.
        learning_rate: of Adam, for the logits; log Z learns four times as fast.
        updates: steps of training for each reward.
        batch: trajectories of one such step.
    """

    beta: float = 20.0
    exploration: float = 0.1
    context: int = 1
    learning_rate: float = 0.05
    updates: int = 2
    batch: int = 16

    def __post_init__(self) -> None:
        numbers(self, whole={"context": 0, "updates": 0, "batch": 1}, within={"exploration": SHARE})


class GFlowNetSearcher(LearningSearcher[GFlowNetSettings]):
    """Asks for chains drawn from a flow that is trained on all rewards told so far.

    Args:
        space: where the chains come from.
        seed: seeds this searcher's own generators.
        settings: the constants of the flow.
    """

    settings_type = GFlowNetSettings

    def __init__(self, space: Space, *, seed: int = 0, settings: GFlowNetSettings | None = None) -> None:
        super().__init__(space, seed=seed, settings=settings)
        rate = self.settings.learning_rate
        self.flow = QuestionFlow(space, Policy(math.log(space.count()), rate, 4 * rate), self.settings.context)
        self._generator = np.random.default_rng(self.seed)
        self._rest = RandomSearcher(space, seed=self.seed)
        self._new: dict[Chain, float] = {}  # told since the last ask
        self._log_rewards: dict[Chain, float] = {}  # what is trained on

    def _prepare(self, wanted: int) -> None:
        if wanted:
            self._train()

    def _take(self, chain: Chain, reward: float) -> None:
        """Keeps the reward until the next ask, so that the order of tells doesn't matter."""
        self._new[chain] = reward

    def _train(self) -> None:
        """Takes in what was told since, in an order of its own, and goes on training."""
        if not self._new:
            return
        told = sorted(self._new.items(), key=lambda pair: pair[0].layers)
        if not self._log_rewards:  # a start for log Z that is right where all chains are alike
            self.flow.policy.start(math.log(self.space.count()) + self.settings.beta * _mean([r for _, r in told]))
        self._log_rewards |= {chain: self.settings.beta * reward for chain, reward in told}
        steps = self.settings.updates * len(told)
        fit(self.flow, self._log_rewards, steps=steps, batch=self.settings.batch, rng=self._generator)
        self._new.clear()

    def _next(self) -> Layers | None:
        """From the flow, or else a uniform chain."""
        if self._generator.random() >= self.settings.exploration:
            for _ in range(_DRAWS):
                layers = self.flow.sample(self._generator).layers
                if layers not in self._seen:
                    return layers
        return self._unseen(self._rest)


def _mean(numbers: Sequence[float]) -> float:
    return math.fsum(numbers) / len(numbers)
