"""Sections about the inputs of a study: transitions, budgets, hits, depths, levels and families."""

from __future__ import annotations

from typing import Any

from skiploop.analysis.depths import DepthGroup, depths, transitions
from skiploop.analysis.hits import hits
from skiploop.reporting import numbers
from skiploop.reporting.charts import Series, curves, dots
from skiploop.reporting.parts import Cell, Column, Figure, Section, Table, counted, difference, measured
from skiploop.reporting.run_folder import RunFolder
from skiploop.studies.search import Study

NAMES = {
    "right_shorter": "right, and so is a shorter chain",
    "corrected": "wrong, some chain is right",
    "still_wrong": "wrong, and so is every chain tried",
    "identity_best": "right, no shorter chain found",
}


def transition_section(folder: RunFolder) -> Section | None:
    """What became of the inputs."""
    if (study := _with_inputs(folder)) is None:
        return None
    found = transitions(study)
    columns = (
        Column("the model as it is"), Column("search", "share"), Column("random chains", "share"),
        Column("difference", "points"),
    )  # fmt: skip
    rows = [
        (Cell(NAMES[each.name]), measured(each.search), measured(each.random), difference(each.difference))
        for each in found
    ]
    series = [Series("search", "search", tuple(each.search for each in found))]
    if found[0].random is not None:
        series.append(Series("random chains", "random", tuple(each.random for each in found)))
    figure = Figure(
        "transitions",
        "What a search that is told the answer makes of the inputs. “Not found” depends on budget and searcher.",
        "Dots with intervals: the shares of the four transitions.",
        dots([_broken(NAMES[each.name]) for each in found], series, axis="share of inputs", percent=True),
        (6.6, 3.0),
    )
    data = {"transitions": [each.to_json() for each in found]}
    table = Table(f"Shares of {numbers.plural(len(study.inputs), 'input')}, which sum to 1.", columns, tuple(rows))
    return Section("transitions", "Transitions", tables=(table,), figures=(figure,), data=data)


def _broken(name: str) -> str:
    return name.replace(", ", ",\n")


def budget_section(folder: RunFolder) -> Section | None:
    """How hits grow with the budget, and how many of the evaluated chains hit."""
    if (study := _with_inputs(folder)) is None:
        return None
    found = hits(study)
    text = [
        "With every further chain the chance grows that one of them is right, whoever proposes it. So an oracle "
        "accuracy says little without its budget, and without the curve of a search that knows less."
    ]
    if found.against_random is not None and found.against_random_p is not None:
        text.append(
            f"At the whole budget the search has a hit on {numbers.points(found.against_random.value)} more inputs "
            "than "
            f"random chains (95 %: {numbers.interval(found.against_random.interval, 'points')}; McNemar's exact "
            f"p {_p(found.against_random_p)})."
        )
    everywhere = [each for each in found.curves if each.inputs == "all"]
    where_wrong = [each for each in found.curves if each.inputs == "control"]
    figures = [_budget_figure("budget", everywhere, "oracle accuracy", "all inputs")]
    if where_wrong:
        where = "inputs that the model gets wrong and on which the control is run"
        figures.append(_budget_figure("budget-control", where_wrong, "share with a hit", where))
    columns = (Column("arm"), Column("hits", "count"), Column("chains", "count"), Column("mean share", "share"))
    rows = [(Cell(e.name), Cell(e.hits), Cell(e.chains), measured(e.share)) for e in found.shares]
    caption = (
        "Share of the evaluated chains, without the identity, that reach the arm's target: the right answer, and for "
        "the control one particular wrong answer. A mean over inputs of each input's share."
    )
    if found.share_difference is not None:
        ends = found.share_difference.interval
        caption += f" Search minus control: {numbers.points(found.share_difference.value, ends)}."
    table = Table(caption, columns, tuple(rows))
    return Section("budget", "Hits and budget", tuple(text), (table,), tuple(figures), found.to_json())


def _p(p: float) -> str:
    return numbers.value(p, "p") if p < 0.001 else f"= {numbers.value(p, 'p')}"


def _budget_figure(name: str, found: Any, axis: str, where: str) -> Figure:
    return Figure(
        name,
        f"Share of inputs with a hit after so many evaluations, over {where} "
        f"({numbers.plural(found[0].shares[0].count, 'input')}). Bands are 95 % intervals at each budget, not of a "
        "whole "
        "curve.",
        f"Step curves with bands: {axis} by number of evaluations.",
        curves(found, axis=axis),
    )


