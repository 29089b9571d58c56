"""The section about what chains may do: skip only, loop only, or both."""

from __future__ import annotations

from skiploop.analysis.figures.ablation import AblationFigures
from skiploop.reporting.charts import Series, dots
from skiploop.reporting.names import SPACE_NAMES
from skiploop.reporting.parts import Cell, Column, Figure, ReportTable, Section, difference, measured
from skiploop.reporting.run_folder import RunFolder
from skiploop.stats import numbers

_NUMBER = {3: "three", 4: "four"}


def ablation_section(folder: RunFolder) -> Section | None:
    """Skip-only, loop-only, and both."""
    found = folder.figures.ablation
    if found is None:
        return None
    text = (
        f"The same search in {_NUMBER[len(found.spaces)]} spaces, with equal inputs, seed and evaluations; loops cost "
        "more layer calls than skips, and a small space is searched more thoroughly.",
    )
    tables = (_space_table(found), _pair_table(found))
    hint = "which of them does the work?"
    return Section("ablation", "Skips, loops, or both", text, tables, (_figure(found),), found.to_json(), hint)


def _space_table(found: AblationFigures) -> ReportTable:
    columns = (
        Column("chains"), Column("oracle accuracy", "share"), Column("random chains", "share"),
        Column("corrected", "share"), Column("right and shorter", "share"), Column("excess", "points"),
        Column("mean best depth", "number"), Column("layer calls", "count"),
    )  # fmt: skip
    rows = tuple(
        (
            Cell(SPACE_NAMES[name]), measured(space.oracle_accuracy), measured(space.random_oracle_accuracy),
            measured(space.corrected_share), measured(space.shorter_share), difference(space.excess),
            Cell(space.mean_best_depth), Cell(space.layer_calls),
        )
        for name, space in found.spaces.items()
    )  # fmt: skip
    return ReportTable("Oracle figures with Wilson's intervals.", columns, rows)


def _pair_table(found: AblationFigures) -> ReportTable:
    """The paired differences in oracle accuracy; those of the other measures are in the JSON."""
    columns = (
        Column("oracle accuracy of"), Column("difference", "points"), Column("Holm's p", "p"),
        Column("inputs", "count"),
    )  # fmt: skip
    rows = tuple(
        (
            Cell(f"{SPACE_NAMES[each.first]} less {SPACE_NAMES[each.second]}"),
            measured(each.difference, strong=each.shown), Cell(each.p_holm), Cell(each.difference.count),
        )
        for each in found.of_oracle_accuracy() if each.difference.value is not None
    )  # fmt: skip
    caption = "Paired by input. Bold: the interval excludes 0, and Holm's p is below 0.05."
    return ReportTable(caption, columns, rows)


def _figure(found: AblationFigures) -> Figure:
    names = [SPACE_NAMES[name] for name in found.spaces]
    values = tuple(space.oracle_accuracy for space in found.spaces.values())
    base = next(iter(found.spaces.values())).base_accuracy.value
    return Figure(
        "ablation",
        f"Oracle accuracy by what chains may do, over {numbers.plural(found.n, 'input')}; the identity's accuracy "
        f"is {numbers.share(base)}.",
        f"Dots with intervals: oracle accuracy of {', '.join(names)}.",
        dots(names, [Series("oracle accuracy", "search", values)], axis="oracle accuracy", percent=True),
        (6.6, 2.2),
    )
