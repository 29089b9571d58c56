"""Sections about what a search has to beat: baselines that ignore rewards, the control, repairs of the format alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from skiploop.reporting.names import ARM_NAMES, KIND_NAMES
from skiploop.reporting.parts import Cell, Column, ReportTable, Section, difference, measured
from skiploop.reporting.run_folder import RunFolder
from skiploop.reporting.sections.arms import Holds, baselines, having, hit, shorter
from skiploop.reporting.sentences.search import repaired
from skiploop.stats.measured import measured_difference, measured_mean, measured_share
from skiploop.stats.numbers import Kind
from skiploop.stats.shares import mcnemar, paired_counts
from skiploop.storage.records import as_json
from skiploop.studies.format_failures import KindFigures
from skiploop.studies.results import InputResult


def peer_section(folder: RunFolder) -> Section | None:
    """The search less each baseline, and less the control."""
    study = folder.study
    if study is None:
        return None
    arms, control = baselines(study.inputs), having(study.inputs, "control")
    if not arms and not control:
        return None
    columns = (
        Column("figure"), Column("search less"), Column("difference", "points"), Column("p", "p"),
        Column("inputs", "count"),
    )  # fmt: skip
    rows = [row for arm in arms for row in _rows(study.inputs, arm)]
    if control:
        rows.append(_row("excess: own target hit", control, "control", hit))
    caption = (
        "Paired by input: Newcombe's intervals and McNemar's exact p, for depths a bootstrap; not corrected for their "
        "number. Bold: the interval excludes 0."
    )
    text = (
        "Random chains are easy to beat where chains may loop, as most are far from the identity; nearby chains start "
        "where a search starts, so what is found beyond them is owed to learning.",
    )
    data = {"peers": as_json(study.figures.peers)}
    table = ReportTable(caption, columns, tuple(rows))
    hint = "is the search better than chance?"
    return Section("peers", "Search against baselines and control", text, (table,), data=data, hint=hint)


def _rows(inputs: Sequence[InputResult], arm: str) -> list[tuple[Cell, ...]]:
    both = having(inputs, arm)
    wrong, right = ([each for each in both if each.base_right == verdict] for verdict in (False, True))
    number: Kind = "number"
    gaps = [len(each.search.best[0]) - len(each.arms[arm].best[0]) for each in both]
    return [
        _row("oracle accuracy", both, arm, hit),
        _row("corrected", wrong, arm, hit),
        _row("right and shorter", right, arm, shorter),
        (Cell("mean depth of the best chain"), Cell(ARM_NAMES[arm]), difference(measured_mean(gaps), number),
         Cell(None), Cell(len(both))),
    ]  # fmt: skip


def _row(name: str, inputs: Sequence[InputResult], arm: str, holds: Holds) -> tuple[Cell, ...]:
    if not inputs:
        return (Cell(name), Cell(ARM_NAMES[arm]), Cell(None), Cell(None), Cell(0))
    counts = paired_counts([holds(each, "search") for each in inputs], [holds(each, arm) for each in inputs])
    gap, p = difference(measured_difference(counts)), mcnemar(counts.first, counts.second)
    return (Cell(name), Cell(ARM_NAMES[arm]), gap, Cell(p), Cell(len(inputs)))


# Format


def format_section(folder: RunFolder) -> Section | None:
    """How many answers can't be read or echo the prompt, before and after."""
    found = None if folder.study is None else folder.study.figures.format
    if found is None or not found.inputs:
        return None
    count, corrected = found.inputs, found.corrected
    text = tuple(repaired(found))
    columns = (Column("answers that"), Column("before", "share"), Column("after", "share"), Column("inputs", "count"))
    rows = tuple(
        (Cell(title), measured(measured_share(before, whole)), measured(measured_share(after, whole)), Cell(whole))
        for title, before, after, whole in (
            ("can't be read", found.unparsable_before, found.unparsable_after, count),
            ("echo the prompt", found.echo_before, found.echo_after, count),
            (
                "echo the prompt, corrected inputs", found.corrected_echo_before, found.corrected_echo_after, corrected
            ),
        )
    )  # fmt: skip
    caption = "Before: the identity. After: the best chain of each input. Wilson's intervals."
    tables = [ReportTable(caption, columns, rows)]
    if found.unparsable_by_kind:
        tables.append(_kind_table(found.unparsable_by_kind))
    hint = "does a chain only repair the format?"
    return Section("format", "Format before and after", text, tuple(tables), data=as_json(found), hint=hint)


def _kind_table(kinds: Mapping[str, KindFigures]) -> ReportTable:
    columns = (Column("chains that"), Column("without a readable answer", "share"), Column("evaluations", "count"))
    rows = tuple((Cell(KIND_NAMES[name]), measured(row.share), Cell(row.evaluations)) for name, row in kinds.items())
    caption = "Intervals over evaluations, too narrow where several are of one input."
    return ReportTable(caption, columns, rows)
