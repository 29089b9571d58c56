"""Generative flow networks: chains with probability proportional to exp(beta * reward). numpy, no torch.

A policy P_F builds a chain x step by step (Bengio et al. 2021, arXiv 2106.04399). It is trained by trajectory balance
(the loss of Malkin et al. 2022, arXiv 2201.13259): for every trajectory that ends at x,

    (log Z + sum log P_F - log R(x) - sum log P_B)^2    with    log R = beta * reward.

Where the loss is 0 for all trajectories, the policy ends at x with probability R(x) / Z. A chain is
built by answering the space's questions in their order (`QuestionFlow`), so that it has one trajectory, and P_B = 1.

Logits are sums of learned numbers, one for each of an answer's features; a state's features are few and sparse, so
the gradients are written out here: d log P_F(a | s) / d logit_o = [o = a] - P_F(o | s).

Shapes: J trajectories, K steps of all of them together, O answers of a state, F features of an answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from skiploop.chains.chain import Chain
from skiploop.spaces.space import Space

_LOG_Z = 1  # its row among the weights
_FIRST_DECAY, _SECOND_DECAY = 0.9, 0.99  # Adam's; the second is short, as rewards come in all the time


class Trajectory(NamedTuple):
    """The states on the way to a chain, the answer picked in each, and sum log P_B."""

    states: NDArray[np.int64]
    picks: NDArray[np.int64]
    log_back: float


class Flow(Protocol):
    """A way to build chains."""

    policy: Policy

    def toward(self, chain: Chain, rng: np.random.Generator) -> Trajectory:
        """A trajectory that ends at the chain, drawn by P_B."""

    def sample(self, rng: np.random.Generator) -> Chain:
        """A chain drawn by P_F."""


class Policy:
    """P_F and log Z: a logit is the sum of its features' numbers; trained with Adam.

    Args:
        log_z: where log Z starts.
        learning_rate: of the logits.
        log_z_rate: of log Z; larger, as in Malkin et al. (trajectory balance learns it like a weight).
    """

    def __init__(self, log_z: float, learning_rate: float = 0.05, log_z_rate: float = 0.2) -> None:
        self._ids: dict[Hashable, int] = {}
        self._rows: dict[Hashable, int] = {}
        self._table = np.zeros((16, 2, 1), np.int64)  # [states, O, F] rows of the features; 0 for none
        self._widths = np.zeros(16, np.int64)  # [states] number of answers
        self._weights = np.zeros(64)  # row 0 stays 0, row 1 is log Z, all others are features
        self._moments = np.zeros((2, 64))
        self._weights[_LOG_Z] = log_z
        self._rates = (learning_rate, log_z_rate)
        self._steps = 0

    @property
    def log_z(self) -> float:
        """The logarithm of the sum of all chains' exp(beta * reward), as far as learned."""
        return float(self._weights[_LOG_Z])

    def start(self, log_z: float) -> None:
        """Sets log Z, before anything is learned."""
        self._weights[_LOG_Z] = log_z

    def state(self, key: Hashable, features: Callable[[], Sequence[Sequence[Hashable]]]) -> int:
        """The id of a state; the features of its answers are asked for when it is new."""
        found = self._ids.get(key)
        return self._add(key, features()) if found is None else found

    def log_probabilities(self, states: NDArray[np.int64]) -> NDArray[np.float64]:
        """log P_F of the answers in each state; [K, O], -inf beyond a state's last answer."""
        rows = self._table[states]  # [K, O, F]
        logits = self._weights[rows].sum(-1)
        logits[np.arange(logits.shape[1]) >= self._widths[states][:, None]] = -np.inf
        logits -= logits.max(1, keepdims=True)
        result: NDArray[np.float64] = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        return result

    def draw(self, state: int, rng: np.random.Generator) -> int:
        """An answer in a state, drawn by P_F."""
        logits = self._weights[self._table[state, : self._widths[state]]].sum(-1)  # [O]
        sums = np.exp(logits - logits.max()).cumsum()
        return min(int(sums.searchsorted(rng.random() * sums[-1], side="right")), len(sums) - 1)

    def learn(self, batch: Sequence[Trajectory], log_rewards: NDArray[np.float64], pace: float = 1.0) -> float:
        """One step of Adam, at the share `pace` of the learning rates, on the trajectory balance of a batch.

        Returns:
            The mean loss before the step.
        """
        states = np.concatenate([each.states for each in batch])  # [K]
        picks = np.concatenate([each.picks for each in batch])
        owner = np.repeat(np.arange(len(batch)), [len(each.states) for each in batch])  # [K] -> 0..J-1
        log_p = self.log_probabilities(states)
        forward = np.bincount(owner, log_p[np.arange(len(states)), picks], len(batch))  # [J]
        backward = np.array([each.log_back for each in batch])
        error = self.log_z + forward - log_rewards - backward  # [J]
        slope = 2 * error / len(batch)
        by_logit = -np.exp(log_p)
        by_logit[np.arange(len(states)), picks] += 1
        by_logit *= slope[owner][:, None]
        rows = self._table[states]
        by_row = np.repeat(by_logit.ravel(), rows.shape[2])
        gradient = np.bincount(rows.ravel(), by_row, len(self._weights)).astype(np.float64)
        gradient[0], gradient[_LOG_Z] = 0.0, slope.sum()
        self._adam(gradient, pace)
        return float(np.mean(error**2))

    def _adam(self, gradient: NDArray[np.float64], pace: float) -> None:
        """Kingma and Ba, arXiv 1412.6980, algorithm 1."""
        self._steps += 1
        first, second = self._moments
        first += (1 - _FIRST_DECAY) * (gradient - first)
        second += (1 - _SECOND_DECAY) * (gradient**2 - second)
        scale = pace * math.sqrt(1 - _SECOND_DECAY**self._steps) / (1 - _FIRST_DECAY**self._steps)
        step = scale * first / (np.sqrt(second) + 1e-8)
        self._weights[_LOG_Z] -= self._rates[1] * step[_LOG_Z]
        self._weights[_LOG_Z + 1 :] -= self._rates[0] * step[_LOG_Z + 1 :]

    def _add(self, key: Hashable, features: Sequence[Sequence[Hashable]]) -> int:
        rows = [[self._row(feature) for feature in answer] for answer in features]
        number = self._ids[key] = len(self._ids)
        held, answers, width = self._table.shape
        needed = (number + 1, len(rows), max(map(len, rows)))
        if any(need > have for need, have in zip(needed, (held, answers, width), strict=True)):
            states = 2 * held if number >= held else held
            grown = np.zeros((states, max(answers, needed[1]), max(width, needed[2])), np.int64)
            grown[:held, :answers, :width] = self._table
            self._table = grown
            self._widths = np.pad(self._widths, (0, states - held))
        for answer, found in enumerate(rows):
            self._table[number, answer, : len(found)] = found
        self._widths[number] = len(rows)
        return number

    def _row(self, feature: Hashable) -> int:
        row = self._rows.setdefault(feature, len(self._rows) + _LOG_Z + 1)
        if row >= len(self._weights):
            self._weights = np.pad(self._weights, (0, len(self._weights)))
            self._moments = np.pad(self._moments, ((0, 0), (0, self._moments.shape[1])))
        return row


