"""What a practitioner asks of a static study: few layer calls, equal accuracy, the curve, other inputs, seconds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from skiploop.chains.chain import Chain
from skiploop.engine.request import Request, Result
from skiploop.errors import InvalidInput
from skiploop.studies.execution import Execution, References
from skiploop.studies.progress import Progress
from skiploop.studies.static.calibration import calibration
from skiploop.studies.static.figures import StaticFigures
from skiploop.studies.static.settings import StaticSettings
from skiploop.studies.static.split import split
from skiploop.studies.static.study import StaticStudy, load_static, search_static
from skiploop.tasks import Example, Task
from skiploop.testing.fakes import FakeModel, FakeRunner, digest, gold

SMALL = StaticSettings(train=60, test=200, first=60, per_round=4)  # every chain is run on all training inputs


class Roomy(FakeModel):
    context_length = None


class Redundant(FakeRunner):
    """Layers 3 and 4 do nothing; each other layer that is left out loses a sixth of the answers; a fifth is wrong."""

    def answer(self, request: Request) -> Result:
        lost = len({0, 1, 2} - set(request.chain.layers))
        right = digest(request.prompt) % 5 > 0 and digest("lost", request.prompt) % 6 >= lost
        return Result(matched=right) if request.expected is not None else Result(text="7" if right else "0")


def many(count: int = 400, name: str = "many") -> Task:
    prompts = [f"L{i % 5 + 1} {name} {i}=" for i in range(count)]
    return Task(
        name, tuple(Example(f"m{i}", p, gold(p), level=i % 5 + 1) for i, p in enumerate(prompts)), "verbatim", 8
    )


def run(out: Path, static: StaticSettings, runner: FakeRunner | None = None, **changes: Any) -> StaticStudy:
    options = {"searcher": "random", "space": "skip", "budget": 31} | changes
    execution = Execution(runner or Redundant(), references=changes.pop("references", None))
    options.pop("references", None)
    return search_static(Roomy(), many(), out=out, static=static, execution=execution, **options)


# Few layer calls


@pytest.mark.parametrize("searcher", ["random", "cola", "gp"])
def test_no_chain_is_deeper_than_the_bound(searcher: str, tmp_path: Path) -> None:
    runner = Redundant()
    found = run(tmp_path, replace(SMALL, max_depth=3), runner, searcher=searcher, budget=25)
    assert {len(request.chain) for call in runner.calls for request in call} <= {1, 2, 3, 5}
    assert found.figures.chosen["search"].chain == (0, 1, 2)
    assert found.figures.chosen["identity"].depth == 5, "the yardstick stays"
    assert found.figures.max_depth == 3 and all(each.chosen.depth <= 3 for each in found.figures.curve)


def test_references_keep_to_the_bound(tmp_path: Path) -> None:
    references = References(
        influence=lambda prompts: [0.9, 0.5, 0.4, 0.01, 0.02], gates=lambda examples: [Chain([0, 1, 2, 4], 5)]
    )
    chosen = run(tmp_path, replace(SMALL, max_depth=1), references=references).figures.chosen
    assert "block" not in chosen and "gates" not in chosen, "nothing of theirs is short enough"
    assert chosen["influence"].chain == (0,), "as many layers as have to are left out"


def test_a_bound_that_no_chain_keeps_is_refused_before_any_work(tmp_path: Path) -> None:
    runner = Redundant()
    with pytest.raises(InvalidInput, match="no chain of the space 'loop' has at most 4 layer calls"):
        run(tmp_path, replace(SMALL, max_depth=4), runner, space="loop")
    assert not runner.calls


# Equal accuracy within a margin


def test_a_chain_that_loses_nothing_is_shown_to_be_equal(tmp_path: Path) -> None:
    figures = run(tmp_path, replace(SMALL, within=3)).figures
    assert figures.chosen["cheapest"].chain == (0, 1, 2), "the shortest of those that lose nothing"
    assert figures.equality is not None and figures.equality.margin == 0.03
    found = figures.equality.chains["cheapest"]
    assert found.outcome == "shown" and 0 < found.most_lost < 0.03, "200 pairs without any difference"
    assert "identity" not in figures.equality.chains


def test_with_few_test_inputs_the_same_chain_is_not_shown_to_be_equal(tmp_path: Path) -> None:
    figures = run(tmp_path, replace(SMALL, within=3, test=20)).figures
    assert figures.equality is not None
    assert figures.equality.chains["cheapest"].outcome == "open"
    assert figures.chosen["cheapest"].test == figures.chosen["identity"].test


def test_a_loss_is_refuted(tmp_path: Path) -> None:
    figures = run(tmp_path, replace(SMALL, within=3, max_depth=1)).figures
    assert "cheapest" not in figures.chosen, "no chain of one layer is within 3 points on the training inputs"
    assert figures.equality is not None and figures.equality.chains["search"].outcome == "refuted"


def test_a_wide_margin_takes_a_shorter_chain(tmp_path: Path) -> None:
    depths = [
        run(tmp_path / str(within), replace(SMALL, within=within)).figures.chosen["cheapest"].depth
        for within in (1, 17, 60)
    ]
    assert depths == [3, 2, 1]


@pytest.mark.parametrize("within", [0, -1, 100])
def test_margins_that_mean_nothing_are_refused(within: float) -> None:
    with pytest.raises(InvalidInput, match="above 0 and below 100"):
        StaticSettings(within=within)


# The cost/accuracy curve


def test_the_curve_has_the_chain_chosen_for_each_depth_on_training_inputs(tmp_path: Path) -> None:
    figures = run(tmp_path, SMALL).figures
    assert [each.chosen.depth for each in figures.curve] == [1, 2, 3]
    trained = [each.chosen.train for each in figures.curve]
    assert trained == sorted(trained) and len(set(trained)) == 3
    last = figures.curve[-1]
    assert last.chosen == figures.chosen["search"] and last.chosen.test.count == 200
    assert all(each.chosen.test.interval is not None for each in figures.curve)


def test_the_curve_is_measured_on_test_inputs_and_has_its_own_journal(tmp_path: Path) -> None:
    with_it = run(tmp_path / "a", SMALL)
    without = run(tmp_path / "b", replace(SMALL, curve=0))
    assert without.figures.curve == () and not (tmp_path / "b" / "curve.jsonl").exists()
    assert (tmp_path / "a" / "journal.jsonl").read_bytes() == (tmp_path / "b" / "journal.jsonl").read_bytes()
    lines = [json.loads(line) for line in (tmp_path / "a" / "curve.jsonl").read_text().splitlines()]
    tested = {each.id for each in split(many(), 60, 200)[1]}
    assert {line["input"] for line in lines if "input" in line} == tested
    assert with_it.figures.evaluations - without.figures.evaluations == sum("input" in line for line in lines) == 400


# The calibration set swapped


class ByPart(FakeRunner):
    """On the given prompts the chain without layer 3 is right, on all others the one without layer 1."""

    def __init__(self, prompts: set[str]) -> None:
        super().__init__()
        self._prompts = prompts

    def answer(self, request: Request) -> Result:
        wanted = (0, 1, 2, 4) if request.prompt in self._prompts else (0, 2, 3, 4)
        return Result(matched=request.chain.layers == wanted)


def test_what_is_chosen_on_other_inputs_is_reported_on_the_same_test_inputs(tmp_path: Path) -> None:
    train, test = split(many(), 60, 200)
    runner = ByPart({each.prompt for each in train})
    figures = run(tmp_path, replace(SMALL, swap="half"), runner).figures
    assert figures.chosen["search"].chain == (0, 1, 2, 4) and figures.chosen["search"].test.value == 0
    assert figures.chosen["swapped"].chain == (0, 2, 3, 4) and figures.chosen["swapped"].test.value == 1
    swapped = figures.swapped
    assert swapped is not None and (swapped.source, swapped.inputs, swapped.chains) == ("half", 60, 30)
    assert swapped.search_minus_swapped is not None and swapped.search_minus_swapped.difference.value == -1
    lines = [json.loads(line) for line in (tmp_path / "inputs.jsonl").read_text().splitlines()]
    others = {line["prompt"] for line in lines if line["split"] == "swapped"}
    assert len(others) == 60 and not others & {each.prompt for each in (*train, *test)}


def test_inputs_of_another_task(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"prompt": f"L1 other {i}=", "answer": "7"}) + "\n" for i in range(60)))
    runner = Redundant()
    found = run(tmp_path / "run", replace(SMALL, swap=f"jsonl:{rows}"), runner)
    assert found.figures.swapped is not None and found.figures.swapped.source == f"jsonl:{rows}"
    assert found.figures.swapped.search_minus_swapped is None, "the same chain was chosen"
    assert sum(str(request.prompt).startswith("L1 other") for call in runner.calls for request in call) > 60


def test_other_inputs_that_there_are_too_few_of(tmp_path: Path) -> None:
    task = many(300)
    with pytest.raises(InvalidInput, match="takes 60 more inputs of 'many', which has 40 left"):
        calibration("half", task, [*split(task, 60, 200)[0], *split(task, 60, 200)[1]], 60)


# Seconds


def test_chosen_chains_are_timed_alone_on_test_inputs(tmp_path: Path) -> None:
    found = run(tmp_path, replace(SMALL, timed=8, within=3))
    clock = found.wall_clock
    assert clock is not None and clock.inputs == 8 and set(clock.chains) == set(found.figures.chosen)
    assert clock.chains["cheapest"].calls_ratio == 0.6 and clock.chains["cheapest"].ratio.value is not None
    assert load_static(tmp_path).to_json()["wall_clock"]["chains"]["identity"]["ratio"]["value"] == 1
    with pytest.raises(InvalidInput, match="timed=300 inputs are to be among the 200 test inputs"):
        replace(SMALL, timed=300)


# All of it together


class Stopping(Progress):
    """Ctrl-C after so many rounds."""

    def __init__(self, after: int) -> None:
        self._left = after

    def update(self, done: int, total: int, figure: float, *, replayed: bool = False) -> None:
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt


def test_a_stopped_study_with_everything_ends_in_the_same_result(tmp_path: Path) -> None:
    everything = replace(SMALL, max_depth=4, within=5, swap="half")
    whole = run(tmp_path / "whole", everything, searcher="cola", budget=12)
    for after in (1, 4, 7):
        with pytest.raises(KeyboardInterrupt):
            execution = Execution(Redundant(), progress=lambda figure, after=after: Stopping(after))
            search_static(
                Roomy(), many(), out=tmp_path / "cut", static=everything, execution=execution, searcher="cola",
                space="skip", budget=12,
            )  # fmt: skip
    cut = run(tmp_path / "cut", everything, searcher="cola", budget=12)
    assert cut.figures == whole.figures
    for name in ("journal.jsonl", "curve.jsonl", "swapped.jsonl", "inputs.jsonl"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    again = Redundant()
    assert run(tmp_path / "whole", everything, again, searcher="cola", budget=12) == whole and not again.calls


def test_the_figures_are_read_as_they_were_written(tmp_path: Path) -> None:
    figures = run(tmp_path, replace(SMALL, within=3, swap="half", max_depth=4)).figures
    assert StaticFigures.from_json(json.loads(json.dumps(figures.to_json()))) == figures
