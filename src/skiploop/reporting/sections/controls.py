"""Sections about the controls of a full study: sampling and voting at equal layer calls, and options moved."""

from __future__ import annotations

from collections.abc import Mapping

from skiploop.reporting.charts import Level, PlottedLine, Series, dots, lines
from skiploop.reporting.parts import Cell, Column, Figure, ReportTable, Section, compared, measured
from skiploop.reporting.run_folder import RunFolder
from skiploop.reporting.sentences.controls import beside_samples, options
from skiploop.stats import numbers
from skiploop.stats.measured import Measured
from skiploop.studies.controls.rotation_figures import RotationFigures, Survival, SurvivalGroup
from skiploop.studies.controls.sampling_figures import BesideSearch, SamplingFigures
from skiploop.studies.paired import PairedDifference
from skiploop.studies.static.figures import ChosenChain

# Sampling


def sampling_section(folder: RunFolder) -> Section | None:
    """What the search's layer calls would have bought without any chain."""
    figures = folder.figures.sampling
    if figures is None:
        return None
    own, beside = figures.budgets["search"], figures.beside_search
    text = [
        f"The search spent {own.layer_calls:,.0f} layer calls on an input; the same pay for {own.samples} "
        "samples of the identity beside its greedy answer. A vote needs no gold answer: it is an accuracy. Any of the "
        "samples, like any chain of the search, is an oracle: compare these two with each other alone."
    ]
    if figures.single_pass:
        text.append("Options are scored, so a sample is a draw from one softmax and any of them is a lottery.")
    tables = [_vote_table(folder, figures)]
    if beside is not None:
        tables.append(_any_table(figures, beside))
    figure = _vote_figure(folder, figures)
    drawn = () if figure is None else (figure,)
    data = {key: value for key, value in figures.to_json().items() if key != "train_curves"}
    hint = "what would the same layer calls buy?"
    return Section("sampling", "Sampling and voting", tuple(text), tuple(tables), drawn, data, hint)


def _static_chain(folder: RunFolder) -> ChosenChain | None:
    """The static chain of the search, where it isn't the identity."""
    figures = folder.static_figures
    chosen = None if figures is None else figures.chosen["search"]
    return None if chosen is None or chosen.minus_identity is None else chosen


def _vote_table(folder: RunFolder, figures: SamplingFigures) -> ReportTable:
    columns = (
        Column("how"), Column("layer calls", "count"), Column("test accuracy", "share"),
        Column("less the identity", "points"), Column("p", "p"),
    )  # fmt: skip
    base, own, chosen = figures.identity, figures.budgets["search"], _static_chain(folder)
    rows = [_accuracy_row("identity", base.layer_calls, base.test, None)]
    if chosen is not None:
        rows.append(_accuracy_row(f"static chain {chosen.title}", chosen.depth, chosen.test, chosen.minus_identity))
    for vote, name in ((own.vote, "best number on training inputs"), (own.vote_all, "all that is paid for")):
        if vote is not None:
            title = f"vote of {vote.samples}, temperature {vote.temperature:g} ({name})"
            calls = (vote.samples + 1) * figures.num_layers
            rows.append(_accuracy_row(title, calls, vote.test, vote.minus_identity))
    caption = (
        f"Accuracies on {figures.test_inputs} test inputs, on which nothing was chosen; paired differences. Without a "
        "static chain here, none was chosen but the identity."
    )
    return ReportTable(caption, columns, tuple(rows))


def _accuracy_row(title: str, calls: int, test: Measured, minus: PairedDifference | None) -> tuple[Cell, ...]:
    p = None if minus is None else minus.mcnemar_p
    return Cell(title), Cell(calls), measured(test), compared(minus), Cell(p)


def _any_table(figures: SamplingFigures, beside: BesideSearch) -> ReportTable:
    columns = (
        Column("oracle accuracy of"), Column("layer calls", "count"), Column("share", "share"),
        Column("search less samples", "points"), Column("p", "p"),
    )  # fmt: skip
    gap, count, samples = beside.search_minus_any, beside.any_oracle_accuracy.count, beside_samples(figures)
    rows = (
        (Cell("chains of the search"), Cell(figures.budgets["search"].layer_calls),
         measured(beside.search_oracle_accuracy), Cell(None), Cell(None)),
        (Cell(f"any of {samples} samples, or the greedy answer"), Cell((samples + 1) * figures.num_layers),
         measured(beside.any_oracle_accuracy), compared(gap), Cell(gap.mcnemar_p)),
    )  # fmt: skip
    caption = f"Oracle accuracies on the {numbers.plural(count, 'input')} of the search, at equal layer calls."
    return ReportTable(caption, columns, rows)


