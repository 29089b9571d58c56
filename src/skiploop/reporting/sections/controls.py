"""Sections about the controls of a full study: sampling and voting at equal layer calls, and options moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from skiploop.reporting import numbers
from skiploop.reporting.charts import Level, PlottedLine, Series, dots, lines
from skiploop.reporting.parts import Cell, Column, Figure, ReportTable, Section, counted, listed
from skiploop.reporting.run_folder import RunFolder
from skiploop.reporting.sentences.controls import beside_search, option_lines
from skiploop.stats.measured import Measured

_GROUPS = {
    "corrected": "corrections",
    "right_shorter": "shorter right chains",
    "identity_right": "right answers of the identity",
    "control_hit": "hits of the control (stay with the wrong option)",
}


# Sampling


def sampling_section(folder: RunFolder) -> Section | None:
    """What the search's layer calls would have bought without any chain."""
    found = folder.part("controls", "sampling")
    if found is None:
        return None
    own, beside = found["budgets"]["search"], beside_search(found)
    text = [
        f"The search spent {own['layer_calls']:,.0f} layer calls on an input; the same pay for {own['samples']} "
        "samples of the identity beside its greedy answer. A vote needs no gold answer: it is an accuracy. Any of the "
        "samples, like any chain of the search, is an oracle: compare these two with each other alone."
    ]
    if found["single_pass"]:
        text.append("Options are scored, so a sample is a draw from one softmax and any of them is a lottery.")
    tables = [_vote_table(folder, found)]
    if beside is not None:
        tables.append(_any_table(found, own["any"], beside))
    figure = _vote_figure(folder, found)
    figures = () if figure is None else (figure,)
    data = {key: value for key, value in found.items() if key != "train_curves"}
    hint = "what would the same layer calls buy?"
    return Section("sampling", "Sampling and voting", tuple(text), tuple(tables), figures, data, hint)


def _vote_table(folder: RunFolder, found: Mapping[str, Any]) -> ReportTable:
    columns = (
        Column("how"), Column("layer calls", "count"), Column("test accuracy", "share"),
        Column("less the identity", "points"), Column("p", "p"),
    )  # fmt: skip
    base = found["identity"]
    rows = [(Cell("identity"), Cell(base["layer_calls"]), listed(base["test"], base["test_interval"]),
             Cell(None), Cell(None))]  # fmt: skip
    chosen = {} if folder.held_out is None else folder.held_out.summary["chosen"]["search"]
    if chosen.get("difference_interval") is not None:
        rows.append((Cell(f"static chain {chosen['notation']}"), Cell(chosen["depth"]),
                     listed(chosen["test"], chosen["test_interval"]),
                     listed(chosen["difference"], chosen["difference_interval"], gap=True),
                     Cell(chosen["mcnemar_p"])))  # fmt: skip
    own = found["budgets"]["search"]
    for how, name in (("vote", "best number on training inputs"), ("vote_all", "all that is paid for")):
        if how in own:
            row, gap = own[how], own[how]["minus_identity"]
            rows.append((
                Cell(f"vote of {row['samples']}, temperature {row['temperature']:g} ({name})"),
                Cell((row["samples"] + 1) * found["num_layers"]), listed(row["test"], row["test_interval"]),
                listed(gap["difference"], gap["interval"], gap=True), Cell(gap["mcnemar_p"]),
            ))  # fmt: skip
    caption = (
        f"Accuracies on {found['test_inputs']} test inputs, on which nothing was chosen; paired differences. Without a "
        "static chain here, none was chosen but the identity."
    )
    return ReportTable(caption, columns, tuple(rows))


def _any_table(found: Mapping[str, Any], row: Mapping[str, Any], beside: Mapping[str, Any]) -> ReportTable:
    columns = (
        Column("oracle accuracy of"), Column("layer calls", "count"), Column("share", "share"),
        Column("search less samples", "points"), Column("p", "p"),
    )  # fmt: skip
    gap, count = beside["search_minus_any"], beside["inputs"]
    rows = (
        (Cell("chains of the search"), Cell(found["budgets"]["search"]["layer_calls"]),
         counted(beside["search_oracle_accuracy"], count), Cell(None),
         Cell(None)),
        (Cell(f"any of {row['samples']} samples, or the greedy answer"),
         Cell((row["samples"] + 1) * found["num_layers"]),
         counted(beside["any_oracle_accuracy"], count), listed(gap["difference"], gap["interval"], gap=True),
         Cell(gap["mcnemar_p"])),
    )  # fmt: skip
    caption = f"Oracle accuracies on the {numbers.plural(count, 'input')} of the search, at equal layer calls."
    return ReportTable(caption, columns, rows)


