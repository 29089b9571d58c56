"""Sections about the layers of the chains that a study found."""

from __future__ import annotations

from collections.abc import Sequence

from skiploop.analysis.usage import LayerRate, ShortestUsage, Usage, layer_rates, layer_usage, shortest_usage
from skiploop.reporting.charts import Heat, Series, by_layer, heat_maps
from skiploop.reporting.parts import Cell, Column, Figure, Section, Table, difference, measured
from skiploop.reporting.run_folder import RunFolder
from skiploop.stats.measured import Measured
from skiploop.studies.search import Study


def usage_section(folder: RunFolder) -> Section | None:
    """Layer by level: how often each layer is run."""
    if (study := _with_right(folder)) is None:
        return None
    found = layer_usage(study)
    groups = found if len(found) > 2 else found[:1]
    text = (
        "How often each layer is run (the identity runs each once). The best chain is the shortest right one, so it "
        "skips more than what was tried even where layers don't matter. What layers do shows in all right chains "
        "against all chains that the search evaluated: one that is skipped alike in both is skipped by the searcher.",
    )
    maps = [
        Heat("best right chains", _names(groups), _means([each.best for each in groups])),
        Heat("all right chains but the identity", _names(groups), _means([each.right for each in groups])),
        Heat("all chains evaluated on these inputs", _names(groups), _means([each.evaluated for each in groups])),
    ]
    draw = heat_maps(maps, middle=1.0, axes_names=("layer", "level"), bar="mean executions")
    figure = Figure(
        "layer-usage",
        "Mean executions of each layer. Blue: run less than once, orange: more. Numbers in small groups are uncertain; "
        "their intervals are in the table.",
        "Three heat maps of layer by level: executions in the best right, in all right, and in all evaluated chains.",
        draw,
        (6.6, 1.8 + 0.75 * len(groups)),
    )
    data = {"usage": [each.to_json() for each in found]}
    return Section("layer-usage", "Layer usage", text, _usage_tables(groups), (figure,), data)


def _names(groups: Sequence[Usage]) -> tuple[str, ...]:
    return tuple(f"{each.name} ({each.inputs})" for each in groups)


def _means(rows: Sequence[Sequence[Measured]]) -> tuple[tuple[float | None, ...], ...]:
    return tuple(tuple(each.value for each in row) for row in rows)


def _usage_tables(groups: Sequence[Usage]) -> tuple[Table, ...]:
    columns = (
        Column("level"), Column("inputs", "count"), Column("best right chains", "fine"),
        Column("all evaluated", "fine"),
    )  # fmt: skip
    rows = [(Cell(e.name), Cell(e.inputs), measured(e.best_entropy), measured(e.evaluated_entropy)) for e in groups]
    entropies = Table(
        "Entropy of the executions over layers, divided by its largest value: 1 where all layers are run equally "
        "often (as in the identity), less where some are run instead of others. Bootstrap over inputs.",
        columns,
        tuple(rows),
    )
    layers = range(len(groups[0].best))
    cells = Table(
        "Mean executions of each layer in the best right chains, with bootstrap intervals over inputs (none below 5 "
        "inputs, or where all are equal). There are many cells; about one interval in twenty misses.",
        (Column("level"), *(Column(f"layer {layer}", "number") for layer in layers)),
        tuple((Cell(each.name), *(measured(value) for value in each.best)) for each in groups),
        folded=True,
    )
    return entropies, cells