def depth_section(folder: RunFolder) -> Section | None:
    """How deep the best chains are."""
    if (study := _with_inputs(folder)) is None:
        return None
    found = depths(study)
    layers = study.run["model"]["num_layers"]
    text = (
        f"The identity has depth {layers}. The best chain of an input has the highest reward, then the least depth; "
        "where nothing is right it is the identity. It was picked with the gold answer, and its depth isn't a speed: "
        "the whole budget was spent to find it. What a search evaluates is what its searcher likes, so beside the best "
        "chains stands the mean depth of all chains that it evaluated.",
    )
    columns = (
        Column("inputs by"), Column("inputs", "count"), Column("best chains", "number"),
        Column("where some chain is right", "number"), Column("all evaluated", "number"),
        Column("random, best", "number"),
    )  # fmt: skip
    rows = tuple(_depth_row(each) for each in found)
    caption = (
        "Mean depths with bootstrap intervals over inputs. Without one: fewer than 5 inputs, or all depths are equal, "
        "beyond which a bootstrap can't see."
    )
    shown = [each for each in found if each.kind in ("all", "level")]
    shown = shown if len(shown) > 2 else shown[:1]
    series = [
        Series("best chains", "search", tuple(each.best for each in shown)),
        Series("all evaluated", "evaluated", tuple(each.evaluated for each in shown)),
    ]
    if shown[0].random is not None:
        series.append(Series("random arm, best", "random", tuple(each.random for each in shown)))
    figure = Figure(
        "depths",
        f"Mean depth by level; the identity has {layers}. Where blue follows grey, depth follows the searcher.",
        "Dots with intervals: mean depth of best and of all evaluated chains by level.",
        dots([_group_name(each) for each in shown], series, axis="mean depth (layers run)"),
        (6.6, 1.2 + 0.42 * len(shown)),
    )
    data = {"depths": [each.to_json() for each in found]}
    return Section("depths", "Depth", text, (Table(caption, columns, rows),), (figure,), data)


def _group_name(group: DepthGroup) -> str:
    return group.name if group.kind in ("all", "verdict") else f"{group.kind} {group.name}"


def _depth_row(group: DepthGroup) -> tuple[Cell, ...]:
    figures = (group.best, group.right, group.evaluated, group.random)
    return (Cell(_group_name(group)), Cell(group.inputs), *(measured(each) for each in figures))


def group_section(folder: RunFolder) -> Section | None:
    """The headline figures by level and by family."""
    if (study := _with_inputs(folder)) is None:
        return None
    summary = study.summary
    parts = [("level", summary["by_level"]), ("family", summary["by_family"])]
    parts = [(field, rows) for field, rows in parts if len(rows) > 1]
    if not parts:
        return None
    text = (
        "The same figures for parts of the inputs. The parts are small and there are many of them: look at the "
        "counts, and don't pick the best one.",
    )
    tables = tuple(_group_table(field, [*rows, summary]) for field, rows in parts)
    return Section("groups", "By level and family", text, tables, data=dict(parts))


def _group_table(field: str, rows: list[dict[str, Any]]) -> Table:
    columns = (
        Column(field), Column("inputs", "count"), Column("accuracy as it is", "share"), Column("oracle", "share"),
        Column("random oracle", "share"), Column("right, shorter", "count"), Column("corrected", "count"),
        Column("still wrong", "count"), Column("identity best", "count"), Column("control hits", "share"),
    )  # fmt: skip
    return Table(f"By {field}; the last row is all inputs.", columns, tuple(_group_row(field, r) for r in rows), True)


def _group_row(field: str, row: dict[str, Any]) -> tuple[Cell, ...]:
    name = "all" if field not in row else "-" if row[field] in (None, "") else str(row[field])
    moves = row["transitions"]
    count = row["inputs"]
    shares = (("base_accuracy", count), ("oracle_accuracy", count), ("random_oracle_accuracy", count))
    return (
        Cell(name),
        Cell(count),
        *(counted(row[key], total) for key, total in shares),
        *(Cell(moves[key]) for key in ("right_shorter", "corrected", "still_wrong", "identity_best")),
        counted(row["control_hit_share"], row["control_inputs"]),
    )


def _with_inputs(folder: RunFolder) -> Study | None:
    study = folder.study
    return study if study is not None and study.inputs else None
