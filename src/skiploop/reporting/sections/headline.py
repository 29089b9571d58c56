"""The figures of the search and of what it is compared with, in one table."""

from __future__ import annotations

from collections.abc import Sequence

from skiploop.reporting.names import ARM_NAMES
from skiploop.reporting.parts import Cell, Column, ReportTable, Section, measured
from skiploop.reporting.run_folder import RunFolder
from skiploop.reporting.sections.arms import Holds, baselines, having, hit, share, shorter
from skiploop.stats.measured import measured_mean, measured_share
from skiploop.stats.numbers import Kind
from skiploop.studies.figures import SearchFigures
from skiploop.studies.results import InputResult


def headline(folder: RunFolder) -> Section | None:
    """What was found in all; the differences stand in the section of the baselines."""
    study = folder.study
    if study is None or not study.inputs:
        return None
    inputs = study.inputs
    control = having(inputs, "control")
    arms = ["search", *baselines(inputs), *(["control"] if control else [])]
    wrong, right = ([each for each in inputs if each.base_right == verdict] for verdict in (False, True))
    rows = [
        _row("accuracy", inputs, [], None),
        _row("oracle accuracy", inputs, arms, hit),
        _row("corrected, of what the identity gets wrong", wrong, arms, hit),
        _row("right with a shorter chain, of what it gets right", right, arms, shorter),
        *([_row("target hit, on inputs of the control", control, arms, hit, control=True)] if control else []),
        _depths(inputs, arms),
    ]
    columns = (
        Column("figure"), Column("inputs", "count"), Column("identity", "share"),
        *(Column(ARM_NAMES[arm], "share") for arm in arms),
    )  # fmt: skip
    caption = "Shares of inputs with Wilson's intervals, depths with bootstrap intervals."
    full = tuple((*row, *[Cell(None)] * (len(columns) - len(row))) for row in rows)
    table = ReportTable(caption, columns, full)
    tables = (table, *_by_metric(study.figures))
    return Section(
        "headline", "What was found", tables=tables, data=study.figures.to_json(), hint="every arm, by figure"
    )


def _by_metric(figures: SearchFigures) -> tuple[ReportTable, ...]:
    """The identity by every metric; nothing where text is judged."""
    if not figures.base_by_metric:
        return ()
    rows = [
        (Cell(name), Cell("decides" if name == figures.metric else None), measured(found))
        for name, found in figures.base_by_metric.items()
    ]
    caption = "Accuracy of the identity by every metric of options; one of them decides which chains are right."
    return (ReportTable(caption, (Column("metric"), Column("here"), Column("accuracy", "share")), tuple(rows)),)


def _row(
    name: str, inputs: Sequence[InputResult], arms: Sequence[str], holds: Holds | None, *, control: bool = False
) -> tuple[Cell, ...]:
    """A row of shares; the control's own target is another one, so it stands in a row of its own."""
    first = (Cell(name), Cell(len(inputs)))
    if holds is None:
        return (*first, measured(measured_share(sum(each.base_right for each in inputs), len(inputs))))
    shown = (measured(share(inputs, arm, holds)) if control or arm != "control" else Cell(None) for arm in arms)
    return (*first, Cell(None), *shown)


def _depths(inputs: Sequence[InputResult], arms: Sequence[str]) -> tuple[Cell, ...]:
    number: Kind = "number"
    best = {arm: [len(each.arms[arm].best[0]) for each in having(inputs, arm)] for arm in arms if arm != "control"}
    identity = Cell(float(inputs[0].depth), kind=number)
    shown = (measured(measured_mean(depths), number) for depths in best.values())
    return (Cell("mean depth of the best chain, in layers"), Cell(len(inputs)), identity, *shown)
