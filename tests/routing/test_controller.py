"""The controller on modules whose right chain is known, its losses, and its parameters."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skiploop.errors import InvalidInput
from skiploop.routing.controller import Controller, ControllerTraining, Lesson, fit_controller
from skiploop.testing.modules import FEATURES, LARGEST, STOP, Workspace, lesson, right_chain

SEEN = range(9)
ACTIONS = STOP + 1


def chosen(controller: Controller, n: int, seed: int) -> tuple[list[int], int | None]:
    space = Workspace(n, np.random.default_rng(seed))
    return controller.chain(space.state(), space.run, LARGEST + 4), space.said


@pytest.fixture(scope="module")
def taught() -> Controller:
    return fit_controller([lesson(n, 100 * n + seed) for n in SEEN for seed in range(30)], ACTIONS)


def test_it_is_right_for_every_number_seen_and_for_larger_ones(taught: Controller) -> None:
    for n in SEEN:
        assert all(chosen(taught, n, 50_000 + 1000 * n + seed) == (right_chain(n), n) for seed in range(30))
    larger = [
        chosen(taught, n, 50_000 + 1000 * n + seed) == (right_chain(n), n) for n in range(9, 21) for seed in range(10)
    ]
    assert np.mean(larger) >= 0.9


def test_without_the_state_it_cannot_know_how_often(taught: Controller) -> None:
    """The control of the control: what is right can't be read off the steps alone."""
    blind = [Lesson(np.zeros_like(each.states), each.actions, each.labels) for each in map(lesson, SEEN, SEEN)]
    controller = fit_controller(blind, ACTIONS)
    found = [controller.chain(np.zeros(FEATURES), lambda module: np.zeros(FEATURES), LARGEST) for _ in SEEN]
    assert sum(each == right_chain(n) for n, each in zip(SEEN, found, strict=True)) <= 1


def test_labels_teach_where_right_chains_are_not_known() -> None:
    """The auxiliary loss alone is enough for the modules, and without it nothing is learned."""
    lessons = [lesson(n, 100 * n + seed, labelled=True, weight=0.0) for n in SEEN for seed in range(4)]
    with_labels = fit_controller(lessons, ACTIONS, ControllerTraining(auxiliary=1.0))
    without = fit_controller(lessons, ACTIONS, ControllerTraining(auxiliary=0.0))
    shares = [np.mean([chosen(each, n, 7)[0] == right_chain(n) for n in SEEN]) for each in (with_labels, without)]
    assert shares[0] == 1 and shares[1] <= 1 / len(SEEN)


def test_parameters_are_those_of_one_lstm_and_one_linear_head(taught: Controller) -> None:
    width = ControllerTraining().width
    inputs = FEATURES + ACTIONS
    assert taught.parameters == 4 * width * (inputs + width + 1) + ACTIONS * (width + FEATURES + 1)


def test_what_numpy_computes_is_what_was_trained(taught: Controller) -> None:
    """The log-likelihood of a sequence, by torch's own LSTM."""
    network = torch.nn.LSTM(FEATURES + ACTIONS, taught.recurrent.shape[1], batch_first=True).double()
    with torch.no_grad():
        for name, value in (
            ("weight_ih_l0", taught.inputs),
            ("weight_hh_l0", taught.recurrent),
            ("bias_ih_l0", taught.bias),
        ):
            getattr(network, name).copy_(torch.from_numpy(value))
        network.bias_hh_l0.zero_()
        states, actions = np.random.default_rng(0).normal(size=(3, FEATURES)), np.array([0, 1, 1, 2, 3])
        before = torch.zeros(3, 5, ACTIONS, dtype=torch.float64)
        before[:, range(1, 5), actions[:-1]] = 1
        repeated = torch.from_numpy(states)[:, None].expand(-1, 5, -1)
        output, _ = network(torch.cat([repeated, before], 2))
        scores = torch.cat([output, repeated], 2) @ torch.from_numpy(taught.head).T + torch.from_numpy(taught.offsets)
        wanted = scores.log_softmax(-1)[:, range(5), actions].sum(1)
    np.testing.assert_allclose(taught.log_likelihood(states, actions), wanted.numpy(), rtol=1e-9)


def test_lessons_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InvalidInput, match="at least one"):
        fit_controller([], ACTIONS)
    with pytest.raises(InvalidInput, match="isn't among the 3"):
        fit_controller([lesson(2, 0)], 3)


def test_training_leaves_the_generator_of_others_alone() -> None:
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    fit_controller([lesson(1, 0)], ACTIONS, ControllerTraining(steps=1))
    assert torch.equal(torch.rand(1), wanted)
