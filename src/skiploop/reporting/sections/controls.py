"""Sections about the controls of a full study: sampling and voting at equal layer calls, and options moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from skiploop.reporting import numbers
from skiploop.reporting.charts import Level, Line, Series, dots, lines
from skiploop.reporting.parts import Cell, Column, Figure, Section, Table, counted, listed
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
        "A search spends layer calls. The same layer calls pay for samples of the model as it is, and samples can "
        f"vote. Here the search spent {own['layer_calls']:,.0f} layer calls on an input, which pay for "
        f"{own['samples']} samples beside the greedy answer. Temperature and number of samples of a vote were chosen "
        "on training inputs. A vote needs no gold answer: it is an accuracy. That any of the samples is right takes a "
        "gold answer to notice, as it does for a chain of the search: these two oracle figures may be compared with "
        "each other, and with nothing else. Where few answers are possible, both are lotteries: a hundred guesses hit."
    ]
    if found["single_pass"]:
        text.append(
            "Options are scored in this task, so a sample is a draw from one softmax: its vote tends to the identity's "
            "own choice, and any of them is a lottery."
        )
    tables = [_vote_table(folder, found)]
    if beside is not None:
        tables.append(_any_table(found, own["any"], beside))
    figure = _vote_figure(folder, found)
    figures = () if figure is None else (figure,)
    data = {key: value for key, value in found.items() if key != "train_curves"}
    return Section("sampling", "Sampling and voting at equal layer calls", tuple(text), tuple(tables), figures, data)


def _vote_table(folder: RunFolder, found: Mapping[str, Any]) -> Table:
    columns = (
        Column("how"), Column("layer calls", "count"), Column("test accuracy", "share"),
        Column("less the identity", "points"), Column("p", "p"),
    )  # fmt: skip
    base = found["identity"]
    rows = [(Cell("the model as it is"), Cell(base["layer_calls"]), listed(base["test"], base["test_interval"]),
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
        f"Accuracies on {found['test_inputs']} test inputs, on which nothing was chosen; differences are paired "
        "(Newcombe's interval, McNemar's exact p). Where no static chain stands here, none was chosen but the identity."
    )
    return Table(caption, columns, tuple(rows))


def _any_table(found: Mapping[str, Any], row: Mapping[str, Any], beside: Mapping[str, Any]) -> Table:
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
    caption = (
        f"On the {numbers.plural(count, 'input')} of the search, at equal layer calls. If the difference isn't above "
        "0, "
        "temperature finds what chains find."
    )
    return Table(caption, columns, rows)


def _vote_figure(folder: RunFolder, found: Mapping[str, Any]) -> Figure | None:
    own = found["budgets"]["search"]
    curves = {each["temperature"]: each["curve"] for each in found["test_curves"]}
    if "vote" not in own:
        return None
    vote, wide = (own[name]["temperature"] for name in ("vote", "any"))
    drawn = [
        _line(f"vote, temperature {vote:g}", "search", curves[vote], "accuracy", "accuracy_interval"),
        _line(f"any of them (oracle), temperature {wide:g}", "random", curves[wide],
              "any_or_greedy_oracle_accuracy", "any_or_greedy_oracle_interval"),
    ]  # fmt: skip
    levels = [Level("the model as it is", "ink", found["identity"]["test"])]
    if folder.held_out is not None:
        row = folder.held_out.summary["chosen"]["search"]
        if row["difference_interval"] is not None:
            levels.append(Level("static chain", "control", row["test"]))
    if (beside := beside_search(found)) is not None:
        levels.append(Level("search (oracle)", "five", beside["search_oracle_accuracy"]))
    axes = ("samples of the model as it is", "share of inputs right")
    return Figure(
        "votes",
        f"The vote and any of the samples on {found['test_inputs']} test inputs, by number of samples, with 95 % "
        "bands at each number. Oracle figures grow with every sample; the vote needn't. The search's line is of its "
        "own inputs, a part of these.",
        "Curves with bands: accuracy of a vote and oracle accuracy of any sample by number of samples.",
        lines(drawn, levels, axes_names=axes, percent=True, doubling=True),
        (6.6, 3.6),
    )


def _line(label: str, style: str, curve: Sequence[Mapping[str, Any]], value: str, ends: str) -> Line:
    figures = tuple(
        Measured(row[value], None if row[ends] is None else (row[ends][0], row[ends][1]), 0) for row in curve
    )
    return Line(label, style, tuple(float(row["samples"]) for row in curve), figures)


# Options


def options_section(folder: RunFolder) -> Section | None:
    """Whether what was found belongs to the answer, or to the place where it stands."""
    found = folder.part("controls", "options")
    if found is None:
        return None
    text = (
        "The options of each question are moved up by 0, 1, ... places. A model that reads them is right as often "
        "wherever they stand. What was picked because it was right once is right less often when it is tried again, "
        "whatever it is. So corrections are compared with right answers of the model as it is, and with hits of the "
        "control: chains that were searched for a wrong option.",
        *map(numbers.proper, option_lines(found)),
    )
    if not found["seen_by_the_model"]:
        return Section("options", "Options moved", text, data=found)
    shown = {name: found["survival"][name] for name in _GROUPS if found["survival"][name]["inputs"]}
    figures: tuple[Figure, ...] = ()
    if shown:
        values = tuple(
            Measured(row["all"], (row["all_interval"][0], row["all_interval"][1]), row["inputs"])
            for row in shown.values()
        )
        names = [f"{_GROUPS[name]} ({row['inputs']})".replace(" (stay", "\n(stay") for name, row in shown.items()]
        figures = (
            Figure(
                "option-survival",
                "Of what was right as the options stood, the share that is right at all other places, too; in brackets "
                "the number of inputs. Few inputs, wide intervals.",
                "Dots with intervals: share of each group that survives the moving of options.",
                dots(names, [Series("survives", "search", values)], axis="right at all places", percent=True),
                (6.6, 1.1 + 0.42 * len(shown)),
            ),
        )  # fmt: skip
    return Section("options", "Options moved", text, (_rotation_table(found), _survival_table(found)), figures, found)


def _rotation_table(found: Mapping[str, Any]) -> Table:
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
        f"Accuracy on {found['test_inputs']} test inputs with options. Over all places each letter is right equally "
        f"often; the identity chose {letters}."
    )
    return Table(caption, columns, tuple(rows))


def _ends(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"value": row["share"], "interval": row["interval"]}


def _survival_table(found: Mapping[str, Any]) -> Table:
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
    caption = "Wilson's intervals for all places, bootstrap over inputs for the mean."
    if gaps:
        caption += f" Corrections at all places: {'; '.join(gaps)} (Newcombe, different inputs)."
    return Table(caption, columns, tuple(rows))
