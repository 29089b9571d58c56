"""Sections about the inputs of a study: transitions, budgets, hits, depths, levels and families."""

from __future__ import annotations

from collections.abc import Sequence

from skiploop.analysis.depths import DepthGroup, Transition, depths, transitions
from skiploop.analysis.hits import HitCurve, hits
from skiploop.reporting.charts import Series, curves, dots
from skiploop.reporting.names import ARM_NAMES, TRANSITION_NAMES
from skiploop.reporting.parts import Cell, Column, Figure, ReportTable, Section, difference, measured
from skiploop.reporting.run_folder import RunFolder
from skiploop.reporting.sections.arms import arm_series
from skiploop.stats import numbers
from skiploop.stats.measured import Measured
from skiploop.storage.records import as_json
from skiploop.studies.arms import PEERS
from skiploop.studies.figures import GroupFigures, InputFigures
from skiploop.studies.search import Study

_SHOWN = ("search", "random", "nearby")


def transition_section(folder: RunFolder) -> Section | None:
    """What became of the inputs."""
    if (study := _with_inputs(folder)) is None:
        return None
    found = transitions(study)
    arms = [arm for arm in _SHOWN if _of(found[0], arm) is not None]
    columns = (
        Column("the identity is"), *(Column(ARM_NAMES[arm], "share") for arm in arms),
        Column("search less random", "points"),
    )  # fmt: skip
    rows = tuple(
        (Cell(TRANSITION_NAMES[each.name]), *(measured(_of(each, arm)) for arm in arms), difference(each.difference))
        for each in found
    )
    series = [arm_series(arm, [_of(each, arm) for each in found]) for arm in arms]
    figure = Figure(
        "transitions",
        "What becomes of the inputs in each arm; the identity's verdict first.",
        "Dots with intervals: the shares of the four transitions.",
        dots(
            [TRANSITION_NAMES[each.name].replace(", ", ",\n") for each in found],
            series,
            axis="share of inputs",
            percent=True,
        ),
        (6.6, 3.0),
    )
    data = {"transitions": as_json(found)}
    table = ReportTable(f"Shares of {numbers.plural(len(study.inputs), 'input')}.", columns, rows)
    hint = "what became of each input?"
    return Section("transitions", "Transitions", (), (table,), (figure,), data, hint)


def _of(found: Transition | DepthGroup, arm: str) -> Measured | None:
    share: Measured | None = getattr(found, "best" if arm == "search" and isinstance(found, DepthGroup) else arm)
    return share


def budget_section(folder: RunFolder) -> Section | None:
    """How hits grow with the budget, and how many of the evaluated chains hit."""
    if (study := _with_inputs(folder)) is None:
        return None
    found = hits(study)
    everywhere = [each for each in found.curves if each.inputs == "all"]
    where_wrong = [each for each in found.curves if each.inputs == "control"]
    figures = [_budget_figure("budget", everywhere, "oracle accuracy", "all inputs")]
    if where_wrong:
        figures.append(_budget_figure("budget-control", where_wrong, "share with a hit", "inputs of the control"))
    columns = (Column("arm"), Column("hits", "count"), Column("chains", "count"), Column("mean share", "share"))
    rows = [(Cell(e.name), Cell(e.hits), Cell(e.chains), measured(e.share)) for e in found.shares]
    caption = "Share of an arm's chains, the identity left out, that reach its target: a mean over inputs."
    if found.share_difference is not None:
        ends = found.share_difference.interval
        caption += f" Search less control: {numbers.points(found.share_difference.value, ends)}."
    table = ReportTable(caption, columns, tuple(rows))
    text = ("Each further chain is another chance to be right, whoever proposes it.",)
    hint = "how much does more search find?"
    return Section("budget", "Hits and budget", text, (table,), tuple(figures), as_json(found), hint)


def _budget_figure(name: str, found: Sequence[HitCurve], axis: str, where: str) -> Figure:
    return Figure(
        name,
        f"Hits by number of evaluations, {where} ({found[0].shares[0].count}); bands are intervals at each number.",
        f"Step curves with bands: {axis} by number of evaluations.",
        curves(found, axis=axis),
        (6.6, 2.8),
    )


