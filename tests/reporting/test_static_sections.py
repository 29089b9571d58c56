"""What a report and a terminal say of a margin, the cost/accuracy curve, other calibration inputs, and seconds."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from skiploop.engine.request import Request, Result
from skiploop.reporting.build import build
from skiploop.reporting.sentences.static import curve_line, equal_accuracy, on_other_inputs
from skiploop.reporting.terminal.static import print_static
from skiploop.stats.measured import Measured
from skiploop.studies.execution import Execution
from skiploop.studies.static.figures import Equality, StaticFigures
from skiploop.studies.static.margin import NonInferiority, Outcome
from skiploop.studies.static.settings import StaticSettings
from skiploop.studies.static.study import StaticStudy, search_static
from skiploop.testing.fakes import FakeModel, FakeRunner, digest, fake_task

ASKED = StaticSettings(train=20, test=40, first=20, within=90, swap="half", timed=6, max_depth=4)


class Gradual(FakeRunner):
    """Each layer is worth a fifth of the answers."""

    def answer(self, request: Request) -> Result:
        return Result(matched=digest(request.prompt) % 5 < len(request.chain))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StaticStudy:
    return search_static(
        FakeModel(), fake_task(80), out=tmp_path_factory.mktemp("static") / "run", static=ASKED,
        execution=Execution(Gradual()), searcher="random", space="skip", budget=30,
    )  # fmt: skip


def section(study: StaticStudy, name: str) -> str:
    (run,) = build([study.out]).runs
    (found,) = [each for each in run.sections if each.name == name]
    assert found.figures or name != "static-curve"
    return str(found.to_json())


def printed(study: StaticStudy) -> str:
    console = Console(file=io.StringIO(), width=100, highlight=False)
    print_static(study, console)
    return " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]


def test_the_curve_is_in_the_report_and_a_line_in_the_terminal(study: StaticStudy) -> None:
    shown, text = section(study, "static-curve"), printed(study)
    assert len(study.figures.curve) > 1
    for each in study.figures.curve:
        assert f"'{each.chosen.notation}'" in shown
    line = curve_line(study.figures).replace("\u00a0", " ")
    assert line in text and line.count(":") == len(study.figures.curve) + 1
    assert curve_line(replace(study.figures, curve=())) == ""


def test_seconds_stand_beside_layer_calls(study: StaticStudy) -> None:
    assert study.wall_clock is not None
    shown, text = section(study, "wall-clock"), printed(study)
    assert "layer calls to the identity's" in shown and "seconds per input" in shown
    assert "of the identity's seconds" in text and "of its layer calls, on 6 test inputs alone" in text


def test_the_margin_and_the_other_inputs_are_in_both(study: StaticStudy) -> None:
    said = [*equal_accuracy(study.figures), *on_other_inputs(study.figures)]
    shown, text = section(study, "static"), printed(study)
    assert len(said) == 2 and said[0].startswith("Equal accuracy within 90 points is ")
    for sentence in said:
        assert sentence.replace("\u00a0", " ").replace("−", "-") in text
        assert sentence in shown.replace("\\xa0", "\u00a0")
    assert "20 other inputs of the same task" in said[1]


@pytest.mark.parametrize(
    "outcome, wanted",
    [
        ("shown", "Equal accuracy within 2 points is shown for the chain"),
        ("open", "Equal accuracy within 2 points is not shown for the chain"),
        ("refuted", "Equal accuracy within 2 points is refuted for the chain"),
    ],
)
def test_what_is_not_shown_is_said_clearly(study: StaticStudy, outcome: Outcome, wanted: str) -> None:
    figures = with_outcome(study.figures, outcome)
    (said,) = equal_accuracy(figures)
    assert said.startswith(wanted)
    assert ("leaves a loss of up to 7.5 points possible" in said) == (outcome == "open")


def with_outcome(figures: StaticFigures, outcome: Outcome) -> StaticFigures:
    row = figures.chosen["cheapest"]
    assert row.minus_identity is not None
    gap = replace(row.minus_identity, difference=Measured(-0.01, (-0.075, 0.05), 40))
    chosen = figures.chosen | {"cheapest": replace(row, minus_identity=gap)}
    return replace(figures, chosen=chosen, equality=Equality(0.02, {"cheapest": NonInferiority(outcome, 0.075)}))


def test_without_a_chain_within_the_margin_the_search_is_judged(study: StaticStudy) -> None:
    chosen = {name: row for name, row in study.figures.chosen.items() if name != "cheapest"}
    equality = Equality(0.02, {"search": NonInferiority("refuted", 0.4)})
    first, second = equal_accuracy(replace(study.figures, chosen=chosen, equality=equality))
    assert first == "No chain that was tried is within 2 points of the identity on training inputs."
    assert second.startswith("Equal accuracy within 2 points is refuted")


def test_the_identity_itself_is_the_cheapest(study: StaticStudy) -> None:
    chosen = study.figures.chosen | {"cheapest": study.figures.chosen["identity"]}
    (said,) = equal_accuracy(replace(study.figures, chosen=chosen, equality=Equality(0.02, {})))
    assert said == "No chain of fewer layer calls was within 2 points of the identity on training inputs."
