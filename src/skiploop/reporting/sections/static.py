"""Sections about one chain for all inputs: what was chosen, the map of blocks, and Block Influence."""

from __future__ import annotations

from skiploop.reporting.charts import Heat, Level, PlottedLine, Series, bars, dots, heat_maps, lines
from skiploop.reporting.names import STATIC_NAMES
from skiploop.reporting.parts import Cell, Column, Figure, ReportTable, Section, compared, counted, measured
from skiploop.reporting.run_folder import RunFolder
from skiploop.reporting.sentences.static import equal_accuracy, on_other_inputs
from skiploop.stats import numbers
from skiploop.stats.shares import wilson
from skiploop.storage.records import as_json
from skiploop.studies.static.figures import ChosenChain, StaticFigures


def chosen_section(folder: RunFolder) -> Section | None:
    """The chains that were chosen on the training inputs, and their accuracy on the test inputs."""
    if (figures := folder.static_figures) is None:
        return None
    columns = (
        Column("chosen by"), Column("chain", "chain"), Column("depth", "count"), Column("train", "share"),
        Column("test", "share"), Column("difference to the identity", "points"), Column("p", "p"),
    )  # fmt: skip
    rows = tuple(_chosen_row(name, row, figures.train_inputs) for name, row in figures.chosen.items())
    caption = (
        f"Chosen on {figures.train_inputs} training inputs (that figure is too good), reported on "
        f"{figures.test_inputs} test inputs. Differences are paired (Newcombe), p is McNemar's exact. Bold: the "
        "interval excludes 0."
    )
    text = (
        "The chain is chosen on training inputs and used for every test input: no gold answer is needed, so its figure "
        "is an accuracy.",
        *equal_accuracy(figures),
        *on_other_inputs(figures),
    )
    drawn = () if folder.static is not None else accuracy_figure(figures)  # a static run begins with it
    hint = "is one chain better for every input?"
    tables = (ReportTable(caption, columns, rows),)
    return Section("static", "The chosen chains", text, tables, drawn, figures.to_json(), hint)


def accuracy_figure(figures: StaticFigures) -> tuple[Figure, ...]:
    """Test accuracy of each chosen chain; nothing where all are the identity."""
    chosen = figures.chosen
    if all(row.minus_identity is None for row in chosen.values()):
        return ()
    names = [STATIC_NAMES.get(name, name) for name in chosen]
    tested = tuple(row.test for row in chosen.values())
    figure = Figure(
        "static-accuracy",
        f"Accuracy on {figures.test_inputs} test inputs; the paired differences in the table are sharper.",
        "Dots with intervals: test accuracy of each chosen chain.",
        dots(names, [Series("test accuracy", "search", tested)], axis="accuracy on test inputs", percent=True),
        (6.6, 0.9 + 0.36 * len(names)),
    )
    return (figure,)


def _chosen_row(name: str, row: ChosenChain, train: int) -> tuple[Cell, ...]:
    return (
        Cell(STATIC_NAMES.get(name, name)),
        Cell(row.title),
        Cell(row.depth),
        counted(row.train, train),
        measured(row.test),
        compared(row.minus_identity),
        Cell(None if row.minus_identity is None else row.minus_identity.mcnemar_p),
    )


def curve_section(folder: RunFolder) -> Section | None:
    """The cost/accuracy curve: the chain chosen for each number of layer calls, on the test inputs."""
    figures = folder.static_figures
    if figures is None or not figures.curve:
        return None
    identity = figures.chosen["identity"]
    columns = (
        Column("layer calls", "count"), Column("chain", "chain"), Column("proposed by"), Column("train", "share"),
        Column("test", "share"), Column("difference to the identity", "points"),
    )  # fmt: skip
    rows = tuple(
        (
            Cell(each.chosen.depth), Cell(each.chosen.title), Cell(STATIC_NAMES[each.by]),
            counted(each.chosen.train, figures.train_inputs), measured(each.chosen.test),
            compared(each.chosen.minus_identity),
        )
        for each in figures.curve
    )  # fmt: skip
    table = ReportTable(
        f"The best chain of at most so many layer calls on {figures.train_inputs} training inputs, of all that were "
        f"proposed, and its accuracy on {figures.test_inputs} test inputs.",
        columns,
        rows,
    )
    line = PlottedLine(
        "chosen for each depth", "search", tuple(float(each.chosen.depth) for each in figures.curve),
        tuple(each.chosen.test for each in figures.curve),
    )  # fmt: skip
    figure = Figure(
        "static-curve",
        f"Accuracy on {figures.test_inputs} test inputs by layer calls, with 95 % intervals; the identity, of "
        f"{identity.depth} calls, as a line across.",
        "Curve: test accuracy of the chain chosen for each number of layer calls.",
        lines(
            [line],
            [Level(f"identity, {identity.depth} calls", "ink", identity.test.value or 0.0)],
            axes_names=("layer calls", "accuracy on test inputs"),
            percent=True,
        ),
        (6.6, 3.0),
    )
    text = (
        "Chains were chosen on training inputs, so the curve may fall where it rose there; its points share their test "
        "inputs.",
    )
    data = {"curve": as_json(figures.curve)}
    return Section("static-curve", "Accuracy by cost", text, (table,), (figure,), data, "what do fewer layers cost?")


