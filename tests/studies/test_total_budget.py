"""A budget shared between inputs: equal totals for all arms, the rule of turns, and resuming."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from skiploop import InvalidInput, load_study, search
from skiploop.chains.chain import Chain
from skiploop.reporting.sentences.search import at_equal_evaluations, spent
from skiploop.storage.files import Line
from skiploop.studies import total_budget
from skiploop.studies.arms import Arm, InputState
from skiploop.studies.execution import Execution
from skiploop.studies.search import Study
from skiploop.studies.settings import SearchSettings
from skiploop.studies.total_budget import Pool, SharedBudget, urgency
from skiploop.testing.fakes import FakeModel, FakeRunner, fake_task, options

TOTAL = 200


def run(out: Path, **changes: Any) -> Study:
    settings = options(total_budget=TOTAL, budget=60, searcher="evolution") | changes
    return search(FakeModel(), fake_task(12), out=out, execution=Execution(FakeRunner()), **settings)


def lines(out: Path) -> list[Line]:
    return [line for line in map(json.loads, (out / "journal.jsonl").read_text().splitlines()) if "reward" in line]


class Asked:
    """A searcher of nothing, which only has to be there."""

    def ask(self, n: int) -> list[Chain]:
        return []

    def tell(self, chain: Chain, reward: float) -> None:
        return None


def states_with(*values: tuple[float, int]) -> list[InputState]:
    """Inputs whose search was told a highest value and has spent so many evaluations."""
    states = []
    for example, (value, used) in zip(fake_task(12).examples, values, strict=False):
        arm = Arm("search", Asked(), 50, used=used, best=float(value >= 1), highest=value)
        states.append(InputState(example, (), arms=[arm]))
    return states


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return run(tmp_path_factory.mktemp("shared") / "s")


def test_every_arm_spends_the_same_on_right_and_on_wrong_inputs(shared: Study) -> None:
    spent_on: Counter[tuple[str, bool]] = Counter()
    for result in shared.inputs:
        for name, arm in result.arms.items():
            spent_on[name, result.base_right] += len(arm.evaluations)
    wrong = sum(not result.base_right for result in shared.inputs)
    pools = {False: TOTAL * wrong // 12, True: TOTAL * (12 - wrong) // 12}
    assert {name for name, _ in spent_on} == {"search", "random", "nearby", "control"}
    for (name, right), count in spent_on.items():
        assert count == pools[right], f"{name} on inputs that are {'right' if right else 'wrong'}"


def test_inputs_get_unequal_parts_but_none_more_than_its_budget(shared: Study) -> None:
    counts = [len(result.search.evaluations) for result in shared.inputs]
    assert max(counts) > min(counts) > 1
    assert max(counts) <= 60


def test_solved_inputs_wait_for_the_others(shared: Study) -> None:
    wrong = [result.search for result in shared.inputs if not result.base_right]
    solved = [len(arm.evaluations) for arm in wrong if arm.right]
    unsolved = [len(arm.evaluations) for arm in wrong if not arm.right]
    assert solved
    assert unsolved
    assert sum(solved) / len(solved) < sum(unsolved) / len(unsolved)


def test_the_order_of_turns() -> None:
    states = states_with((0.1, 10), (0.4, 10), (1.0, 5), (0.4, 30), (1.0, 3), (0.0, 1))
    arms = [state.arms[0] for state in states]
    order = sorted(range(6), key=lambda number: urgency(arms[number], spent=59))
    assert order == [5, 1, 3, 0, 4, 2]  # new ones first, near before far, seldom before often, solved ones last


def test_without_a_guide_the_fewest_evaluations_come_first() -> None:
    arms = [state.arms[0] for state in states_with((0.0, 9), (0.0, 5), (0.0, 7))]
    assert sorted(range(3), key=lambda number: urgency(arms[number], spent=21)) == [1, 2, 0]


def test_the_better_half_is_asked_until_the_pool_is_spent() -> None:
    states = states_with((0.1, 10), (0.4, 10), (0.3, 10), (0.2, 10))
    members = [(state, state.arms[0]) for state in states]
    assert [turn.state for turn in Pool(members, 100).turns(4)] == [states[1], states[2]]
    assert [turn.most for turn in Pool(members, 46).turns(4)] == [4, 2]
    assert not Pool(members, 40).turns(4)


def test_what_is_done_is_not_asked() -> None:
    states = states_with((0.1, 10), (0.4, 10))
    states[1].arms[0].done = True
    shared = SharedBudget(states, SearchSettings(total_budget=100), 2)
    assert [turn.state for turn in shared.turns()] == [states[0]]


def test_a_right_chain_of_the_least_depth_ends_an_input(tmp_path: Path) -> None:
    run(tmp_path / "s", total_budget=12 * 30, space="skip")
    ended: dict[tuple[str, str], int] = {}
    for line in lines(tmp_path / "s"):
        who = line["input"], line["arm"]
        assert line["round"] <= ended.get(who, line["round"]), f"{who} was asked on"
        if line["reward"] >= 1 and len(line["chain"]) == 1:
            ended[who] = line["round"]
    assert ended


@pytest.mark.parametrize("searcher", ["evolution", "cola"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_resumed_study_ends_in_the_same_journal(searcher: str, kept: float, tmp_path: Path) -> None:
    run(tmp_path / "whole", searcher=searcher)
    run(tmp_path / "cut", searcher=searcher)
    journal, whole = tmp_path / "cut" / "journal.jsonl", (tmp_path / "whole" / "journal.jsonl").read_bytes()
    for name in ("summary.json", "verified.jsonl"):
        (tmp_path / "cut" / name).unlink()
    journal.write_bytes(whole[: int(kept * len(whole))])
    run(tmp_path / "cut", searcher=searcher)
    assert journal.read_bytes() == whole


def test_both_ways_of_counting_are_reported(shared: Study) -> None:
    figures = load_study(shared.out).figures
    assert figures.shared is not None
    assert set(figures.shared.at_equal_evaluations) == {"random", "nearby", "control"}
    assert spent(figures).startswith("200 evaluations of all inputs together")
    assert "equal evaluations" in "".join(at_equal_evaluations(figures))


def test_a_total_of_which_an_input_would_have_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"too little for 12 inputs.*take 60"):
        run(tmp_path / "s", total_budget=59)


def test_without_a_total_nothing_is_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(total_budget.Pool, "turns")
    study = run(tmp_path / "s", total_budget=None, budget=10)
    assert study.figures.shared is None
    assert {len(arm.evaluations) for result in study.inputs for arm in result.arms.values()} == {10}
