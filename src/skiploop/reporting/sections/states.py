"""Sections about hidden states: how alike layers are and what that is worth as a prior, and the logit lens."""

from __future__ import annotations

from collections.abc import Sequence

from skiploop.analysis.figures import LensFigures, LensGroup, LetterBias, SimilarityFigures
from skiploop.reporting import numbers
from skiploop.reporting.charts import Heat, Line, Series, by_layer, heat_maps, lines
from skiploop.reporting.parts import Cell, Column, Figure, Section, Table, difference, measured
from skiploop.reporting.run_folder import RunFolder
from skiploop.storage.records import from_json

_GROUPS = {
    "identity_right": "the identity, right",
    "identity_wrong": "the identity, wrong",
    "corrected_identity": "the identity, on corrected inputs",
    "still_wrong_identity": "the identity, where nothing right was found",
    "corrected": "best chains, corrected inputs",
    "shorter": "shorter right chains",
}
_CURVES = (("identity_right", "search"), ("corrected_identity", "control"), ("still_wrong_identity", "random"))


def similarity_section(folder: RunFolder) -> Section | None:
    """The matrix, its phases, and whether it may be used as a prior."""
    data = folder.part("analysis", "similarity")
    if data is None:
        return None
    found = from_json(SimilarityFigures, data)
    phases, prior = found.phases, found.prior
    blocks = ", ".join(f"{first}-{last}" if first != last else str(first) for first, last in phases.phases)
    gain = numbers.value(phases.gain.value, "fine")
    ends = numbers.interval(phases.gain.interval, "fine")
    drift = numbers.value(phases.reference, "fine")
    shown = "That is more than a drift" if phases.clear else "That is no more than a drift without phases has"
    allowed = "may be used as a prior" if prior.verdict != "refused" else "is refused as a prior"
    text = (
        f"How much hidden states differ between layers, over {found.tokens:,} tokens of {found.n} prompts. "
        "Blocks along the diagonal suggest phases, but any drift from layer to layer looks like some. The best cut is "
        f"into {blocks}, with a gain of {gain}{f' (95 %: {ends})' if ends else ''}; uneven drift alone reaches "
        f"{drift}. {shown}.",
        "Block Influence, how much a layer turns its input, is often used to choose layers to skip. Here it was "
        "checked: each layer was skipped alone, and the drop of the gold answer's log-probability correlated with it "
        f"over the layers. Verdict: it {allowed} on this model and task ({numbers.proper(prior.reason)}). "
        "That is about single skips, on average over inputs: it says nothing about loops, nor that a search would be "
        "better for it.",
    )
    layers = len(found.layers)
    columns = (
        Column("layer", "count"), Column("Block Influence", "fine"), Column("drop of log-probability", "fine"),
        Column("drop of reward", "points"),
    )  # fmt: skip
    rows = tuple(
        (
            Cell(layer.layer),
            Cell(layer.influence),
            difference(layer.log_probability_drop),
            difference(layer.reward_drop),
        )
        for layer in found.layers
    )
    caption = "What each layer does to its input, and what its skip costs; bootstrap intervals over inputs."
    ranks = (Column("Block Influence with"), Column("Spearman's rho", "number"), Column("p", "p"))
    correlations = tuple(
        (Cell(name), measured(rho), Cell(rho.p))
        for name, rho in (
            ("drop of log-probability (decides)", prior.log_probability),
            ("drop of reward", prior.reward),
        )
    )
    about = f"Over {layers} layers; with few layers intervals are wide."
    tables = (Table(about, ranks, correlations), Table(caption, columns, rows, folded=layers > 16))
    matrix = [row[1:] for row in found.matrix[1:]]
    heat = Heat("after each layer", tuple(map(str, range(layers))), tuple(tuple(row) for row in matrix))
    drawn = heat_maps([heat], middle=0.0, axes_names=("layer", "layer"), bar="1 − cosine", digits=2)
    figures = (
        Figure(
            "similarity",
            "How far hidden states after two layers turn away from each other: 0 is the same direction. Mean over all "
            "tokens of the prompts, the model as it is.",
            "Heat map: dissimilarity of hidden states by layer.",
            drawn,
            (6.6, min(6.6, 1.6 + 0.36 * layers)),
        ),
        Figure(
            "skip-cost",
            "What skipping one layer costs: drop of the gold answer's log-probability (with options: of the right "
            "option's share). Above 0 the skip does harm. Compare with Block Influence in the table.",
            "Dots with intervals over layers: drop of log-probability.",
            by_layer(
                {"layer skipped": [
                    Series("drop", "search", tuple(layer.log_probability_drop for layer in found.layers))
                ]},
                axis="drop", level=0,
            ),
            (6.6, 2.6),
        ),
    )  # fmt: skip
    return Section("similarity", "Similarity of layers, and its use as a prior", text, tables, figures, data)


# Logit lens


def lens_section(folder: RunFolder) -> Section | None:
    """What the model would say after each slot."""
    data = folder.part("analysis", "lens")
    if data is None:
        return None
    found = from_json(LensFigures, data)
    text = (
        "The state after each slot is read by the model's own final norm and head: how likely is the gold token there? "
        "One position of an input is looked at: where its answer leaves the gold one, or is least sure. The “turn” is "
        "the share of a chain after which the most likely token stays. Norm and head were trained for the last layer, "
        "so that early slots may know more than they show. Right and wrong inputs differ in more than being right. "
        "That the chain of a corrected input ends on the gold token is no finding: it was chosen for that.",
    )
    every: dict[str, LensGroup] = {name: getattr(found.groups, name) for name in _GROUPS}
    groups = {name: group for name, group in every.items() if group.n}
    columns = (
        Column("chains"), Column("inputs", "count"), Column("turn", "number"), Column("p(gold) at the end", "number"),
        Column("rank of gold at the end", "number"),
    )  # fmt: skip
    rows = tuple(
        (Cell(_GROUPS[name]), Cell(group.n), measured(group.turn),
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
    tables = [Table(caption, columns, rows)]
    if found.letters:
        tables.append(_letter_table(found.letters))
    figures = tuple(
        Figure(
            f"lens-{name.replace('_', '-')}",
            caption,
            f"Curves with bands over the layers: {axis} for right and wrong inputs.",
            lines(
                [
                    Line(f"{_GROUPS[group]} ({groups[group].n})", style, found.positions,
                         getattr(groups[group].curves, name))
                    for group, style in _CURVES if group in groups
                ],
                axes_names=("share of the layers run", axis), percent=name == "gold_probability",
            ),
        )
        for name, axis, caption in (
            ("gold_probability", "probability of the gold token",
             "How likely the gold token is after each share of the layers, the model as it is, by what became of the "
             "input. Bands are bootstrap intervals over inputs."),
            ("entropy", "entropy (nats)", "How undecided the model is after each share of the layers."),
        )
    )  # fmt: skip
    bare = {key: value for key, value in data.items() if key != "inputs"}
    return Section("lens", "Logit lens", text, tuple(tables), figures, bare)


def _letter_table(letters: Sequence[LetterBias]) -> Table:
    columns = (
        Column("option"), Column("chosen by the identity", "share"), Column("right", "share"),
        Column("difference", "points"),
    )  # fmt: skip
    rows = tuple((Cell(row.letter), Cell(row.predicted), Cell(row.gold), difference(row.difference)) for row in letters)
    count = letters[0].difference.count
    caption = f"How often the identity chooses each option, and how often it is right ({count} inputs; Newcombe)."
    return Table(caption, columns, rows)
