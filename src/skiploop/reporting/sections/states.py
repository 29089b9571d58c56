"""Sections about hidden states: how alike layers are and what that is worth as a prior, and the logit lens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from skiploop.analysis.figures.analyses import without_inputs
from skiploop.analysis.figures.lens import LensFigures, LensGroup, LetterBias
from skiploop.analysis.figures.similarity import LayerInfluence, SimilarityFigures
from skiploop.reporting.charts import Heat, PlottedLine, Series, by_layer, heat_maps, lines
from skiploop.reporting.names import LENS_NAMES
from skiploop.reporting.parts import Cell, Column, Figure, ReportTable, Section, difference, measured
from skiploop.reporting.run_folder import RunFolder
from skiploop.reporting.sentences.analyses import influence_prior, phases
from skiploop.stats import numbers

_CURVES = (("identity_right", "ink"), ("corrected_identity", "five"), ("still_wrong_identity", "twenty"))


def similarity_section(folder: RunFolder) -> Section | None:
    """The matrix, its phases, and whether it may be used as a prior."""
    found = folder.figures.analyses.similarity
    if found is None:
        return None
    states = f"Hidden states over {found.tokens:,} tokens of {numbers.plural(found.n, 'prompt')}."
    text = (f"{states} {phases(found)}", influence_prior(found))
    tables = (_rank_table(found), _layer_table(found.layers))
    figures = (_heat_figure(found), _cost_figure(found.layers))
    hint = "phases of layers; is Block Influence a guide?"
    return Section("similarity", "Similarity of layers", text, tables, figures, without_inputs(found), hint)


def _rank_table(found: SimilarityFigures) -> ReportTable:
    prior = found.prior
    columns = (Column("Block Influence with"), Column("Spearman's rho", "number"), Column("p", "p"))
    compared = (("drop of log-probability (decides)", prior.log_probability), ("drop of reward", prior.reward))
    rows = tuple((Cell(name), measured(rho), Cell(rho.p)) for name, rho in compared)
    return ReportTable(f"Over {len(found.layers)} layers, each skipped alone.", columns, rows)


def _layer_table(layers: Sequence[LayerInfluence]) -> ReportTable:
    columns = (
        Column("layer", "count"), Column("Block Influence", "fine"), Column("drop of reward", "points"),
    )  # fmt: skip
    rows = tuple((Cell(each.layer), Cell(each.influence), difference(each.reward_drop)) for each in layers)
    return ReportTable("What a skip costs; bootstrap intervals over inputs.", columns, rows, folded=len(layers) > 16)


def _heat_figure(found: SimilarityFigures) -> Figure:
    layers = len(found.layers)
    matrix = tuple(tuple(row[1:]) for row in found.matrix[1:])
    heat = Heat("after each layer", tuple(map(str, range(layers))), matrix)
    return Figure(
        "similarity",
        "How far hidden states after two layers turn away from each other; 0 is the same direction.",
        "Heat map: dissimilarity of hidden states by layer.",
        heat_maps([heat], middle=0.0, axes_names=("layer", "layer"), bar="1 − cosine"),
        (6.6, min(6.6, 1.6 + 0.36 * layers)),
    )


def _cost_figure(layers: Sequence[LayerInfluence]) -> Figure:
    drops = tuple(each.log_probability_drop for each in layers)
    return Figure(
        "skip-cost",
        "Drop of the gold answer's log-probability (with options: of the right option's share) when one layer is "
        "skipped.",
        "Dots with intervals over layers: drop of log-probability.",
        by_layer({"layer skipped": [Series("drop", "skip", drops)]}, axis="drop", level=0),
        (6.6, 2.6),
    )


# Logit lens


def lens_section(folder: RunFolder) -> Section | None:
    """What the model would say after each slot."""
    found = folder.figures.analyses.lens
    if found is None:
        return None
    text = (
        "The state after each slot is read by the model's own final norm and head, at one position of each input: "
        "where its answer leaves the gold one, or is least sure. The turn is the share of a chain after which the most "
        "likely token stays. The chain of a corrected input was chosen to end on the gold token.",
    )
    every: dict[str, LensGroup] = {name: getattr(found.groups, name) for name in LENS_NAMES}
    groups = {name: group for name, group in every.items() if group.n}
    tables = [_lens_table(found, groups)]
    if found.letters:
        tables.append(_letter_table(found.letters))
    figures = (_lens_figure(groups, found.positions),)
    hint = "where does the model make up its mind?"
    return Section("lens", "Logit lens", text, tuple(tables), figures, without_inputs(found), hint)


def _lens_table(found: LensFigures, groups: Mapping[str, LensGroup]) -> ReportTable:
    columns = (
        Column("chains"), Column("inputs", "count"), Column("turn", "number"), Column("p(gold) at the end", "number"),
        Column("rank of gold at the end", "number"),
    )  # fmt: skip
    rows = tuple(
        (Cell(LENS_NAMES[name]), Cell(group.n), measured(group.turn),
         measured(group.curves.gold_probability[-1]), measured(group.curves.gold_rank[-1]))
        for name, group in groups.items()
    )  # fmt: skip
    caption = "Means with bootstrap intervals over inputs."
    gap = found.turn_difference
    if gap.value is not None:
        ends = numbers.interval(gap.interval, "number")
        caption += (
            f" Turn of the best chain less that of the identity, corrected inputs: {numbers.value(gap.value, 'number')}"
            f"{f' ({ends})' if ends else ''}."
        )
    return ReportTable(caption, columns, rows)


def _lens_figure(groups: Mapping[str, LensGroup], places: tuple[float, ...]) -> Figure:
    axis = "probability of the gold token"
    curves = [
        PlottedLine(f"{LENS_NAMES[group]} ({groups[group].n})", style, places,
                    groups[group].curves.gold_probability)
        for group, style in _CURVES if group in groups
    ]  # fmt: skip
    return Figure(
        "lens-gold-probability",
        "How likely the gold token is along the identity, by what became of the input.",
        f"Curves with bands over the layers: {axis} for right and wrong inputs.",
        lines(curves, axes_names=("share of the layers run", axis), percent=True),
        (6.6, 2.8),
    )


def _letter_table(letters: Sequence[LetterBias]) -> ReportTable:
    columns = (
        Column("option"), Column("chosen by the identity", "share"), Column("right", "share"),
        Column("difference", "points"),
    )  # fmt: skip
    rows = tuple((Cell(row.letter), Cell(row.predicted), Cell(row.gold), difference(row.difference)) for row in letters)
    count = letters[0].difference.count
    caption = f"How often the identity chooses each option, and how often it is right ({count} inputs; Newcombe)."
    return ReportTable(caption, columns, rows)
