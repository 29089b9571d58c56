"""Several runs side by side, with paired tests where they have the same inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from skiploop.reporting.parts import Cell, Column, ReportTable, Section, compared, difference, measured
from skiploop.reporting.run_folder import RunFolder
from skiploop.stats.measured import Measured, measured_difference
from skiploop.stats.shares import PairedCounts, mcnemar, paired_counts
from skiploop.storage.records import as_json
from skiploop.studies.figures import SearchFigures
from skiploop.studies.outcomes import outcomes, questions
from skiploop.studies.static.figures import StaticFigures


@dataclass(frozen=True, slots=True)
class Pair:
    """A run against the first one, on the same inputs.

    Attributes:
        run: its name.
        figure: what is compared.
        difference: P(this run) - P(first run), with Newcombe's paired interval.
        p: of McNemar's exact test.
    """

    run: str
    figure: str
    difference: Measured
    p: float


def compare(folders: Sequence[RunFolder], names: Sequence[str]) -> Section | None:
    """A section that compares runs; None for a single one. `names` are what the page calls them."""
    if len(folders) < 2:
        return None
    first, *others = zip(folders, names, strict=True)
    found = [pair for folder, name in others for pair in _pairs(first[0], folder, name)]
    if first[0].whole is not None and first[0].held_out is not None:
        whole = [(folder.held_out, name) for folder, name in others if folder.whole is not None]
        found += [pair for part, name in whole if part is not None for pair in _pairs(first[0].held_out, part, name)]
    apart = [name for folder, name in others if not _same_inputs(first[0], folder)]
    text = ["Compare runs by the pairs on the same inputs, not by two columns that differ."]
    if apart:
        text.append(f"Not paired with {first[1]}: {', '.join(apart)}, with other inputs or of another kind.")
    tables = [table for each in (False, True) if (table := _table(folders, names, static=each))]
    if found:
        tables.append(_pair_table(found, first[1]))
    data = {"pairs": [as_json(pair) for pair in found]}
    return Section("comparison", "Comparison", tuple(text), tuple(tables), data=data)


# Side by side


def _table(folders: Sequence[RunFolder], names: Sequence[str], *, static: bool) -> ReportTable | None:
    return _static_table(folders, names) if static else _study_table(folders, names)


def _static_table(folders: Sequence[RunFolder], names: Sequence[str]) -> ReportTable | None:
    rows = [
        _static_row(figures, name)
        for folder, name in zip(folders, names, strict=True)
        if (figures := folder.static_figures) is not None
    ]
    if rows:
        columns = (
            Column("run"), Column("model"), Column("test inputs", "count"), Column("identity", "share"),
            Column("chosen by search", "share"), Column("difference", "points"), Column("depth", "count"),
        )  # fmt: skip
        return ReportTable("One chain for all inputs.", columns, tuple(rows))
    return None


def _study_table(folders: Sequence[RunFolder], names: Sequence[str]) -> ReportTable | None:
    rows = [
        _study_row(folder.study.figures, name)
        for folder, name in zip(folders, names, strict=True)
        if folder.study is not None
    ]
    if not rows:
        return None
    columns = (
        Column("run"), Column("model"), Column("searcher, space"), Column("budget", "count"), Column("inputs", "count"),
        Column("accuracy", "share"), Column("oracle", "share"), Column("random oracle", "share"),
        Column("excess", "points"), Column("mean best depth", "number"),
    )  # fmt: skip
    caption = "Chains per input. Oracle figures grow with the budget."
    return ReportTable(caption, columns, tuple(rows))


def _study_row(figures: SearchFigures, name: str) -> tuple[Cell, ...]:
    random = figures.peers.get("random")
    return (
        Cell(name), Cell(figures.model), Cell(f"{figures.searcher}, {figures.space}"),
        Cell(figures.budget), Cell(figures.inputs),
        measured(figures.base_accuracy), measured(figures.oracle_accuracy),
        measured(None if random is None else random.oracle_accuracy),
        difference(figures.control.excess), Cell(figures.mean_best_depth),
    )  # fmt: skip


def _static_row(figures: StaticFigures, name: str) -> tuple[Cell, ...]:
    base, chosen = figures.chosen["identity"], figures.chosen["search"]
    return (
        Cell(name), Cell(figures.model), Cell(figures.test_inputs), measured(base.test), measured(chosen.test),
        compared(chosen.minus_identity), Cell(chosen.depth),
    )  # fmt: skip


# Pairs


def _pairs(first: RunFolder, other: RunFolder, name: str) -> list[Pair]:
    if not _same_inputs(first, other):
        return []
    found = []
    before, after = outcomes(first.found), outcomes(other.found)
    for figure, own in after.items():
        if figure in before:
            ids = list(own)
            counts = paired_counts([own[i] >= 1 for i in ids], [before[figure][i] >= 1 for i in ids])
            found.append(_pair(name, figure, counts))
    return found


def _pair(name: str, figure: str, counts: PairedCounts) -> Pair:
    return Pair(name, figure, measured_difference(counts), mcnemar(counts.first, counts.second))


def _same_inputs(first: RunFolder, other: RunFolder) -> bool:
    """The same questions, judged alike, in runs of one kind; the models may differ."""
    if (first.static is None) != (other.static is None):
        return False
    return (
        questions(first.found) == questions(other.found)
        and first.run["task"]["scoring"] == other.run["task"]["scoring"]
    )


def _pair_table(pairs: Sequence[Pair], first: str) -> ReportTable:
    columns = (
        Column("run"), Column("figure"), Column("difference", "points"), Column("p", "p"), Column("inputs", "count"),
    )  # fmt: skip
    caption = f"Each run less {first}: Newcombe's paired interval, McNemar's exact p, not corrected for their number."
    rows = [(Cell(e.run), Cell(e.figure), difference(e.difference), Cell(e.p), Cell(e.difference.count)) for e in pairs]
    return ReportTable(caption, columns, tuple(rows))
