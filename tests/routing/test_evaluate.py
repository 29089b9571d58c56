"""What an evaluation reports: opponents, costs, claims, and every vote."""

import numpy as np
import pytest

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.routing.evaluate import claimed, evaluate, evaluate_elsewhere
from skiploop.routing.figures import RouteFigures, RuleComparison
from skiploop.routing.passes import passes_for
from skiploop.routing.runs import TableRuns
from skiploop.routing.split import folds_of, split, split_elsewhere
from skiploop.stats.measured import Measured
from skiploop.storage.records import as_json, from_json
from skiploop.testing.planted_routing import LAYERS, planted


@pytest.fixture(scope="module")
def found() -> RouteFigures:
    return evaluate(planted(600), choosers=("gain", "imitate"), folds=3)


def test_a_planted_gain_is_claimed_against_every_identity_and_not_with_permuted_answers(found: RouteFigures) -> None:
    assert found.rules["gain"].claim == "better"
    assert found.permuted_claims == {}


def test_nothing_is_claimed_where_effects_are_permuted() -> None:
    shuffled = evaluate(planted(600, predictable=False), choosers=("gain", "menu", "vote"), folds=3, permuted=False)
    assert [rule.claim for rule in shuffled.rules.values()] == [""] * len(shuffled.rules)


def test_each_input_is_a_test_input_once_and_has_every_vote(found: RouteFigures) -> None:
    assert sorted(line.input for line in found.votes) == sorted(planted(600).table.ids)
    assert all(set(line.answers) == set(found.rules) and len(line.passes) == 5 for line in found.votes)
    rescued = sum(line.answers["gain"] in line.right for line in found.votes)
    assert found.rules["gain"].accuracy.value == rescued / 600


def test_figures_are_read_as_they_were_written(found: RouteFigures) -> None:
    assert from_json(RouteFigures, as_json(found)) == found


@pytest.mark.parametrize(
    ("low", "relative", "claim"),
    [
        (0.01, 1.5, "better"),
        (0.01, 2.1, ""),
        (-0.004, 0.79, "cheaper"),
        (-0.004, 0.9, ""),
        (-0.006, 0.5, ""),
        (0.0, 1, ""),
    ],
)
def test_a_claim_takes_an_interval_against_every_identity_and_few_layer_calls(
    low: float, relative: float, claim: str
) -> None:
    against = {"identity": (0.1, 0.2), "identity_features": (low, 0.2), "static": (-0.5, 0.1)}
    compared = {name: RuleComparison(Measured(0.1, interval, 100), 0.01) for name, interval in against.items()}
    assert claimed(compared, relative) == claim


def test_whats_run_is_charged_once_and_only_where_it_is_run() -> None:
    table = planted(20).table
    runs = TableRuns(table)
    runs.run(0, np.array([0, 1]))
    runs.run(0, np.array([1]))
    runs.run(1, np.array([1]))
    assert runs.layer_calls[:3].tolist() == [LAYERS, LAYERS + LAYERS - 1, 0]
    runs.state()
    runs.prior()
    assert runs.layer_calls[2] == LAYERS // 2 + 1


def test_parts_of_a_split_share_no_input() -> None:
    data = planted(100)
    for part in (split(data, seed=3), *folds_of(data, 4, 0)):
        ids = [set(each.table.ids) for each in (part.train, part.validation, part.test)]
        assert sum(map(len, ids)) == len(set.union(*ids)) == 100
    assert len(set.union(*[set(each.test.table.ids) for each in folds_of(data, 4, 0)])) == 100


@pytest.mark.parametrize("call", [lambda: split(planted(20)), lambda: folds_of(planted(20), 5, 0)])
def test_too_few_inputs_are_refused(call) -> None:
    with pytest.raises(InvalidInput, match="fewer"):
        call()


def test_random_peers_have_the_depths_of_the_menu_and_other_layers() -> None:
    menu = [Chain(tuple(i for i in range(12) if i not in gone), 12) for gone in ((3,), (5, 6))]
    menu.append(Chain((*range(8), 6, 7, *range(8, 12)), 12))
    passes = passes_for(menu, 12, prompts=1)
    peers = [each for each in passes if each.role == "random"]
    assert [each.depth for each in peers] == [len(chain) for chain in menu]
    assert not {each.chain for each in peers} & {*menu, Chain.identity(12)}


def test_a_menu_with_the_identity_is_refused() -> None:
    with pytest.raises(InvalidInput, match="identity"):
        passes_for([Chain.identity(4)], 4)


def test_an_unknown_chooser_is_refused() -> None:
    with pytest.raises(InvalidInput, match="there are gain"):
        evaluate(planted(50), choosers=("nope",))


def test_what_is_fitted_on_one_task_is_tested_on_all_of_another() -> None:
    data, other = planted(400), planted(200, seed=1)
    part = split_elsewhere(data, other, seed=0)
    assert part.test is other and len(part.validation) == 100
    assert sorted((*part.train.table.ids, *part.validation.table.ids)) == sorted(data.table.ids)
    found = evaluate_elsewhere(data, other, choosers=("gain",))
    assert [line.input for line in found.votes] == list(other.table.ids)
    assert found.rules["gain"].claim == "better" and found.permuted_claims == {}
    nothing = evaluate_elsewhere(planted(400, predictable=False), other, choosers=("gain",), permuted=False)
    assert nothing.rules["gain"].claim == ""


def test_another_task_must_have_the_same_passes_and_other_inputs() -> None:
    data, other = planted(100), planted(100, seed=1)
    with pytest.raises(InvalidInput, match="100 inputs are in both, such as 'planted-0-0'"):
        split_elsewhere(data, data, seed=0)
    with pytest.raises(InvalidInput, match="collect it with the same --menu"):
        split_elsewhere(data, other.of_passes([0, 1]), seed=0)
    with pytest.raises(InvalidInput, match="fewer than 8"):
        split_elsewhere(data, other.rows(np.arange(7)), seed=0)