def wall_clock_section(folder: RunFolder) -> Section | None:
    """Seconds of the chosen chains beside their layer calls."""
    held_out = folder.held_out
    if held_out is None or held_out.static is None or held_out.static.wall_clock is None:
        return None
    clock = held_out.static.wall_clock
    columns = (
        Column("chosen by"), Column("layer calls", "count"), Column("seconds per input", "fine"),
        Column("layer calls to the identity's"), Column("seconds to the identity's"),
    )  # fmt: skip
    rows = tuple(
        (
            Cell(STATIC_NAMES[name]), Cell(each.depth), Cell(each.seconds), Cell(each.calls_ratio, kind="number"),
            measured(each.ratio, "number"),
        )
        for name, each in clock.chains.items()
    )  # fmt: skip
    table = ReportTable(
        f"{numbers.plural(clock.inputs, 'test input')} one after another, each alone under every chain in turn, the "
        f"fastest of {clock.repeats} runs. Ratios are over the same inputs, with bootstrap intervals.",
        columns,
        rows,
    )
    text = ("What every pass costs beside its layers, embedding and head, is the same for all chains.",)
    return Section("wall-clock", "Seconds", text, (table,), (), clock.to_json(), "are fewer layers faster?")


def block_section(folder: RunFolder) -> Section | None:
    """RYS: the accuracy of every chain in which one block is run twice, as a map."""
    figures = folder.static_figures
    if figures is None or not figures.block_map:
        return None
    blocks, base, layers = figures.block_map, figures.chosen["identity"].train, figures.num_layers
    cells = {(each.first, each.last): each.mean for each in blocks}
    values = tuple(tuple(cells.get((i, j)) for j in range(layers)) for i in range(layers))
    heat = Heat("one block, run twice", tuple(map(str, range(layers))), values)
    draw = heat_maps(
        [heat], middle=base, axes_names=("last layer of the block", "first layer"), bar="accuracy", share=True
    )
    figure = Figure(
        "block-map",
        f"Accuracy in percent on {blocks[0].inputs} training inputs when the block from the row's layer to the "
        f"column's runs twice. White is the identity's {100 * base:.0f} %.",
        "Heat map: accuracy by first and last layer of the block that is run twice.",
        draw,
        (6.6, min(6.6, 1.6 + 0.32 * layers)),
    )
    width = wilson(blocks[0].inputs // 2, blocks[0].inputs)
    half = 0.0 if width is None else 50 * (width[1] - width[0])
    text = (
        f"A single cell is uncertain by up to {half:.0f} points either way, and the best of many is too good; only the "
        "test accuracy counts.",
    )
    hint = "RYS: which block is worth a second run?"
    return Section("block-map", "One block twice", text, (), (figure,), {"block_map": as_json(blocks)}, hint)


def influence_section(folder: RunFolder) -> Section | None:
    """Block Influence by layer."""
    figures = folder.static_figures
    if figures is None or not figures.block_influence:
        return None
    scores = figures.block_influence
    figure = Figure(
        "block-influence",
        "1 − cosine between what goes into a layer and what comes out. ShortGPT leaves out the lowest.",
        "Bars: Block Influence of each layer.",
        bars(scores, axis="Block Influence"),
        (6.6, 2.4),
    )
    data, hint = {"block_influence": list(scores)}, "how much does each layer change its input?"
    return Section("block-influence", "Block Influence", (), (), (figure,), data, hint)
