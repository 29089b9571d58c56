"""Sections about analyses that evaluate chains: how difficult inputs are, which edits do the work, and neighbours."""

from __future__ import annotations

from collections.abc import Sequence

from skiploop.analysis.figures.analyses import without_inputs
from skiploop.analysis.figures.difficulty import InputDifficulty
from skiploop.analysis.figures.edits import CorrectedChains, EditEffect, EditFigures, InputEdits, ShorterChains
from skiploop.analysis.figures.robustness import NeighbourGroup
from skiploop.reporting.charts import Series, by_layer, dots
from skiploop.reporting.names import CHAIN_NAMES, PAIR_NAMES
from skiploop.reporting.parts import Cell, Column, Figure, ReportTable, Section, difference, measured
from skiploop.reporting.run_folder import RunFolder
from skiploop.reporting.sentences.analyses import damped_loops, edit_effects
from skiploop.stats.measured import Measured, measured_mean
from skiploop.stats.numbers import Kind

_GROUPS = {"all": "all inputs", "base_wrong": "the identity is wrong", "found": "wrong, and some seed found a chain"}


def difficulty_section(folder: RunFolder) -> Section | None:
    """How many evaluations an input needs, and whether that repeats."""
    found = folder.figures.analyses.difficulty
    if found is None:
        return None
    seeds = found.settings.seeds
    text = (
        f"The searcher was run with {seeds} seeds until some chain was right; where none was within {found.budget} "
        f"the count is censored and stands as {found.budget + 1}. Retest is the rank correlation between two seeds. "
        "The last row was selected by its outcome: a check, not an estimate.",
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
    caption = "Bootstrap intervals over inputs, Bonett and Wright's for the level."
    shown = [(f"level {level}", values) for level, values in _by_level(found.inputs).items()]
    figures = (_difficulty_figure(shown, found.budget),) if len(shown) > 1 else ()
    tables = (ReportTable(caption, columns, tuple(rows)),)
    hint = "how many evaluations does an input need?"
    return Section("difficulty", "Difficulty", text, tables, figures, without_inputs(found), hint)


def _difficulty_figure(shown: Sequence[tuple[str, list[float]]], budget: int) -> Figure:
    means = tuple(measured_mean(values) for _, values in shown)
    return Figure(
        "difficulty",
        f"Mean evaluations until some chain is right, by level (inputs); censored ones count as {budget + 1}.",
        "Dots with intervals: mean evaluations to the first success by level.",
        dots([f"{name} ({len(values)})" for name, values in shown],
             [Series("evaluations", "search", means)], axis="mean evaluations to the first success"),
        (6.6, 1.0 + 0.36 * len(shown)),
    )  # fmt: skip


def _by_level(lines: Sequence[InputDifficulty]) -> dict[int, list[float]]:
    levels: dict[int, list[float]] = {}
    for line in lines:
        if line.level is not None:
            levels.setdefault(line.level, []).append(line.mean)
    return dict(sorted(levels.items()))


# Edits


def edit_section(folder: RunFolder) -> Section | None:
    """What single edits do to all inputs, and minimal sufficient sets of the chains that were found."""
    found = folder.figures.analyses.edits
    if found is None:
        return None
    corrected, shorter = found.corrected, found.shorter
    text = (
        " ".join(
            (
                f"Each edit of one layer is done alone on all {found.n} inputs.",
                edit_effects(found),
                *damped_loops(found),
            )
        ),
        f"Of the chains found, {corrected.n} correct an input ({corrected.one_edit} by a single edit) and "
        f"{shorter.n} are shorter and right ({shorter.one_edit} by a single edit). They were chosen because they "
        "are right on that very input, so that edits look necessary even where answers are random: they are "
        "no evidence that an edit helps.",
    )
    figures = (_effect_figure(found),) if found.effects else ()
    tables = [_chain_table(corrected, shorter)]
    sets = _minimal_sets(found.inputs)
    if sets:
        columns = (Column("minimal sufficient edits", "chain"), Column("corrected inputs", "count"))
        caption = "What delta debugging leaves of the correcting chains, most frequent first."
        tables.append(ReportTable(caption, columns, tuple(sets), folded=len(sets) > 8))
    counted = [effect for effect in found.effects if effect.counts]
    if counted:
        tables.append(_effect_table(counted))
    hint = "which single skip or loop helps or hurts?"
    return Section("edits", "Which edits do the work", text, tuple(tables), figures, without_inputs(found), hint)


def _effect_figure(found: EditFigures) -> Figure:
    effects = found.effects
    layers = 1 + max(effect.layer for effect in effects)
    panels: dict[str, list[Series]] = {}
    damped = [(each.kind, f"layer run twice, damped by {each.kind.partition('~')[2]}", "loop") for each in found.damped]
    for kind, title, style in (("skip", "layer skipped", "skip"), ("loop", "layer run twice", "loop"), *damped):
        values: list[Measured | None] = [None] * layers
        for effect in effects:
            if effect.kind == kind:
                values[effect.layer] = effect
        if any(values):
            panels[title] = [Series(title, style, tuple(values))]
    level = 100 * effects[0].level
    return Figure(
        "edit-effects",
        f"Change of the mean reward over all {found.n} inputs; above 0 the edit helps. Lines are {level:.2f} % "
        "intervals, which hold together with 95 %.",
        "Dots with intervals over layers: effect of skipping and of repeating each layer.",
        by_layer(panels, axis="change", percent=True, level=0),
        (6.6, 1.0 + 1.9 * len(panels)),
    )


def _effect_table(effects: Sequence[EditEffect]) -> ReportTable:
    columns = (
        Column("edit", "chain"), Column("change", "points"), Column("Holm's p", "p"), Column("counts"),
    )  # fmt: skip
    rows = tuple(
        (
            Cell(each.edit), Cell(each.value, each.interval, True), Cell(each.p_holm),
            Cell("helps" if (each.value or 0) > 0 else "hurts"),
        )
        for each in effects
    )  # fmt: skip
    caption = f"Edits that hold up against the number tried, with {100 * effects[0].level:.2f} % intervals."
    return ReportTable(caption, columns, rows)


def _chain_table(corrected: CorrectedChains, shorter: ShorterChains) -> ReportTable:
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
    rows = tuple((Cell(name), measured(each, kind), Cell(each.count)) for name, each, kind in shown if each.count)
    return ReportTable("Within the chains found.", columns, rows)


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
    found = folder.figures.analyses.robustness
    if found is None:
        return None
    text = (
        f"Of each right chain at most {found.settings.neighbours} neighbours, one edit away, were tried on the "
        "same input. Where a region of chains is right, neighbours are, too; a lucky draw has none. The best chain is "
        "the shortest right one, so its figure is too low. Rows differ in their inputs: only the differences compare "
        "the same ones.",
    )
    groups: dict[str, NeighbourGroup] = {title: getattr(found, name) for name, title in CHAIN_NAMES.items()}
    shown = {title: group for title, group in groups.items() if group.depth is not None}
    columns = (
        Column("chains"), Column("inputs", "count"), Column("neighbours right", "share"),
        Column("random chains right", "share"), Column("mean depth", "number"),
    )  # fmt: skip
    rows = tuple(
        (Cell(title), Cell(group.reward.count), measured(group.reward), measured(group.chance), Cell(group.depth))
        for title, group in shown.items()
    )
    pairs = (Column("on the same inputs"), Column("inputs", "count"), Column("difference", "points"))
    compared: dict[str, Measured] = {title: getattr(found.differences, name) for name, title in PAIR_NAMES.items()}
    gaps = tuple(
        (Cell(title), Cell(gap.count), difference(gap)) for title, gap in compared.items() if gap.value is not None
    )
    tables = [ReportTable("Means over inputs; bootstrap intervals.", columns, rows)]
    if gaps:
        tables.append(ReportTable("Paired by input; bold: the interval excludes 0.", pairs, gaps))
    figure = Figure(
        "robustness",
        "Share of neighbours that are right, too (inputs).",
        "Dots with intervals: share of right neighbours by kind of chain.",
        dots([f"{title} ({group.reward.count})" for title, group in shown.items()],
             [Series("right", "search", tuple(group.reward for group in shown.values()))],
             axis="share of neighbours that are right", percent=True),
        (6.6, 1.0 + 0.34 * len(shown)),
    )  # fmt: skip
    figures = (figure,) if shown else ()
    hint = "a region of chains, or a lucky draw?"
    return Section(
        "robustness", "Neighbours of right chains", text, tuple(tables), figures, without_inputs(found), hint
    )
