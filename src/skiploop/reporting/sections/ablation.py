"""The section about what chains may do: skip only, loop only, or both."""

from __future__ import annotations

from skiploop.reporting import numbers
from skiploop.reporting.charts import Series, dots
from skiploop.reporting.names import SPACE_NAMES
from skiploop.reporting.parts import Cell, Column, Figure, ReportTable, Section, difference, listed, measured
from skiploop.reporting.run_folder import RunFolder
from skiploop.stats.measured import Measured, from_json
from skiploop.storage.files import Line

_SHARES = ("oracle_accuracy", "random_oracle_accuracy", "corrected_share", "shorter_share")


def ablation_section(folder: RunFolder) -> Section | None:
    """Skip-only, loop-only, and both."""
    found = folder.figures.ablation
    if found is None:
        return None
    text = (
        "The same search in three spaces, with equal inputs, seed and evaluations; loops cost more layer calls than "
        "skips, and a small space is searched more thoroughly.",
    )
    columns = (
        Column("chains"), Column("oracle accuracy", "share"), Column("random chains", "share"),
        Column("corrected", "share"), Column("right and shorter", "share"), Column("excess", "points"),
        Column("mean best depth", "number"), Column("layer calls", "count"),
    )  # fmt: skip
    rows = tuple(
        (Cell(SPACE_NAMES[name]), *(measured(_measured(row[key])) for key in _SHARES),
         difference(_measured(row["excess"])), Cell(row["mean_best_depth"]), Cell(row["layer_calls"]))
        for name, row in found["spaces"].items()
    )  # fmt: skip
    tables = (ReportTable("Oracle figures with Wilson's intervals.", columns, rows), _pair_table(found))
    values = tuple(_measured(row["oracle_accuracy"]) for row in found["spaces"].values())
    base = next(iter(found["spaces"].values()))["base_accuracy"]["value"]
    figure = Figure(
        "ablation",
        f"Oracle accuracy by what chains may do, over {numbers.plural(found['n'], 'input')}; the identity's accuracy "
        f"is {numbers.share(base)}.",
        "Dots with intervals: oracle accuracy of skip-only, loop-only and both.",
        dots([SPACE_NAMES[name] for name in found["spaces"]], [Series("oracle accuracy", "search", values)],
             axis="oracle accuracy", percent=True),
        (6.6, 2.2),
    )  # fmt: skip
    hint = "which of the two does the work?"
    return Section("ablation", "Skips, loops, or both", text, tables, (figure,), found, hint)


def _pair_table(found: Line) -> ReportTable:
    """The paired differences in oracle accuracy; those of the other measures are in the JSON."""
    columns = (
        Column("oracle accuracy of"), Column("difference", "points"), Column("Holm's p", "p"),
        Column("inputs", "count"),
    )  # fmt: skip
    rows = tuple(
        (Cell(f"{SPACE_NAMES[row['first']]} less {SPACE_NAMES[row['second']]}"),
         listed(row["difference"], row["interval"], gap=row["p_holm"] < 0.05), Cell(row["p_holm"]), Cell(row["n"]))
        for row in found["comparisons"] if row["difference"] is not None and row["measure"] == "oracle_accuracy"
    )  # fmt: skip
    caption = "Paired by input. Bold: the interval excludes 0, and Holm's p is below 0.05."
    return ReportTable(caption, columns, rows)


def _measured(figure: Line | None) -> Measured | None:
    return None if figure is None else from_json(figure)