def depth_section(folder: RunFolder) -> Section | None:
    """How deep the best chains are."""
    if (study := _with_inputs(folder)) is None:
        return None
    found = depths(study)
    layers = study.run["model"]["num_layers"]
    text = (
        f"The identity has depth {layers}. Best chains were picked with the gold answer, and depth isn't speed: the "
        "whole budget was spent to find them. Where best chains follow all that was tried, depth follows the searcher.",
    )
    peers = [arm for arm in _SHOWN[1:] if _of(found[0], arm) is not None]
    columns = (
        Column("inputs by"), Column("inputs", "count"), Column("best chains", "number"),
        Column("where some is right", "number"), Column("all tried", "number"),
        *(Column(f"{ARM_NAMES[arm]}, best", "number") for arm in peers),
    )  # fmt: skip
    rows = tuple(_depth_row(each, peers) for each in found if each.kind != "family")
    shown = [each for each in found if each.kind in ("all", "level")]
    shown = shown if len(shown) > 2 else shown[:1]
    series = [arm_series(arm, [_of(each, arm) for each in shown]) for arm in ("search", *peers)]
    series.insert(1, Series("all tried by the search", "evaluated", tuple(each.evaluated for each in shown)))
    figure = Figure(
        "depths",
        f"Mean depth of the best chains by level; the identity has {layers}.",
        "Dots with intervals: mean depth of best and of all evaluated chains by level.",
        dots([_group_name(each) for each in shown], series, axis="mean depth"),
        (6.6, 1.2 + 0.42 * len(shown)),
    )
    data = {"depths": as_json(found)}
    caption = "Bootstrap intervals over inputs; none below 5 inputs, or where all depths are equal."
    hint = "how many layers do right chains run?"
    return Section("depths", "Depth", text, (ReportTable(caption, columns, rows),), (figure,), data, hint)


def _group_name(group: DepthGroup) -> str:
    return group.name if group.kind in ("all", "verdict") else f"{group.kind} {group.name}"


def _depth_row(group: DepthGroup, peers: Sequence[str]) -> tuple[Cell, ...]:
    figures = (group.best, group.right, group.evaluated, *(_of(group, arm) for arm in peers))
    return (Cell(_group_name(group)), Cell(group.inputs), *(measured(each) for each in figures))


def group_section(folder: RunFolder) -> Section | None:
    """The headline figures by level and by family."""
    if (study := _with_inputs(folder)) is None:
        return None
    figures = study.figures
    parts = [(f, rows) for f, rows in (("level", figures.by_level), ("family", figures.by_family)) if len(rows) > 1]
    if not parts:
        return None
    text = ("The parts are small and there are many of them: don't pick the best one.",)
    tables = tuple(_group_table(field, [*rows, figures]) for field, rows in parts)
    hint = "where are right chains found?"
    return Section("groups", "By level and family", text, tables, data=as_json(dict(parts)), hint=hint)


def _group_table(field: str, rows: Sequence[InputFigures]) -> ReportTable:
    columns = (
        Column(field), Column("inputs", "count"), Column("accuracy", "share"), Column("oracle", "share"),
        Column("random", "share"), Column("nearby", "share"), Column("right, shorter", "count"),
        Column("corrected", "count"), Column("control hits", "count"),
    )  # fmt: skip
    cells = tuple(map(_group_row, rows))
    return ReportTable(f"By {field}; the last row is all inputs.", columns, cells, True)


def _group_row(row: InputFigures) -> tuple[Cell, ...]:
    peers = [row.peers[peer].oracle_accuracy if peer in row.peers else None for peer in PEERS]
    reached, count = row.control.reached.value, row.control.inputs
    return (
        Cell(_group_title(row)),
        Cell(row.inputs),
        *map(measured, (row.base_accuracy, row.oracle_accuracy, *peers)),
        *map(Cell, (row.transitions.right_shorter, row.transitions.corrected)),
        Cell("–" if reached is None else f"{round(reached * count)} of {count}"),
    )


def _group_title(row: InputFigures) -> str:
    if not isinstance(row, GroupFigures):
        return "all"
    return "-" if row.group in (None, "") else str(row.group)


def _with_inputs(folder: RunFolder) -> Study | None:
    study = folder.study
    return study if study is not None and study.inputs else None