def rate_section(folder: RunFolder) -> Section | None:
    """Skip rate and loop rate of each layer."""
    if (study := _with_right(folder)) is None:
        return None
    found = layer_rates(study)
    panels = {"skipped": _rate_series(found.skip), "looped": _rate_series(found.loop)}
    figure = Figure(
        "layer-rates",
        "Share of chains that never run a layer, and that run it more than once. Lines are 95 % intervals over inputs.",
        "Two panels over layers: skip rate and loop rate, in best right, all right, and all evaluated chains.",
        by_layer(panels, axis="share of chains", percent=True),
        (6.6, 4.2),
    )
    columns = (
        Column("layer", "count"), Column("skipped, best", "share"), Column("skipped, all right", "share"),
        Column("skipped, evaluated", "share"), Column("right - evaluated, skips", "points"),
        Column("looped, best", "share"), Column("looped, all right", "share"), Column("looped, evaluated", "share"),
        Column("right - evaluated, loops", "points"),
    )  # fmt: skip
    rows = tuple((Cell(s.layer), *_rate_cells(s), *_rate_cells(o)) for s, o in zip(found.skip, found.loop, strict=True))
    caption = (
        f"The best right chains of {found.skip[0].best.count} inputs; all right chains but the identity, of the "
        f"{found.skip[0].right.count} of these inputs that have some; all chains evaluated. The differences are of "
        f"{_ARMS[found.arm]}, paired by input; bold: the interval excludes 0. No correction for the number of layers "
        "is made."
    )
    text = (
        "A layer that right chains skip more rarely than was tried is one that they need; one that they skip as often "
        "as everything that was tried says nothing. The best chains (blue) are the shortest right ones and skip more "
        "in any case. A search moves on once it has met a right chain, so that orange and grey differ whatever layers "
        "do: what layers do is in the differences of the table, among chains that were drawn without learning.",
    )
    return Section(
        "layer-rates",
        "Skips and loops",
        text,
        (Table(caption, columns, rows, folded=True),),
        (figure,),
        found.to_json(),
    )


_ARMS = {
    "nearby": "the random chains near the identity",
    "random": "the uniform random chains",
    "search": "the search's own chains, as there are no random ones, so part of them may be its doing",
}


def _rate_series(rates: Sequence[LayerRate]) -> tuple[Series, ...]:
    return (
        Series("best right chains", "search", tuple(each.best for each in rates)),
        Series("all right chains", "random", tuple(each.right for each in rates)),
        Series("all evaluated", "evaluated", tuple(each.evaluated for each in rates)),
    )


def _rate_cells(rate: LayerRate) -> tuple[Cell, ...]:
    return measured(rate.best), measured(rate.right), measured(rate.evaluated), difference(rate.difference)


def shortest_section(folder: RunFolder) -> Section | None:
    """Which layers the shortest right chains run."""
    study = folder.study
    if study is None or not any(each.search.hits for each in study.inputs):
        return None
    found = shortest_usage(study)
    styles = ("five", "twenty", "search", "evaluated")
    series = tuple(Series(e.name, style, e.usage) for e, style in zip(found, styles, strict=True))
    figure = Figure(
        "shortest-chains",
        "Mean executions of each layer in the shortest right chains, in all right ones, and in all that were "
        "evaluated. Lines are bootstrap intervals over inputs; chains of one input stay together.",
        "Lines over layers: mean executions in the shortest 5 % and 20 % of right chains, in all right, in all.",
        by_layer({"executions": series}, axis="mean executions", level=1),
    )
    columns = (
        Column("chains"), Column("number", "count"), Column("from inputs", "count"),
        Column("of the right ones", "share"), Column("mean depth", "number"),
    )  # fmt: skip
    rows = tuple(_shortest_row(each) for each in found)
    caption = (
        "Right chains of all inputs in one pool, without the identity. All chains as deep as the last one are kept, so "
        "the part may be larger than its name. Easy inputs have more right chains and weigh more."
    )
    table = Table(caption, columns, rows)
    data = {"parts": [each.to_json() for each in found]}
    return Section("shortest-chains", "The shortest right chains", (), (table,), (figure,), data)


def _shortest_row(each: ShortestUsage) -> tuple[Cell, ...]:
    return (Cell(each.name), Cell(each.chains), Cell(each.inputs), Cell(each.share), measured(each.depth))


def _with_right(folder: RunFolder) -> Study | None:
    study = folder.study
    if study is None or not any(e.search.right and len(e.search.evaluations) > 1 for e in study.inputs):
        return None
    return study
