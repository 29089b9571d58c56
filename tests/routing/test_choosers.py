"""Every chooser on the planted controls."""

from dataclasses import replace

import numpy as np
import pytest

from skiploop.routing.choosers.named import CHOOSERS
from skiploop.routing.choosers.preference import BETA
from skiploop.routing.choosers.topk import most_likely, topk
from skiploop.routing.choosers.values import fit_values
from skiploop.routing.choosers.votes import elected
from skiploop.routing.regression import fit_preferences
from skiploop.routing.runs import TableRuns
from skiploop.routing.table import NO_ANSWER
from skiploop.testing.planted_routing import LAYERS, planted
from skiploop.testing.router_contract import RouterContract


class TestGain(RouterContract):
    chooser = staticmethod(CHOOSERS["gain"])


class TestMenu(RouterContract):
    chooser = staticmethod(CHOOSERS["menu"])


class TestMix(RouterContract):
    chooser = staticmethod(CHOOSERS["mix"])


class TestVote(RouterContract):
    chooser = staticmethod(CHOOSERS["vote"])
    reaches = None


class TestCisc(RouterContract):
    chooser = staticmethod(CHOOSERS["cisc"])
    reaches = None


class TestSelfCertainty(RouterContract):
    chooser = staticmethod(CHOOSERS["self_certainty"])
    reaches = None


class TestCascade(RouterContract):
    chooser = staticmethod(CHOOSERS["cascade"])
    reaches = None


class TestPreference(RouterContract):
    chooser = staticmethod(CHOOSERS["preference"])


@pytest.mark.parametrize("noise", [0.1, 0.25])
def test_the_log_odds_of_a_preference_are_those_of_its_noise(noise: float) -> None:
    """With one wrong and one right pass, always the same, the optimum is sigmoid(z) = 1 - noise."""
    right = np.tile([False, True], (50, 1))
    model = fit_preferences(np.zeros((50, 1)), right, 0.0, beta=BETA, noise=noise)
    logs = model.log_probabilities(np.zeros((1, 1)))[0]
    assert 1 / (1 + np.exp(logs[0] - logs[1])) == pytest.approx(1 - noise, abs=1e-3)
    said_nothing = fit_preferences(np.zeros((50, 1)), np.ones((50, 2), dtype=bool), 0.01, beta=BETA, noise=noise)
    assert np.allclose(said_nothing.weights, 0), "where all passes are right none is preferred"


@pytest.mark.slow  # twelve seconds of training
class TestController(RouterContract):
    chooser = staticmethod(CHOOSERS["controller"])


class TestValues(RouterContract):
    chooser = staticmethod(CHOOSERS["values"])


def test_of_outputs_the_one_with_the_highest_value_is_taken_and_every_pass_is_charged() -> None:
    data = planted(300)
    rule = fit_values(data, (0, 1), 0.01)
    runs = TableRuns(data.table)
    choice = rule.choose(runs)
    assert (runs.layer_calls == 2 * LAYERS - 1).all()
    worth = rule.values([TableRuns(data.table).run(index) for index in (0, 1)])
    assert (choice.chosen == worth.argmax(axis=1)).all()
    assert (data.judge(choice.answers) == data.pass_right[np.arange(300), choice.chosen]).all()
    nothing = replace(data.table, answers=np.full_like(data.table.answers, NO_ANSWER))
    assert (rule.choose(TableRuns(nothing)).chosen == 0).all()


class TestTopk(RouterContract):
    chooser = staticmethod(CHOOSERS["topk"])
    reaches = None


def test_the_most_likely_passes_vote_and_a_tie_is_the_identitys() -> None:
    logs = np.log(np.array([[0.1, 0.5, 0.1, 0.3], [0.4, 0.1, 0.3, 0.2]]))
    assert most_likely(logs, 2).tolist() == [[False, True, False, True], [True, False, True, False]]
    answers = np.array([[NO_ANSWER, 2, NO_ANSWER, 1], [3, NO_ANSWER, 1, NO_ANSWER]])
    assert elected(answers, most_likely(logs, 2).astype(float)).tolist() == [2, 3]


def test_only_the_passes_that_vote_are_charged() -> None:
    data = planted(400)
    fitted = topk(data.rows(np.arange(200)), data.rows(np.arange(200, 400)))
    rule, runs = replace(fitted, size=2), TableRuns(data.table)
    rule.choose(runs)
    depths = sorted(each.depth for each in data.table.passes)
    assert (runs.layer_calls >= LAYERS // 2 + depths[0] + depths[1]).all()
    assert (runs.layer_calls <= LAYERS // 2 + 2 * LAYERS).all()
    none = TableRuns(data.table)
    assert (replace(fitted, size=0).choose(none).answers == data.table.answers[:, 0]).all()
    assert (none.layer_calls == LAYERS).all(), "the identity alone, without features"


class TestImitate(RouterContract):
    chooser = staticmethod(CHOOSERS["imitate"])
    reaches = None
    comes_back = False
