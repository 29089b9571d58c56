"""What a journal says of layers, depths and budgets, checked against counts made by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skiploop.analysis.depths import depths, transitions
from skiploop.analysis.hits import budgets, hits
from skiploop.analysis.usage import entropies, layer_rates, layer_usage, shortest_usage
from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.stats.measured import LEAST, measured_mean
from skiploop.storage.records import as_json
from skiploop.studies.execution import Execution
from skiploop.studies.figures import search_figures
from skiploop.studies.results import TRANSITIONS, ArmResult, InputResult
from skiploop.studies.search import Study, search
from skiploop.studies.settings import StudySettings
from skiploop.testing.fakes import FakeModel, FakeRunner, fake_task, options

L = 4
Evaluations = list[tuple[tuple[int, ...], float]]


def result(number: int, search: Evaluations, *, base: float = 0.0, level: int = 1, **arms: Evaluations) -> InputResult:
    identity = (tuple(range(L)), base)

    def arm(found: Evaluations, first: tuple[tuple[int, ...], float]) -> ArmResult:
        return ArmResult(tuple((Chain(chain, L), reward) for chain, reward in [first, *found]))

    found = {"search": arm(search, identity), **{name: arm(each, identity) for name, each in arms.items()}}
    return InputResult({"id": f"i{number}", "level": level, "family": None}, None, "", found)


def study(*inputs: InputResult, budget: int = 10) -> Study:
    settings = StudySettings().changed(budget=budget).to_json()
    run = {
        "model": {"name": "", "num_layers": L},
        "task": {"name": "", "scoring": "choice", "metric": "acc"},
        "settings": settings,
    }
    return Study(Path("nowhere"), run, inputs, search_figures(run, inputs, [], complete=True), 0.0)


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Study:
    out = tmp_path_factory.mktemp("runs") / "fake"
    return search(FakeModel(), fake_task(30), out=out, execution=Execution(FakeRunner()), **options())


def test_transitions_are_those_of_the_summary_and_sum_to_one(fake: Study) -> None:
    found = transitions(fake)
    assert [each.name for each in found] == list(TRANSITIONS)
    assert all(each.search == getattr(fake.figures.transition_shares, each.name) for each in found)
    assert math.isclose(sum(each.search.value or 0.0 for each in found), 1)
    for each in found:
        assert each.search.interval is not None and each.random is not None and each.difference is not None
        assert each.search.interval[0] <= (each.search.value or 0.0) <= each.search.interval[1]
        gap = (each.search.value or 0.0) - (each.random.value or 0.0)
        assert each.difference.value == pytest.approx(gap)


def test_depths_in_all_and_by_level_are_those_of_the_summary(fake: Study) -> None:
    found = {(each.kind, each.name): each for each in depths(fake)}
    everything = found["all", "all"]
    assert everything.best.value == pytest.approx(fake.figures.mean_best_depth)
    assert everything.random is not None
    assert everything.random.value == pytest.approx(fake.figures.peers["random"].mean_best_depth)
    for row in fake.figures.by_level:
        assert found["level", str(row.group)].best.value == pytest.approx(row.mean_best_depth)
    assert found["verdict", "identity right"].inputs + found["verdict", "identity wrong"].inputs == 30
    tried = [sum(len(c) for c, _ in e.search.evaluations[1:]) / 19 for e in fake.inputs]
    assert everything.evaluated.value == pytest.approx(sum(tried) / 30)


def test_the_curve_begins_at_the_accuracy_never_falls_and_ends_at_the_oracle_accuracy(fake: Study) -> None:
    found = {each.name: each for each in hits(fake).curves}
    figures = fake.figures
    for name, oracle in (
        ("search", figures.oracle_accuracy),
        ("random", figures.peers["random"].oracle_accuracy),
    ):
        values = [each.value or 0.0 for each in found[name].shares]
        assert found[name].budgets == tuple(range(1, 21))
        assert values[0] == figures.base_accuracy.value and values[-1] == oracle.value
        assert values == sorted(values)
    assert found["control"].shares[-1] == figures.control.reached
    assert found["control"].shares[0].value == found["search, control inputs"].shares[0].value == 0


def test_hits_by_budget_and_shares_are_those_counted_by_hand() -> None:
    first = result(0, [((0, 1), 0.0), ((0, 2), 1.0)], random=[((0, 3), 0.0)], control=[((0, 1), 1.0), ((1, 2), 0.0)])
    second = result(1, [((0, 1), 1.0), ((0, 2), 1.0)], random=[((0, 3), 1.0)], control=[((0, 1), 0.0), ((1, 2), 0.0)])
    found = hits(study(first, second, budget=3))
    curves = {each.name: [share.value for share in each.shares] for each in found.curves}
    assert curves["search"] == [0.0, 0.5, 1.0] and curves["random"] == [0.0, 0.5, 0.5]
    assert curves["control"] == [0.0, 0.5, 0.5]
    shares = {each.name: (each.hits, each.chains, each.share.value) for each in found.shares}
    assert shares["search"] == (3, 4, 0.75) and shares["control"] == (1, 4, 0.25)
    assert found.share_difference is not None and found.share_difference.value == 0.5
    assert found.against_random is not None and found.against_random.value == 0.5 and found.against_random_p == 1.0


def test_a_long_curve_has_bounded_points_and_both_ends() -> None:
    points = budgets(100_000)
    assert len(points) <= 200 and points[0] == 1 and points[-1] == 100_000 and list(points) == sorted(set(points))


def test_usage_counts_executions_in_right_chains_and_in_all_that_were_evaluated() -> None:
    one = result(0, [((0, 1, 1, 3), 0.0), ((0, 3), 1.0)], level=1)
    other = result(1, [((0, 0, 0, 3), 1.0), ((1, 2), 0.0)], level=2)
    lost = result(2, [((2,), 0.0)], level=2)
    found = {each.name: each for each in layer_usage(study(one, other, lost))}
    assert [each.value for each in found["all"].best] == [2.0, 0.0, 0.0, 1.0]
    assert [each.value for each in found["all"].right] == [2.0, 0.0, 0.0, 1.0]
    assert [each.value for each in found["all"].evaluated] == [1.25, 0.75, 0.25, 0.75]
    assert [each.value for each in found["1"].best] == [1, 0, 0, 1] and found["2"].inputs == 1
    assert all(each.interval is None for each in found["all"].best), "two inputs can't give an interval"
    assert found["1"].best_entropy.value == pytest.approx(0.5)


def test_the_identity_has_entropy_one_and_a_single_layer_none() -> None:
    rows = np.array([[[1.0, 1, 1, 1]], [[0, 3, 0, 0]], [[2, 2, 0, 0]]])
    assert entropies(rows) == pytest.approx([1, 0, 0.5])
    assert entropies(np.array([[[5.0]]])) == [1]


def test_rates_are_shares_of_chains_and_their_differences_are_paired() -> None:
    inputs = [result(i, [((0, 1, 1, 3), 0.0), ((0, 3), 1.0)]) for i in range(6)]
    found = layer_rates(study(*inputs))
    assert [each.best.value for each in found.skip] == [0, 1, 1, 0]
    assert [each.right.value for each in found.skip] == [0, 1, 1, 0]
    assert [each.evaluated.value for each in found.skip] == [0, 0.5, 1, 0]
    assert [each.difference.value for each in found.skip] == [0, 0.5, 0, 0]
    assert [each.best.value for each in found.loop] == [0, 0, 0, 0]
    assert [each.evaluated.value for each in found.loop] == [0, 0.5, 0, 0]
    assert found.skip[1].best.interval is not None, "a share has Wilson's interval even where all are equal"
    assert found.skip[1].difference.interval is None, "a bootstrap can't see beyond equal values"


def test_layers_in_damped_loops_are_counted_beside_those_that_are_looped_at_all() -> None:
    damped = Chain.parse("0 1-2x2~.5 3", 4).layers
    inputs = [result(i, [((0, 1, 1, 2, 3), 0.0), (damped, 1.0)]) for i in range(6)]
    found = layer_rates(study(*inputs))
    assert [each.right.value for each in found.loop] == [0, 1, 1, 0]
    assert [each.evaluated.value for each in found.loop] == [0, 1, 0.5, 0]
    assert [each.right.value for each in found.damped] == [0, 1, 1, 0]
    assert [each.evaluated.value for each in found.damped] == [0, 0.5, 0.5, 0]
    assert layer_rates(study(*[result(i, [((0, 3), 1.0)]) for i in range(6)])).damped == ()


@pytest.mark.slow
def test_where_rewards_dont_depend_on_layers_right_chains_are_like_all_others_though_the_best_are_shorter(
    tmp_path: Path,
) -> None:
    class Tall(FakeModel):
        num_layers = 12

    found = layer_rates(
        search(Tall(), fake_task(80), out=tmp_path / "s", execution=Execution(FakeRunner()), budget=60, verify=False)
    )
    rates = [*found.skip, *found.loop]
    assert sum(each.difference.excludes() for each in rates) <= 3, "about one in twenty of 24"
    shorter = [(each.best.value or 0.0) - (each.evaluated.value or 0.0) for each in found.skip]
    assert sum(shorter) > 0.5, "the shortest chains skip more in any case, which is why they aren't compared"


def test_the_shortest_part_keeps_all_chains_as_deep_as_its_last_one() -> None:
    deep: Evaluations = [((0, 1, 2, 3, 3), 1.0)] * 16
    one = result(0, [((0,), 1.0), ((0, 1), 1.0), ((1, 2), 1.0), *deep])
    other = result(1, [((2, 3), 1.0), ((0, 1, 2), 0.0)])
    found = {each.name: each for each in shortest_usage(study(one, other), (0.05, 0.1))}
    assert (found["shortest 5 %"].chains, found["shortest 5 %"].share) == (1, 1 / 20)
    assert (found["shortest 10 %"].chains, found["shortest 10 %"].share) == (4, 4 / 20)
    assert [each.value for each in found["shortest 10 %"].usage] == [0.5, 0.5, 0.5, 0.25]
    assert found["shortest 10 %"].depth.value == 7 / 4
    assert (found["all right"].chains, found["all evaluated"].chains) == (20, 21)
    with pytest.raises(InvalidInput, match="part 0"):
        shortest_usage(study(one), (0,))


def test_without_right_chains_there_is_nothing_short_and_nothing_breaks() -> None:
    found = shortest_usage(study(result(0, [((0,), 0.0)])))
    assert [each.name for each in found] == ["all right", "all evaluated"]
    assert found[0].chains == 0 and found[0].depth.value is None


def test_few_or_equal_values_have_no_bootstrap_interval() -> None:
    assert measured_mean([]).value is None
    assert measured_mean([1.0, 2.0, 3.0, 5.0]).interval is None and LEAST == 5
    assert measured_mean([3.0] * 50).interval is None
    found = measured_mean([1.0, 2.0, 3.0, 4.0, 6.0])
    assert found.interval is not None and found.interval[0] < 3.2 < found.interval[1]


@pytest.mark.parametrize("analysis", [transitions, depths, layer_usage, layer_rates, shortest_usage, hits])
def test_analyses_are_json_and_the_same_every_time(fake: Study, analysis: Any) -> None:
    def text() -> str:
        found = analysis(fake)
        parts = found if isinstance(found, tuple) else (found,)
        return json.dumps(as_json(parts), allow_nan=False)

    assert text() == text() and "interval" in text()
