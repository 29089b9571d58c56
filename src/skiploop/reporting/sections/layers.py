"""Sections about the layers of the chains that a study found."""

from __future__ import annotations

from collections.abc import Sequence

from skiploop.analysis.usage import LayerRate, ShortestUsage, Usage, layer_rates, layer_usage, shortest_usage
from skiploop.reporting.charts import Heat, Series, by_layer, heat_maps
from skiploop.reporting.parts import Cell, Column, Figure, ReportTable, Section, difference, measured
from skiploop.reporting.run_folder import RunFolder
from skiploop.stats.measured import Measured
from skiploop.storage.records import as_json
from skiploop.studies.search import Study


def usage_section(folder: RunFolder) -> Section | None:
    """Layer by level: how often each layer is run."""
    if (study := _with_right(folder)) is None:
        return None
    found = layer_usage(study)
    groups = found if len(found) > 2 else found[:1]
    maps = [
        Heat("best right chains", _names(groups), _means([each.best for each in groups])),
        Heat("all right chains but the identity", _names(groups), _means([each.right for each in groups])),
        Heat("all chains tried on these inputs", _names(groups), _means([each.evaluated for each in groups])),
    ]
    draw = heat_maps(maps, middle=1.0, axes_names=("layer", "level"), bar="mean executions")
    figure = Figure(
        "layer-usage",
        "Mean executions of each layer; the identity runs each once. The best chain is the shortest right one, so it "
        "skips more even where layers don't matter. Small groups are uncertain.",
        "Three heat maps of layer by level: executions in the best right, in all right, and in all evaluated chains.",
        draw,
        (6.6, 1.8 + 0.75 * len(groups)),
    )
    data = {"usage": as_json(found)}
    hint = "how often is each layer run, by level?"
    return Section("layer-usage", "Layer usage", (), (_entropies(groups),), (figure,), data, hint)


def _names(groups: Sequence[Usage]) -> tuple[str, ...]:
    return tuple(f"{each.name} ({each.inputs})" for each in groups)


def _means(rows: Sequence[Sequence[Measured]]) -> tuple[tuple[float | None, ...], ...]:
    return tuple(tuple(each.value for each in row) for row in rows)


def _entropies(groups: Sequence[Usage]) -> ReportTable:
    columns = (
        Column("level"), Column("inputs", "count"), Column("best right chains", "fine"), Column("all tried", "fine"),
    )  # fmt: skip
    rows = [(Cell(e.name), Cell(e.inputs), measured(e.best_entropy), measured(e.evaluated_entropy)) for e in groups]
    caption = "Entropy of the executions over layers: 1 where all are run equally often. Bootstrap over inputs."
    return ReportTable(caption, columns, tuple(rows), folded=True)


def rate_section(folder: RunFolder) -> Section | None:
    """Skip rate and loop rate of each layer, and that of damped loops where there are some."""
    if (study := _with_right(folder)) is None:
        return None
    found = layer_rates(study)
    rates = {"skipped": found.skip, "looped": found.loop, "in a damped loop": found.damped}
    rates = {name: each for name, each in rates.items() if each}
    figure = Figure(
        "layer-rates",
        "Share of the search's chains that never run a layer, and that run it more than once"
        f"{', and of these that damp the loop' if found.damped else ''}.",
        f"Panels over layers: {', '.join(rates)}, in best right, all right, and all evaluated chains.",
        by_layer({name: _rate_series(each) for name, each in rates.items()}, axis="share of chains", percent=True),
        (6.6, 2.1 * len(rates)),
    )
    columns = (Column("layer", "count"), *(Column(name, "points") for name in rates))
    rows = tuple(
        (Cell(each[0].layer), *(difference(rate.difference) for rate in each))
        for each in zip(*rates.values(), strict=True)
    )
    caption = f"Right chains less all chains, of {_ARMS[found.arm]}; not corrected for the number of layers."
    text = (
        "A layer that right chains skip more rarely than all chains do is needed. A search moves on once it has met a "
        "right chain, so its own chains differ whatever layers do: what layers do is in the table, from chains that "
        "were drawn without learning.",
    )
    table = ReportTable(caption, columns, rows)
    hint = "which layers are needed, and which may go?"
    return Section("layer-rates", "Skips and loops", text, (table,), (figure,), as_json(found), hint)


_ARMS = {
    "nearby": "the nearby chains",
    "random": "the random chains",
    "search": "the search itself, as no baseline was run, so part of them may be its doing",
}


def _rate_series(rates: Sequence[LayerRate]) -> tuple[Series, ...]:
    return (
        Series("best right chains", "five", tuple(each.best for each in rates)),
        Series("all right chains", "search", tuple(each.right for each in rates)),
        Series("all tried", "evaluated", tuple(each.evaluated for each in rates)),
    )


def shortest_section(folder: RunFolder) -> Section | None:
    """Which layers the shortest right chains run."""
    study = folder.study
    if study is None or not any(each.search.right_chains for each in study.inputs):
        return None
    found = shortest_usage(study)
    styles = ("five", "twenty", "search", "evaluated")
    series = tuple(Series(e.name, style, e.usage) for e, style in zip(found, styles, strict=True))
    figure = Figure(
        "shortest-chains",
        "Mean executions of each layer in the shortest right chains, in all right ones, and in all tried.",
        "Lines over layers: mean executions in the shortest 5 % and 20 % of right chains, in all right, in all.",
        by_layer({"executions": series}, axis="mean executions", level=1),
    )
    columns = (
        Column("chains"), Column("number", "count"), Column("from inputs", "count"),
        Column("of the right ones", "share"), Column("mean depth", "number"),
    )  # fmt: skip
    rows = tuple(_shortest_row(each) for each in found)
    caption = "All inputs in one pool, without the identity; easy inputs have more right chains and weigh more."
    table = ReportTable(caption, columns, rows)
    data = {"parts": as_json(found)}
    hint = "what do the shortest ones run?"
    return Section("shortest-chains", "The shortest right chains", (), (table,), (figure,), data, hint)


def _shortest_row(each: ShortestUsage) -> tuple[Cell, ...]:
    return (Cell(each.name), Cell(each.chains), Cell(each.inputs), Cell(each.share), measured(each.depth))


def _with_right(folder: RunFolder) -> Study | None:
    study = folder.study
    if study is None or not any(e.search.right and len(e.search.evaluations) > 1 for e in study.inputs):
        return None
    return study
