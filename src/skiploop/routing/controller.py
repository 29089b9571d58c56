"""A recurrent controller: given a hidden state, step after step, it says which layer or module is next, or stops.

As in "Learning to Chain Operations by Routing Information Through a Global Workspace" (arXiv 2503.01906) the controller
is an LSTM that sees the state of the workspace and chooses among modules. Here a choice is one module, and the network
is taught by chains that are known to be right (teacher forcing), not by gradients through the modules: layers of a
frozen model aren't mixed softly. As in CVLNM (arXiv 2210.01338) an auxiliary loss ties the soft choice of each step to
a label that costs nothing,

    loss = sum over steps of w log 1 / p(right module) + aux log 1 / p(label)

Trained with torch; a fitted one is arrays, and chooses with numpy alone.

Shapes: M sequences, T steps, F features of a state, A actions (the last one stops), H width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skiploop.errors import InvalidInput
from skiploop.routing.table import Floats, Ints

NOTHING = -1
"""In place of a label: a step without one."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A sequence that a controller is taught.

    Attributes:
        states: before each step, [T, F].
        actions: that are right, [T]; the last one stops.
        labels: of the auxiliary loss, [T]; `NOTHING` where a step has none.
        weight: of the right actions; 0: only the labels are taught.
    """

    states: Floats
    actions: Ints
    labels: Ints
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class ControllerTraining:
    """How a controller is trained.

    Attributes:
        width: H.
        steps: of AdamW, each with all lessons.
        rate: of learning, which falls along a cosine.
        decay: of weights.
        auxiliary: weight of the labels' loss.
        seed: of the initial weights.
    """

    width: int = 24
    steps: int = 300
    rate: float = 0.02
    decay: float = 0.1
    auxiliary: float = 0.1
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Controller:
    """A trained controller.

    Attributes:
        inputs: of the LSTM's four gates (input, forget, cell, output) from state and last action, [4 H, F + A].
        recurrent: from its own output, [4 H, H].
        bias: of the gates, [4 H].
        head: from output and state to actions, [A, H + F].
        offsets: of the actions, [A].
    """

    inputs: Floats
    recurrent: Floats
    bias: Floats
    head: Floats
    offsets: Floats

    @property
    def actions(self) -> int:
        """A, stopping included."""
        return len(self.offsets)

    @property
    def parameters(self) -> int:
        """4 H (F + A + H + 1) + A (H + F + 1)."""
        return sum(each.size for each in (self.inputs, self.recurrent, self.bias, self.head, self.offsets))

    def begin(self, count: int) -> tuple[Floats, Floats, Floats]:
        """Output and cell of the LSTM before the first step, and no last action, for so many sequences."""
        width = self.recurrent.shape[1]
        return np.zeros((count, width)), np.zeros((count, width)), np.zeros((count, self.actions))

    def step(self, states: Floats, memory: tuple[Floats, Floats, Floats]) -> tuple[Floats, tuple[Floats, Floats]]:
        """Log-probabilities of the actions [M, A] at states [M, F], and the LSTM's output and cell."""
        output, cell, last = memory
        gates = np.concatenate([states, last], axis=1) @ self.inputs.T + output @ self.recurrent.T + self.bias
        enter, forget, new, leave = np.split(gates, 4, axis=1)
        cell = _sigmoid(forget) * cell + _sigmoid(enter) * np.tanh(new)
        output = _sigmoid(leave) * np.tanh(cell)
        scores = np.concatenate([output, states], axis=1) @ self.head.T + self.offsets
        scores = scores - scores.max(axis=1, keepdims=True)
        return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)), (output, cell)

    def chain(self, state: Floats, advance: Callable[[int], Floats], most: int) -> list[int]:
        """The modules that it chooses, each after the state that the one before has left.

        Args:
            state: before the first module, [F].
            advance: runs a module, and gives the state after it.
            most: modules at most.
        """
        chosen: list[int] = []
        memory = self.begin(1)
        while len(chosen) < most:
            logs, (output, cell) = self.step(state[None], memory)
            action = int(logs[0].argmax())
            if action == self.actions - 1:
                break
            chosen.append(action)
            state, memory = advance(action), (output, cell, np.eye(self.actions)[[action]])
        return chosen

    def log_likelihood(self, states: Floats, actions: Ints) -> Floats:
        """Of sequences of actions [T] at states that don't change, [M, F] -> [M]."""
        memory, total = self.begin(len(states)), np.zeros(len(states))
        for action in actions:
            logs, (output, cell) = self.step(states, memory)
            total += logs[:, action]
            memory = output, cell, np.repeat(np.eye(self.actions)[[action]], len(states), axis=0)
        return total


def fit_controller(lessons: Sequence[Lesson], actions: int, training: ControllerTraining | None = None) -> Controller:
    """A controller that has been taught lessons.

    Args:
        lessons: at least one, all with as many features.
        actions: A, stopping included.
        training: how.

    Raises:
        InvalidInput: no lessons, or an action that there isn't.
    """
    import torch
    from torch import nn

    training = training or ControllerTraining()
    if not lessons:
        raise InvalidInput("a controller needs at least one lesson")
    if max(int(max(each.actions.max(), each.labels.max())) for each in lessons) >= actions:
        raise InvalidInput(f"a lesson has an action that isn't among the {actions}")
    states, before, right, labels, weights = _batch(lessons, actions)
    features = states.shape[2]
    with torch.random.fork_rng():
        torch.manual_seed(training.seed)
        network: Any = nn.LSTM(features + actions, training.width, batch_first=True)
        head: Any = nn.Linear(training.width + features, actions)
    optimizer = torch.optim.AdamW(
        [*network.parameters(), *head.parameters()], lr=training.rate, weight_decay=training.decay
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, training.steps)
    for _ in range(training.steps):
        output, _ = network(torch.cat([states, before], dim=2))
        logs = head(torch.cat([output, states], dim=2)).log_softmax(-1)
        loss = (weights[:, None] * _missing(logs, right)).sum() + training.auxiliary * _missing(logs, labels).sum()
        optimizer.zero_grad()
        (loss / len(lessons)).backward()
        optimizer.step()
        schedule.step()
    arrays = [
        network.weight_ih_l0,
        network.weight_hh_l0,
        network.bias_ih_l0 + network.bias_hh_l0,
        head.weight,
        head.bias,
    ]
    return Controller(*(each.detach().double().numpy() for each in arrays))


def _batch(lessons: Sequence[Lesson], actions: int) -> tuple[Any, ...]:
    """States [M, T, F], last actions [M, T, A], right ones and labels [M, T] (`NOTHING` at the end), weights [M]."""
    import torch

    longest, features = max(len(each.actions) for each in lessons), lessons[0].states.shape[1]
    states = torch.zeros(len(lessons), longest, features)
    before = torch.zeros(len(lessons), longest, actions)
    right, labels = (torch.full((len(lessons), longest), NOTHING) for _ in range(2))
    for row, each in enumerate(lessons):
        steps = len(each.actions)
        states[row, :steps] = torch.from_numpy(np.asarray(each.states, dtype=np.float32))
        right[row, :steps] = torch.from_numpy(each.actions)
        labels[row, :steps] = torch.from_numpy(each.labels)
        before[row, range(1, steps), each.actions[:-1]] = 1
    return states, before, right, labels, torch.tensor([each.weight for each in lessons])


def _missing(logs: Any, wanted: Any) -> Any:
    """log 1 / p of the wanted actions [M, T]; 0 where there is none."""
    found = -logs.gather(2, wanted.clamp(min=0)[..., None])[..., 0]
    return found * (wanted != NOTHING)


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -60, 60))))