def _vote_figure(folder: RunFolder, found: Mapping[str, Any]) -> Figure | None:
    own = found["budgets"]["search"]
    curves = {each["temperature"]: each["curve"] for each in found["test_curves"]}
    if "vote" not in own:
        return None
    vote, wide = (own[name]["temperature"] for name in ("vote", "any"))
    drawn = [
        _line(f"vote, temperature {vote:g}", "five", curves[vote], "accuracy", "accuracy_interval"),
        _line(f"any of them (oracle), temperature {wide:g}", "twenty", curves[wide],
              "any_or_greedy_oracle_accuracy", "any_or_greedy_oracle_interval"),
    ]  # fmt: skip
    levels = [Level("identity", "ink", found["identity"]["test"])]
    if folder.held_out is not None:
        row = folder.held_out.summary["chosen"]["search"]
        if row["difference_interval"] is not None:
            levels.append(Level("static chain", "evaluated", row["test"]))
    if (beside := beside_search(found)) is not None:
        levels.append(Level("search (oracle)", "search", beside["search_oracle_accuracy"]))
    axes = ("samples of the identity", "share of inputs right")
    return Figure(
        "votes",
        f"The vote and any of the samples on {found['test_inputs']} test inputs, by number of samples. The search's "
        "line is of its own inputs, a part of these.",
        "Curves with bands: accuracy of a vote and oracle accuracy of any sample by number of samples.",
        lines(drawn, levels, axes_names=axes, percent=True, doubling=True),
        (6.6, 3.6),
    )


def _line(label: str, style: str, curve: Sequence[Mapping[str, Any]], value: str, ends: str) -> PlottedLine:
    figures = tuple(
        Measured(row[value], None if row[ends] is None else (row[ends][0], row[ends][1]), 0) for row in curve
    )
    return PlottedLine(label, style, tuple(float(row["samples"]) for row in curve), figures)


# Options


def options_section(folder: RunFolder) -> Section | None:
    """Whether what was found belongs to the answer, or to the place where it stands."""
    found = folder.part("controls", "options")
    if found is None:
        return None
    text = (
        "What was picked because it was right once is right less often when it is tried again, whatever it is: compare "
        "corrections with right answers of the identity and with hits of the control, not with 100 %.",
    )
    hint = "does a correction survive when options change places?"
    if not found["seen_by_the_model"]:
        lines = tuple(map(numbers.proper, option_lines(found)))
        return Section("options", "Options moved", lines, data=found, hint=hint)
    shown = {name: found["survival"][name] for name in _GROUPS if found["survival"][name]["inputs"]}
    figures = (_survival_figure(shown),) if shown else ()
    tables = (_rotation_table(found), _survival_table(found))
    return Section("options", "Options moved", text, tables, figures, found, hint)


def _survival_figure(shown: Mapping[str, Mapping[str, Any]]) -> Figure:
    values = tuple(
        Measured(row["all"], (row["all_interval"][0], row["all_interval"][1]), row["inputs"]) for row in shown.values()
    )
    names = [f"{_GROUPS[name]} ({row['inputs']})".replace(" (stay", "\n(stay") for name, row in shown.items()]
    return Figure(
        "option-survival",
        "Of what was right as the options stood, the share that is right at all other places, too.",
        "Dots with intervals: share of each group that survives the moving of options.",
        dots(names, [Series("survives", "search", values)], axis="right at all places", percent=True),
        (6.6, 1.1 + 0.42 * len(shown)),
    )


def _rotation_table(found: Mapping[str, Any]) -> ReportTable:
    chains = found["chains"]
    columns = (
        Column("options moved by"),
        *(Column("identity" if name == "identity" else "static chain", "share") for name in chains),
    )  # fmt: skip
    first = next(iter(chains.values()))
    rows = [
        (Cell(str(shift)), *(listed(**_ends(row["by_rotation"][shift])) for row in chains.values()))
        for shift in range(len(first["by_rotation"]))
    ]
    for how, title in (("right_at_all", "right at all places"), ("majority", "majority of places")):
        rows.append((Cell(title), *(listed(**_ends(row[how])) for row in chains.values())))
    letters = ", ".join(f"{name} {100 * share:.0f} %" for name, share in first["chosen_letters"].items())
    caption = (
        f"Accuracy on {found['test_inputs']} test inputs with options. The identity chose {letters}; over all places "
        "each letter is right equally often."
    )
    return ReportTable(caption, columns, tuple(rows))


def _ends(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"value": row["share"], "interval": row["interval"]}


def _survival_table(found: Mapping[str, Any]) -> ReportTable:
    columns = (
        Column("right as the options stand"), Column("inputs", "count"), Column("right at all places", "share"),
        Column("mean share of the other places", "share"),
    )  # fmt: skip
    survival = found["survival"]
    rows = [
        (Cell(title), Cell(survival[name]["inputs"]), listed(survival[name]["all"], survival[name]["all_interval"]),
         listed(survival[name]["rate"], survival[name]["rate_interval"]))
        for name, title in _GROUPS.items()
    ]  # fmt: skip
    gaps = []
    for name, title in (("identity_right", "right answers of the identity"), ("control_hit", "hits of the control")):
        if (gap := survival[f"corrected_minus_{name}"]) is not None:
            gaps.append(f"less {title} {numbers.points(gap['all'], gap['interval'])}")
    caption = "Wilson's intervals for all places, bootstrap for the mean."
    if gaps:
        caption += f" Corrections at all places: {'; '.join(gaps)}."
    return ReportTable(caption, columns, tuple(rows))