def _vote_figure(folder: RunFolder, figures: SamplingFigures) -> Figure | None:
    own = figures.budgets["search"]
    if own.vote is None or own.any is None:
        return None
    curves = {curve.temperature: curve.points for curve in figures.test_curves}
    vote, wide = own.vote.temperature, own.any.temperature
    places = tuple(float(point.samples) for point in curves[vote])
    drawn = [
        PlottedLine(f"vote, temperature {vote:g}", "five", places, tuple(point.accuracy for point in curves[vote])),
        PlottedLine(f"any of them (oracle), temperature {wide:g}", "twenty", places,
                    tuple(point.any_or_greedy_oracle_accuracy for point in curves[wide])),
    ]  # fmt: skip
    levels = [Level("identity", "ink", figures.identity.test.value or 0.0)]
    if (chosen := _static_chain(folder)) is not None:
        levels.append(Level("static chain", "evaluated", chosen.test.value or 0.0))
    if (beside := figures.beside_search) is not None:
        levels.append(Level("search (oracle)", "search", beside.search_oracle_accuracy.value or 0.0))
    axes = ("samples of the identity", "share of inputs right")
    return Figure(
        "votes",
        f"The vote and any of the samples on {figures.test_inputs} test inputs, by number of samples. The search's "
        "line is of its own inputs, a part of these.",
        "Curves with bands: accuracy of a vote and oracle accuracy of any sample by number of samples.",
        lines(drawn, levels, axes_names=axes, percent=True, doubling=True),
        (6.6, 3.6),
    )


# Options


def options_section(folder: RunFolder) -> Section | None:
    """Whether what was found belongs to the answer, or to the place where it stands."""
    found = folder.figures.options
    if found is None:
        return None
    text = (
        "What was picked because it was right once is right less often when it is tried again, whatever it is: compare "
        "corrections with right answers of the identity and with hits of the control, not with 100 %.",
    )
    hint = "does a correction survive when options change places?"
    if not found.seen_by_the_model:
        lines = tuple(options(found))
        return Section("options", "Options moved", lines, data=found.to_json(), hint=hint)
    shown = {title: group for title, group in _groups(found.survival) if group.inputs}
    figures = (_survival_figure(shown),) if shown else ()
    tables = (_rotation_table(found), _survival_table(found.survival))
    return Section("options", "Options moved", text, tables, figures, found.to_json(), hint)


def _groups(survival: Survival) -> list[tuple[str, SurvivalGroup]]:
    """The groups with their titles."""
    return [
        ("corrections", survival.corrected),
        ("shorter right chains", survival.right_shorter),
        ("right answers of the identity", survival.identity_right),
        ("hits of the control (stay with the wrong option)", survival.control_hit),
    ]


def _survival_figure(shown: Mapping[str, SurvivalGroup]) -> Figure:
    values = tuple(group.at_all for group in shown.values())
    names = [f"{title} ({group.inputs})".replace(" (stay", "\n(stay") for title, group in shown.items()]
    return Figure(
        "option-survival",
        "Of what was right as the options stood, the share that is right at all other places, too.",
        "Dots with intervals: share of each group that survives the moving of options.",
        dots(names, [Series("survives", "search", values)], axis="right at all places", percent=True),
        (6.6, 1.1 + 0.42 * len(shown)),
    )


def _rotation_table(found: RotationFigures) -> ReportTable:
    chains = found.chains
    columns = (
        Column("options moved by"),
        *(Column("identity" if name == "identity" else "static chain", "share") for name in chains),
    )  # fmt: skip
    first = next(iter(chains.values()))
    rows = [
        (Cell(str(shift)), *(measured(chain.by_rotation[shift]) for chain in chains.values()))
        for shift in range(len(first.by_rotation))
    ]
    rows.append((Cell("right at all places"), *(measured(chain.right_at_all) for chain in chains.values())))
    rows.append((Cell("majority of places"), *(measured(chain.majority) for chain in chains.values())))
    letters = ", ".join(f"{name} {100 * share:.0f} %" for name, share in first.chosen_letters.items())
    caption = (
        f"Accuracy on {found.test_inputs} test inputs with options. The identity chose {letters}; over all places "
        "each letter is right equally often."
    )
    return ReportTable(caption, columns, tuple(rows))


def _survival_table(survival: Survival) -> ReportTable:
    columns = (
        Column("right as the options stand"), Column("inputs", "count"), Column("right at all places", "share"),
        Column("mean share of the other places", "share"),
    )  # fmt: skip
    rows = [
        (Cell(title), Cell(group.inputs), measured(group.at_all), measured(group.rate))
        for title, group in _groups(survival)
    ]
    gaps = [
        f"less {title} {numbers.points(gap.value, gap.interval)}"
        for title, gap in (
            ("right answers of the identity", survival.corrected_minus_identity_right),
            ("hits of the control", survival.corrected_minus_control_hit),
        )
        if gap is not None
    ]
    caption = "Wilson's intervals for all places, bootstrap for the mean."
    if gaps:
        caption += f" Corrections at all places: {'; '.join(gaps)}."
    return ReportTable(caption, columns, tuple(rows))
