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
from typing import ClassVar

import numpy as np

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers.protocol import checked
from skiploop.searchers.samplers.flows import Policy, Tree, fit
from skiploop.searchers.samplers.random import RandomSearcher
from skiploop.spaces.space import Space
from skiploop.validate import whole_number

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
        for name, least in (("context", 0), ("updates", 0), ("batch", 1)):
            whole_number(name, getattr(self, name), least)
        for name, highest in (("beta", math.inf), ("exploration", 1.0), ("learning_rate", math.inf)):
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not math.isfinite(value) or not 0 <= value <= highest:
                allowed = "in [0, 1]" if highest == 1 else "of at least 0"
                raise InvalidInput(f"{name}={value!r} doesn't work; use a finite number {allowed}")


class GFlowNetSearcher:
    """Asks for chains drawn from a flow that is trained on all rewards told so far.

    Args:
        space: where the chains come from.
        seed: seeds this searcher's own generators.
        settings: the constants of the flow.
    """

    settings_type: ClassVar[type[GFlowNetSettings]] = GFlowNetSettings

    def __init__(self, space: Space, *, seed: int = 0, settings: GFlowNetSettings | None = None) -> None:
        self.space = space
        self.seed = whole_number("seed", seed, 0)
        self.settings = settings or GFlowNetSettings()
        rate = self.settings.learning_rate
        self.flow = Tree(space, Policy(math.log(space.count()), rate, 4 * rate), self.settings.context)
        self._rng = np.random.default_rng(self.seed)
        self._rest = RandomSearcher(space, seed=self.seed)
        self._seen: set[Chain] = set()  # asked or told
        self._new: dict[Chain, float] = {}  # told since the last ask
        self._log_rewards: dict[Chain, float] = {}  # what is trained on

    def ask(self, n: int) -> list[Chain]:
        """Up to n further chains; fewer when the space is exhausted."""
        wanted = whole_number("n", n, 0)
        if wanted:
            self._train()
        asked: list[Chain] = []
        while len(asked) < wanted and (chain := self._next()) is not None:
            self._seen.add(chain)
            asked.append(chain)
        return asked

    def tell(self, chain: Chain, reward: float) -> None:
        """Keeps the reward until the next ask, so that the order of tells doesn't matter."""
        number = checked(self.space, chain, reward)
        if chain not in self._log_rewards and chain not in self._new and chain in self.space:
            self._new[chain] = number
            self._seen.add(chain)

    def _train(self) -> None:
        """Takes in what was told since, in an order of its own, and goes on training."""
        if not self._new:
            return
        told = sorted(self._new.items(), key=lambda pair: pair[0].layers)
        if not self._log_rewards:  # a start for log Z that is right where all chains are alike
            self.flow.policy.start(math.log(self.space.count()) + self.settings.beta * _mean([r for _, r in told]))
        self._log_rewards |= {chain: self.settings.beta * reward for chain, reward in told}
        steps = self.settings.updates * len(told)
        fit(self.flow, self._log_rewards, steps=steps, batch=self.settings.batch, rng=self._rng)
        self._new.clear()

    def _next(self) -> Chain | None:
        """A chain not seen before: from the flow, or else a uniform one; None when none is left."""
        if self._rng.random() >= self.settings.exploration:
            for _ in range(_DRAWS):
                chain = self.flow.sample(self._rng)
                if chain not in self._seen:
                    return chain
        while found := self._rest.ask(1):
            if found[0] not in self._seen:
                return found[0]
        return None


def _mean(numbers: Sequence[float]) -> float:
    return math.fsum(numbers) / len(numbers)
