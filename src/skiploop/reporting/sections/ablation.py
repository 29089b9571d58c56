"""The section about what chains may do: skip only, loop only, or both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skiploop.reporting import numbers
from skiploop.reporting.charts import Series, dots
from skiploop.reporting.parts import Cell, Column, Figure, Section, Table, counted, listed
from skiploop.reporting.run_folder import RunFolder
from skiploop.reporting.sentences.controls import ablation_lines
from skiploop.stats.measured import Measured

_SPACES = {"skip": "skip only", "loop": "loop only", "cola": "skip and loop"}
_MEASURES = {
    "oracle_accuracy": "oracle accuracy", "corrected": "corrected, of what is wrong",
    "shorter": "right and shorter, of what is right", "excess": "excess over the control",
}  # fmt: skip


def ablation_section(folder: RunFolder) -> Section | None:
    """Skip-only, loop-only, and both."""
    found = folder.figures.get("ablation")
    if found is None:
        return None
    text = (
        "The same search in three spaces: chains that only skip, that only loop, and that may do both; same inputs, "
        "seed and number of evaluations. A small space is searched more thoroughly by the same number, and loops cost "
        "more layer calls than skips: equal evaluations aren't equal cost. All but the model's own accuracy is oracle.",
        *map(numbers.proper, ablation_lines(found)),
    )
    columns = (
        Column("chains"), Column("oracle accuracy", "share"), Column("random chains there", "share"),
        Column("corrected", "share"), Column("right and shorter", "share"), Column("excess over the control", "points"),
        Column("mean best depth", "number"), Column("layer calls", "count"),
    )  # fmt: skip
    wrong = found["n"] - round(found["n"] * next(iter(found["spaces"].values()))["base_accuracy"])
    rows = tuple(
        (Cell(_SPACES[name]), listed(row["oracle_accuracy"], row["oracle_accuracy_interval"]),
         counted(row["random_oracle_accuracy"], found["n"]), counted(row["corrected_share"], wrong),
         counted(row["shorter_share"], found["n"] - wrong),
         listed(row["excess"], row["excess_interval"], gap=True), Cell(row["mean_best_depth"]),
         Cell(row["layer_calls"]))
        for name, row in found["spaces"].items()
    )  # fmt: skip
    caption = "Figures of each search, Wilson's intervals; compare them by the paired differences below."
    pairs = (
        Column("measure"), Column("difference of"), Column("inputs", "count"), Column("difference", "points"),
        Column("p", "p"), Column("Holm", "p"),
    )  # fmt: skip
    paired = tuple(
        (Cell(_MEASURES[row["measure"]]), Cell(f"{_SPACES[row['first']]} less {_SPACES[row['second']]}"),
         Cell(row["n"]), listed(row["difference"], row["interval"], gap=row["p_holm"] < 0.05), Cell(row["p"]),
         Cell(row["p_holm"]))
        for row in found["comparisons"] if row["difference"] is not None
    )  # fmt: skip
    about = (
        "Paired by input: Newcombe's intervals and McNemar's exact p; for the excess a bootstrap and a sign-flip test, "
        "the better guide where inputs are few. Holm corrects for the pairs of a measure; an interval doesn't. "
        "Bold: the interval excludes 0, and Holm's p is below 0.05."
    )
    values = tuple(_oracle(row, found["n"]) for row in found["spaces"].values())
    base = next(iter(found["spaces"].values()))["base_accuracy"]
    figure = Figure(
        "ablation",
        f"Oracle accuracy by what chains may do, over {numbers.plural(found['n'], 'input')}; the model as it is "
        "answers "
        f"{numbers.share(base)} of them right.",
        "Dots with intervals: oracle accuracy of skip-only, loop-only and both.",
        dots([_SPACES[name] for name in found["spaces"]], [Series("oracle accuracy", "search", values)],
             axis="oracle accuracy", percent=True),
        (6.6, 2.2),
    )  # fmt: skip
    tables = (Table(caption, columns, rows), Table(about, pairs, paired))
    return Section("ablation", "Skips, loops, or both", text, tables, (figure,), found)


def _oracle(row: Mapping[str, Any], count: int) -> Measured:
    low, high = row["oracle_accuracy_interval"]
    return Measured(row["oracle_accuracy"], (low, high), count)
