"""The figures that a report begins with, each beside what it has to be compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from skiploop.reporting.charts import Series, dots
from skiploop.reporting.parts import Cell, Column, Figure, Kind, Section, Table, difference, measured
from skiploop.reporting.run_folder import RunFolder
from skiploop.stats.measured import Measured, measured_difference, measured_mean, measured_share
from skiploop.stats.shares import paired_counts
from skiploop.studies.results import InputResult
from skiploop.studies.search import Study

_COLUMNS = (
    Column("figure"), Column("search", "share"), Column("beside it", "share"), Column("what that is"),
    Column("difference", "points"), Column("inputs", "count"),
)  # fmt: skip
_RANDOM = "random chains"
Holds = Callable[[InputResult, str], bool]


def headline(folder: RunFolder) -> Section | None:
    """What was found in all, beside random chains and beside a search for a wrong answer."""
    study = folder.study
    if study is None or not study.inputs:
        return None
    caption = (
        "Shares are of inputs; below each figure its 95 % interval (Wilson's, Newcombe's for differences of the same "
        "inputs, bootstrap for depths). Bold: the interval of the difference excludes 0. All figures in the column "
        "“search” but the first need the gold answer."
    )
    table = Table(caption, _COLUMNS, tuple(_rows(study)))
    return Section("headline", "What was found", tables=(table,), figures=(_figure(study),), data=folder.summary)


def _rows(study: Study) -> list[tuple[Cell, ...]]:
    inputs = study.inputs
    base = sum(each.base_right for each in inputs)
    first = (
        Cell("accuracy of the model as it is"), measured(measured_share(base, len(inputs))),
        Cell(None), Cell(""), Cell(None), Cell(len(inputs)),
    )  # fmt: skip
    random = [each for each in inputs if "random" in each.arms]
    control = [each for each in inputs if "control" in each.arms]
    wrong, right = [each for each in random if not each.base_right], [each for each in random if each.base_right]
    names = (
        ("oracle accuracy", inputs, random), ("corrected, of what it gets wrong", _wrong(inputs), wrong),
        ("right with a shorter chain, of what it gets right", _right(inputs), right),
    )  # fmt: skip
    holds: tuple[Holds, ...] = (_hit, _hit, _shorter)
    rows = [_row(name, own, beside, "random", hold) for (name, own, beside), hold in zip(names, holds, strict=True)]
    if control:
        rows.insert(2, _row("right answer hit, where the control is run", control, control, "control", _hit))
    return [first, *rows, _depth_row(inputs, random)]


def _wrong(inputs: Sequence[InputResult]) -> list[InputResult]:
    return [each for each in inputs if not each.base_right]


def _right(inputs: Sequence[InputResult]) -> list[InputResult]:
    return [each for each in inputs if each.base_right]


def _hit(result: InputResult, arm: str) -> bool:
    return result.arms[arm].right


def _shorter(result: InputResult, arm: str) -> bool:
    return result.transition(arm) == "right_shorter"


def _row(
    name: str, own: Sequence[InputResult], beside: Sequence[InputResult], arm: str, holds: Holds
) -> tuple[Cell, ...]:
    found = measured_share(sum(holds(each, "search") for each in own), len(own))
    if not beside:
        return (
            Cell(name),
            measured(found),
            Cell(None),
            Cell("" if own else "no such input"),
            Cell(None),
            Cell(len(own)),
        )
    first, second = [holds(each, "search") for each in beside], [holds(each, arm) for each in beside]
    other = measured_share(sum(second), len(second))
    what = _RANDOM if arm == "random" else "a wrong answer hit"
    gap = difference(measured_difference(paired_counts(first, second)))
    return (Cell(name), measured(found), measured(other), Cell(what), gap, Cell(len(own)))


def _depth_row(inputs: Sequence[InputResult], random: Sequence[InputResult]) -> tuple[Cell, ...]:
    number: Kind = "number"
    best = measured_mean([len(each.search.best[0]) for each in inputs])
    name, count = Cell(f"mean depth of the best chain (identity: {inputs[0].depth})"), Cell(len(inputs))
    if not random:
        return (name, measured(best, number), Cell(None), Cell(""), Cell(None), count)
    others = [len(each.arms["random"].best[0]) for each in random]
    gaps = [len(each.search.best[0]) - other for each, other in zip(random, others, strict=True)]
    other = measured(measured_mean(others), number)
    return (name, measured(best, number), other, Cell(_RANDOM), difference(measured_mean(gaps), number), count)


def _figure(study: Study) -> Figure:
    inputs = study.inputs
    random = [each for each in inputs if "random" in each.arms]
    control = [each for each in inputs if "control" in each.arms]
    rows = ["accuracy", "oracle accuracy"]
    base = Series("the model as it is", "ink", (_share(inputs, lambda each: each.base_right),))
    search: list[Measured | None] = [None, _share(inputs, lambda each: each.search.right)]
    by_random: list[Measured | None] = [None, _share(random, lambda each: each.arms["random"].right)]
    by_control: list[Measured | None] = [None, None]
    if control:
        rows.append("target hit, inputs that\nthe model gets wrong")
        search.append(_share(control, lambda each: each.search.right))
        by_random.append(_share([e for e in control if "random" in e.arms], lambda e: e.arms["random"].right))
        by_control.append(_share(control, lambda each: each.arms["control"].right))
    series = [base, Series("search", "search", tuple(search))]
    series += [Series("random chains", "random", tuple(by_random))] * bool(random)
    series += [Series("control: a wrong answer", "control", tuple(by_control))] * bool(control)
    return Figure(
        "headline",
        "The model's accuracy, and how often a search that is told the answer finds a chain that gives it. Lines are "
        "95 % intervals. Only where blue lies clear of green do chains find the right answer rather than any answer.",
        "Dots with intervals: accuracy of the identity, oracle accuracies, and hits of the control.",
        dots(rows, series, axis="share of inputs", percent=True),
        (6.6, 1.1 + 0.62 * len(rows)),
    )


def _share(inputs: Sequence[InputResult], holds: Callable[[InputResult], bool]) -> Measured:
    return measured_share(sum(map(holds, inputs)), len(inputs))
