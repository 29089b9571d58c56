"""Sections about analyses that evaluate chains: how difficult inputs are, which edits do the work, and neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from skiploop.analysis.figures import (
    CorrectedChains,
    DifficultyFigures,
    EditEffect,
    EditFigures,
    InputDifficulty,
    InputEdits,
    NeighbourGroup,
    RobustnessFigures,
    ShorterChains,
)
from skiploop.reporting import numbers
from skiploop.reporting.charts import Series, by_layer, dots
from skiploop.reporting.parts import Cell, Column, Figure, Kind, Section, Table, difference, measured
from skiploop.reporting.run_folder import RunFolder
from skiploop.reporting.sentences.controls import edit_line
from skiploop.stats.measured import Measured, measured_mean
from skiploop.storage.records import from_json

_GROUPS = {"all": "all inputs", "base_wrong": "the identity is wrong", "found": "wrong, and some seed found a chain"}
_CHAINS = {
    "identity_right": "identity, on inputs it gets right",
    "best_shorter": "shorter right chains",
    "identity_corrected": "identity, on corrected inputs",
    "best_corrected": "best chains, corrected inputs",
    "found_corrected": "drawn right chains, corrected inputs",
    "random": "random right chains",
}
_DIFFERENCES = {
    "best_random": "best less random", "found_random": "drawn less random",
    "found_identity": "drawn less identity, corrected inputs",
}  # fmt: skip


def difficulty_section(folder: RunFolder) -> Section | None:
    """How many evaluations an input needs, and whether that repeats."""
    data = folder.part("analysis", "difficulty")
    if data is None:
        return None
    found = from_json(DifficultyFigures, data)
    seeds = found.settings.seeds
    text = (
        f"For each input the searcher was run with {seeds} seeds until some chain was right; the model as it is counts "
        f"as the first evaluation. Where none was right within {found.budget} the count is censored and stands as "
        f"{found.budget + 1}: the true one is larger. “Retest” is the rank correlation between two seeds. Over "
        "all inputs it would be high by construction, since all seeds agree on what the model gets right by itself. "
        "Read the last row. It was selected by its outcome: a check, not an estimate. A difficulty is one of this "
        "searcher at this budget.",
    )
    columns = (
        Column("inputs"), Column("n", "count"), Column("mean evaluations", "number"), Column("censored", "share"),
        Column("retest, one seed", "number"), Column(f"reliability, mean of {seeds}", "number"),
        Column("with the task's level", "number"),
    )  # fmt: skip
    rows = []
    for name, title in _GROUPS.items():
        group = getattr(found.groups, name)
        own = (group.retest, group.spearman_brown, group.level) if name != "all" else ()
        cells = [measured(figure) for figure in (group.evaluations, group.censored, *own)]
        rows.append((Cell(title), Cell(group.evaluations.count), *cells, *[Cell(None)] * (5 - len(cells))))
    caption = "Bootstrap intervals over inputs; for the correlation with the level Bonett and Wright's."
    shown = [(f"level {level}", values) for level, values in _by_level(found.inputs).items()]
    figures: tuple[Figure, ...] = ()
    if len(shown) > 1:
        means = tuple(measured_mean(values) for _, values in shown)
        figures = (
            Figure(
                "difficulty",
                f"Mean number of evaluations until some chain is right, by level; censored ones count as "
                f"{found.budget + 1}.",
                "Dots with intervals: mean evaluations to the first success by level.",
                dots([f"{name} ({len(values)})" for name, values in shown],
                     [Series("evaluations", "search", means)], axis="mean evaluations to the first success"),
                (6.6, 1.0 + 0.36 * len(shown)),
            ),
        )  # fmt: skip
    return Section("difficulty", "Difficulty", text, (Table(caption, columns, tuple(rows)),), figures, _bare(data))


def _by_level(lines: Sequence[InputDifficulty]) -> dict[int, list[float]]:
    levels: dict[int, list[float]] = {}
    for line in lines:
        if line.level is not None:
            levels.setdefault(line.level, []).append(line.mean)
    return dict(sorted(levels.items()))


def _bare(found: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if key != "inputs"}


# Edits


def edit_section(folder: RunFolder) -> Section | None:
    """What single edits do to all inputs, and minimal sufficient sets of the chains that were found."""
    data = folder.part("analysis", "edits")
    if data is None:
        return None
    found = from_json(EditFigures, data)
    corrected, shorter = found.corrected, found.shorter
    text = (
        f"Nothing is selected here: each edit of one layer is done alone on all {found.n} inputs, right and wrong "
        f"ones, and compared with the model as it is. {numbers.proper(edit_line(data))} "
        "To be counted an edit must hold up against the number of edits that were tried, twice over: by a bootstrap "
        "interval and by an exact test.",
        f"Of the chains that were found, {corrected.n} correct an input, {corrected.one_edit} of these by a "
        f"single edit; {shorter.n} are shorter and right, {shorter.one_edit} of these by a single edit. Delta "
        "debugging leaves out what isn't needed. These chains were chosen because they are right on that very input: "
        "undoing anything can only spoil that, so that edits look necessary even where answers are random. They "
        "describe chains, and are no evidence that an edit helps.",
    )
    figures = (_effect_figure(found),) if found.effects else ()
    tables = [_chain_table(corrected, shorter)]
    sets = _minimal_sets(found.inputs)
    if sets:
        columns = (Column("minimal sufficient edits", "chain"), Column("corrected inputs", "count"))
        tables.append(
            Table(
                "What is left of the correcting chains, most frequent first.",
                columns,
                tuple(sets),
                folded=len(sets) > 8,
            )
        )
    if found.effects:
        tables.append(_effect_table(found.effects))
    return Section("edits", "Which edits do the work", text, tuple(tables), figures, _bare(data))


def _effect_figure(found: EditFigures) -> Figure:
    effects = found.effects
    layers = 1 + max(effect.layer for effect in effects)
    panels: dict[str, list[Series]] = {}
    for kind, title, style in (("skip", "layer skipped", "search"), ("loop", "layer run twice", "random")):
        values: list[Measured | None] = [None] * layers
        for effect in effects:
            if effect.kind == kind:
                values[effect.layer] = effect
        if any(values):
            panels[title] = [Series(title, style, tuple(values))]
    level = 100 * effects[0].level
    return Figure(
        "edit-effects",
        f"Change of the mean reward over all {found.n} inputs when one layer is skipped or run twice; above 0 it "
        f"helps. Lines are {level:.2f} % intervals, so that all of them hold together with 95 %.",
        "Dots with intervals over layers: effect of skipping and of repeating each layer.",
        by_layer(panels, axis="change", percent=True, level=0),
        (6.6, 1.0 + 1.9 * len(panels)),
    )


def _effect_table(effects: Sequence[EditEffect]) -> Table:
    columns = (
        Column("edit", "chain"), Column("change", "points"), Column("p", "p"), Column("Holm", "p"), Column("counts"),
    )  # fmt: skip
    rows = tuple(
        (
            Cell(each.edit), Cell(each.value, each.interval, each.counts), Cell(each.p), Cell(each.p_holm),
            Cell(("helps" if (each.value or 0) > 0 else "hurts") if each.counts else ""),
        )
        for each in effects
    )  # fmt: skip
    caption = f"Effects over {effects[0].count} inputs, with {100 * effects[0].level:.2f} % intervals."
    return Table(caption, columns, rows, folded=True)


def _chain_table(corrected: CorrectedChains, shorter: ShorterChains) -> Table:
    columns = (Column("of the chains that were found"), Column("figure", "number"), Column("chains", "count"))
    number: Kind = "number"
    shown: list[tuple[str, Measured, Kind]] = [
        ("edits of a correcting chain, mean", corrected.edits, number),
        ("edits of its minimal sufficient set, mean", corrected.minimal, number),
        ("correcting chains that are minimal", corrected.whole, "share"),
        ("edits necessary, correcting chains of several", corrected.necessity, "share"),
        ("edits sufficient alone, correcting chains of several", corrected.sufficiency, "share"),
        ("edits right alone, shorter chains of several", shorter.alone, "share"),
        ("edits whose undoing spoils it, shorter chains of several", shorter.needed, "share"),
    ]
    rows = tuple((Cell(name), measured(each, kind), Cell(each.count)) for name, each, kind in shown)
    return Table("Within found chains; no evidence of an effect (see above).", columns, rows)


def _minimal_sets(inputs: Sequence[InputEdits]) -> list[tuple[Cell, ...]]:
    counts: dict[str, int] = {}
    for line in inputs:
        if line.minimal is not None:
            name = ", ".join(line.minimal)
            counts[name] = counts.get(name, 0) + 1
    return [(Cell(name), Cell(count)) for name, count in sorted(counts.items(), key=lambda each: (-each[1], each[0]))]


# Neighbours


def robustness_section(folder: RunFolder) -> Section | None:
    """Whether chains near a right one are right, too."""
    data = folder.part("analysis", "robustness")
    if data is None:
        return None
    found = from_json(RobustnessFigures, data)
    text = (
        f"Of each right chain at most {found.settings.neighbours} neighbours, one edit away, were tried on the "
        "same input. If a correction is a property of a region of chains, neighbours have it, too; if it is a lucky "
        "draw, they don't. The identity isn't counted as a neighbour, and the best chain is the shortest right one "
        "tried, so that its figure is too low; a chain drawn from all right ones has no such bias. Rows differ in "
        "their inputs: random chains are right on easy ones. Only the differences compare the same inputs.",
    )
    groups: dict[str, NeighbourGroup] = {title: getattr(found, name) for name, title in _CHAINS.items()}
    shown = {title: group for title, group in groups.items() if group.depth is not None}
    columns = (
        Column("chains"), Column("inputs", "count"), Column("neighbours right", "share"),
        Column("random chains right there", "share"), Column("mean depth", "number"),
    )  # fmt: skip
    rows = tuple(
        (Cell(title), Cell(group.reward.count), measured(group.reward), measured(group.chance), Cell(group.depth))
        for title, group in shown.items()
    )
    pairs = (Column("on the same inputs"), Column("inputs", "count"), Column("difference", "points"))
    compared: dict[str, Measured] = {title: getattr(found.differences, name) for name, title in _DIFFERENCES.items()}
    gaps = tuple(
        (Cell(title), Cell(gap.count), difference(gap)) for title, gap in compared.items() if gap.value is not None
    )
    tables = [Table("Mean over inputs of the share of right neighbours; bootstrap intervals.", columns, rows)]
    if gaps:
        tables.append(Table("Paired by input; bold: the interval excludes 0.", pairs, gaps))
    figure = Figure(
        "robustness",
        "Share of neighbours that are right, too; in brackets the number of inputs.",
        "Dots with intervals: share of right neighbours by kind of chain.",
        dots([f"{title} ({group.reward.count})" for title, group in shown.items()],
             [Series("right", "search", tuple(group.reward for group in shown.values()))],
             axis="share of neighbours that are right", percent=True),
        (6.6, 1.0 + 0.34 * len(shown)),
    )  # fmt: skip
    figures = (figure,) if shown else ()
    return Section("robustness", "Are neighbours right, too", text, tuple(tables), figures, _bare(data))