class QuestionFlow:
    """Chains by the space's questions. A logit depends on the question, the answer, and the last answers before.

    Args:
        space: what is asked.
        policy: learns the answers.
        context: how many earlier answers count, each with numbers of its own for its continuation; as many as there
            are questions makes any distribution possible, few of them carry over to chains not seen.
    """

    def __init__(self, space: Space, policy: Policy, context: int) -> None:
        self.space = space
        self.policy = policy
        self.context = context
        self._read: dict[Chain, Trajectory] = {}

    def toward(self, chain: Chain, rng: np.random.Generator) -> Trajectory:
        """The only trajectory that ends at the chain."""
        if chain not in self._read:
            self._read[chain] = self._trajectory(chain)
        return self._read[chain]

    def _trajectory(self, chain: Chain) -> Trajectory:
        states, picks = [], []
        before: tuple[str, ...] = ()
        for name, labels, pick in self.space.decisions(chain):
            states.append(self._state(name, labels, before))
            picks.append(pick)
            before = self._after(before, labels[pick])
        return Trajectory(np.array(states, np.int64), np.array(picks, np.int64), 0.0)

    def sample(self, rng: np.random.Generator) -> Chain:
        """Answers one question after the other."""
        before: tuple[str, ...] = ()

        def choose(name: str, labels: tuple[str, ...]) -> int:
            nonlocal before
            pick = self.policy.draw(self._state(name, labels, before), rng)
            before = self._after(before, labels[pick])
            return pick

        return self.space.decide(choose)

    def _state(self, name: str, labels: tuple[str, ...], before: tuple[str, ...]) -> int:
        def features() -> list[list[Hashable]]:
            contexts = [before[len(before) - count :] for count in range(len(before) + 1)]
            return [[(name, label, context) for context in contexts] for label in labels]

        return self.policy.state((name, labels, before), features)

    def _after(self, before: tuple[str, ...], label: str) -> tuple[str, ...]:
        return (*before, label)[-self.context :] if self.context else ()


def fit(
    flow: Flow,
    log_rewards: Mapping[Chain, float],
    *,
    steps: int,
    batch: int,
    rng: np.random.Generator,
    cooling: bool = False,
) -> list[float]:
    """Trains a flow on chains with known rewards, drawn uniformly (off policy); the mean loss of each step.

    With `cooling` the learning rates fall to 0 over the second half of the steps, for exactness: at a constant rate
    Adam goes on trembling by about that rate.
    """
    chains, targets = list(log_rewards), np.array(list(log_rewards.values()))
    losses = []
    for step in range(steps):
        picked = rng.integers(len(chains), size=batch)
        trajectories = [flow.toward(chains[number], rng) for number in picked]
        pace = min(1.0, 2 * (1 - step / steps)) if cooling else 1.0
        losses.append(flow.policy.learn(trajectories, targets[picked], pace))
    return losses
