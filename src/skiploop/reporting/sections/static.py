"""Sections about one chain for all inputs: what was chosen, the map of blocks, and Block Influence."""

from __future__ import annotations

from typing import Any

from skiploop.reporting.charts import Heat, Series, bars, dots, heat_maps
from skiploop.reporting.numbers import STATIC_NAMES
from skiploop.reporting.parts import Cell, Column, Figure, Section, Table
from skiploop.reporting.run_folder import RunFolder
from skiploop.stats.measured import Measured
from skiploop.stats.shares import wilson


def chosen_section(folder: RunFolder) -> Section | None:
    """The chains that were chosen on the training inputs, and their accuracy on the test inputs."""
    if (held_out := folder.held_out) is None:
        return None
    summary = held_out.summary
    columns = (
        Column("chosen by"), Column("chain", "chain"), Column("depth", "count"), Column("train", "share"),
        Column("test", "share"), Column("difference to the identity", "points"), Column("p", "p"),
    )  # fmt: skip
    rows = tuple(_chosen_row(name, row, summary["train_inputs"]) for name, row in summary["chosen"].items())
    caption = (
        f"Chosen on {summary['train_inputs']} training inputs, reported on {summary['test_inputs']} test inputs that "
        "share no question with them. Differences are on the test inputs, paired (Newcombe), p is McNemar's exact. "
        "Bold: the interval excludes 0. The training figure is too good, as the chain was chosen by it."
    )
    names = [STATIC_NAMES.get(name, name) for name in summary["chosen"]]
    tested = tuple(
        _measured(row["test"], row["test_interval"], summary["test_inputs"]) for row in summary["chosen"].values()
    )
    figure = Figure(
        "static-accuracy",
        "Accuracy on the test inputs, with 95 % intervals. Compare by the paired differences in the table, which are "
        "sharper than two overlapping intervals.",
        "Dots with intervals: test accuracy of each chosen chain.",
        dots(names, [Series("test accuracy", "search", tested)], axis="accuracy on test inputs", percent=True),
        (6.6, 0.9 + 0.36 * len(names)),
    )
    text = (
        "One chain is chosen on training inputs and then used for every test input. No gold answer is needed at use, "
        "so its figure is an accuracy, and the identity on the same inputs is what it must beat. RYS and ShortGPT, "
        "where they stand here, are known ways to choose one. What isn't shown here: that a chain would do on another "
        "task.",
    )
    others = any(row["difference_interval"] is not None for row in summary["chosen"].values())
    figures = (figure,) if others else ()  # else all dots are the identity's
    return Section("static", "One chain for all inputs", text, (Table(caption, columns, rows),), figures, summary)


def _chosen_row(name: str, row: dict[str, Any], train: int) -> tuple[Cell, ...]:
    gap = row["difference_interval"]
    compared = Cell(None) if gap is None else Cell(row["difference"], tuple(gap), not gap[0] <= 0 <= gap[1])
    return (
        Cell(STATIC_NAMES.get(name, name)),
        Cell(row["notation"]),
        Cell(row["depth"]),
        Cell(row["train"], wilson(round(row["train"] * train), train)),
        Cell(row["test"], tuple(row["test_interval"])),
        compared,
        Cell(row["mcnemar_p"]),
    )


def _measured(value: float, interval: Any, count: int) -> Measured:
    return Measured(value, tuple(interval), count)


def _summary(folder: RunFolder) -> dict[str, Any]:
    return {} if folder.held_out is None else folder.held_out.summary


def block_section(folder: RunFolder) -> Section | None:
    """RYS: the accuracy of every chain in which one block is run twice, as a map."""
    summary = _summary(folder)
    blocks = summary.get("block_map")
    if not blocks:
        return None
    base = summary["chosen"]["identity"]["train"]
    layers = summary["num_layers"]
    cells = {(each["first"], each["last"]): each["mean"] for each in blocks}
    values = tuple(tuple(cells.get((i, j)) for j in range(layers)) for i in range(layers))
    heat = Heat("one block, run twice", tuple(map(str, range(layers))), values)
    draw = heat_maps(
        [heat], middle=base, axes_names=("last layer of the block", "first layer"), bar="accuracy", share=True
    )
    figure = Figure(
        "block-map",
        f"Accuracy in percent on {blocks[0]['inputs']} training inputs when the block from the row's layer to the "
        f"column's is run twice. White is the identity's {100 * base:.0f} % (on all training inputs), orange "
        "above it, blue below.",
        "Heat map: accuracy by first and last layer of the block that is run twice.",
        draw,
        (6.6, min(6.6, 1.6 + 0.32 * layers)),
    )
    width = wilson(blocks[0]["inputs"] // 2, blocks[0]["inputs"])
    half = 0.0 if width is None else 50 * (width[1] - width[0])
    text = (
        f"Each cell is measured on {blocks[0]['inputs']} inputs, so by itself it is uncertain by up to {half:.0f} "
        "points either way, and the best of many cells is too good by construction. The best ones go on to all "
        "training inputs; only the test accuracy above counts.",
    )
    return Section("block-map", "One block twice", text, (), (figure,), {"block_map": blocks})


def influence_section(folder: RunFolder) -> Section | None:
    """Block Influence by layer."""
    scores = _summary(folder).get("block_influence")
    if not scores:
        return None
    figure = Figure(
        "block-influence",
        "Block Influence: 1 - cosine between what goes into a layer and what comes out, mean over the tokens of the "
        "training prompts. ShortGPT leaves out the lowest. It says what a layer changes, not whether that matters.",
        "Bars: Block Influence of each layer.",
        bars(scores, axis="Block Influence"),
        (6.6, 2.4),
    )
    return Section("block-influence", "Block Influence", (), (), (figure,), {"block_influence": scores})
