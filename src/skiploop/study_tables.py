"""A full study for people: one table, and in plain words what it shows and what it doesn't."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from skiploop.full_study import FullStudy
from skiploop.tables import percent

Figures = dict[str, Any]
_NAMES = {
    "oracle_accuracy": "chains of the search",
    "random_oracle_accuracy": "uniform random chains",
    "nearby_oracle_accuracy": "random chains near identity",
}


def print_full(study: FullStudy, console: Console) -> None:
    """The table, its reading, and where the study is."""
    record, parts = study.record, study.parts
    state = "" if study.complete else " (not complete)"
    console.print(f"{record['model']['name']} on {record['task']['name']}{state}", markup=False)
    console.print(full_table(parts, dense=console.width < 95))
    for line in full_reading(parts):
        console.print(f"- {line}", markup=False, soft_wrap=True)
    for line in record["parts"].values():
        if line["status"] != "complete":
            reason = f": {line['reason']}" if "reason" in line else ""
            console.print(f"- {line['title']}: {line['status']}{reason}", markup=False, soft_wrap=True)
    seconds = sum(line.get("seconds", 0.0) for line in record["parts"].values())
    console.print(f"\n{seconds:.0f} s. The study is in {study.out}", markup=False, soft_wrap=True)


def full_table(parts: dict[str, Figures], *, dense: bool = False) -> Table:
    """Accuracies first; below the line what needs the gold answer to pick. `dense` fits into 80 columns, without p."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0 if dense else (0, 1, 0, 0))
    columns = ["", "inputs", "layer\ncalls", "%", "95 %", "diff.", "95 %", *([] if dense else ["p"])]
    for name in columns:
        table.add_column(name, justify="right" if name else "left", no_wrap=bool(name))
    for row in _accuracies(parts):
        table.add_row(*row[: len(columns)])
    table.add_section()
    for row in _oracles(parts):
        table.add_row(*row[: len(columns)], style="dim")
    return table


def _accuracies(parts: dict[str, Figures]) -> Iterator[list[str]]:
    static = parts.get("static")
    if static is not None:
        yield ["accuracy on test inputs"]
        for name in ("identity", "search"):
            row = static["chosen"][name]
            title = "  identity" if name == "identity" else f"  static chain {row['notation']}"
            found = row | {"interval": row["difference_interval"]}
            yield _row(title, static["test_inputs"], row["depth"], row["test"], row["test_interval"], found)
    sampling = parts.get("sampling")
    if sampling is not None:
        layers = sampling["num_layers"]
        for how, title in (("vote", "best"), ("vote_all", "all")):
            row = sampling["budgets"]["search"].get(how)
            if row is not None:
                name = f"  vote of {row['samples']} ({title}), T {row['temperature']:g}"
                calls = (row["samples"] + 1) * layers
                yield _row(
                    name, sampling["test_inputs"], calls, row["test"], row["test_interval"], row["minus_identity"]
                )


def _oracles(parts: dict[str, Figures]) -> Iterator[list[str]]:
    search, sampling = parts.get("search"), parts.get("sampling")
    if search is None:
        return
    yield ["oracle: some answer is right"]
    calls = None if sampling is None else round(sampling["budgets"]["search"]["layer_calls"])
    for name, title in _NAMES.items():
        if search.get(name) is not None:
            interval = search.get(f"{name}_interval")
            found = search.get(f"{name.removesuffix('_oracle_accuracy')}_difference") or {}
            yield _row(
                f"  {title}", search["inputs"], calls if name == "oracle_accuracy" else None, search[name], interval,
                _negated(found.get("oracle_accuracy"), found.get("interval"), found.get("mcnemar_p")),
            )  # fmt: skip
    beside = _beside(sampling)
    if sampling is not None and beside is not None:
        row = sampling["budgets"]["search"]["any"]
        minus = beside["search_minus_any"]
        yield _row(
            f"  any of {row['samples']} samples, or greedy", beside["inputs"],
            (row["samples"] + 1) * sampling["num_layers"], beside["any_oracle_accuracy"], None,
            _negated(minus["difference"], minus["interval"], minus["mcnemar_p"]),
        )  # fmt: skip


def _negated(value: float | None, interval: Sequence[float] | None, p: float | None) -> Figures | None:
    """A difference "search minus this" as "this minus search"."""
    if value is None or interval is None:
        return None
    return {"difference": -value, "interval": [-interval[1], -interval[0]], "mcnemar_p": p}


def _row(
    name: str, inputs: int, calls: int | None, value: float, interval: Sequence[float] | None, found: Figures | None
) -> list[str]:
    cells = [name, str(inputs), "" if calls is None else str(calls), f"{100 * value:.1f}"]
    cells.append("" if interval is None else f"{100 * interval[0]:.0f} to {100 * interval[1]:.0f}")
    if found is None or found["interval"] is None:
        return [*cells, "", "", ""]
    low, high = found["interval"]
    p = "" if found["mcnemar_p"] is None else f"{found['mcnemar_p']:.3f}"
    return [*cells, f"{100 * found['difference']:+.1f}", f"{100 * low:+.1f} to {100 * high:+.1f}", p]


def full_reading(parts: dict[str, Figures]) -> list[str]:
    """What is shown, and what isn't."""
    lines = []
    search, static, sampling = (parts.get(name) for name in ("search", "static", "sampling"))
    if static is not None:
        lines.append(_static(static))
    if sampling is not None:
        lines += _sampling(sampling)
    if search is not None:
        lines += _search(search)
    beside = _beside(sampling)
    if beside is not None:
        found = beside["search_minus_any"]
        what = f"than any of as many sampled answers as the same layer calls pay for ({_points(found)})"
        lines.append(_said(found["interval"], f"The search finds a right answer oftener {what}", what, "search"))
    if "options" in parts:
        lines += _options(parts["options"])
    return [*lines, "No router was tested here: the oracle figures say what chains exist, not that one can be picked."]


def _static(figures: Figures) -> str:
    row = figures["chosen"]["search"]
    if row["difference_interval"] is None:
        return "Static chain: none of the chains tried was better than the identity on training inputs."
    found = {"difference": row["difference"], "interval": row["difference_interval"]}
    return _compared("The static chain", "the identity", found) + (
        f", at {row['depth']} layer calls instead of {figures['chosen']['identity']['depth']}."
    )


def _sampling(figures: Figures) -> Iterator[str]:
    if figures["single_pass"]:
        yield (
            "Options are scored here: samples are draws from one softmax, so their vote tends to the identity's own "
            "choice, and any of them is a lottery."
        )
    own = figures["budgets"]["search"]
    if "vote" in own:
        row = own["vote"]
        yield _compared(f"The vote of {row['samples']} samples", "the identity", row["minus_identity"]) + "."
        if "minus_static" in row:
            yield _compared("That vote", "the static chain", row["minus_static"]) + (
                f"; it costs {(row['samples'] + 1) * figures['num_layers']} layer calls."
            )
    static = figures["budgets"].get("static")
    if static is not None and static["samples"] < 2:
        yield (
            f"What the static chain costs ({static['layer_calls']:g} layer calls) pays for no vote: at that budget "
            "sampling is the identity."
        )
    if figures["capped"]:
        yield f"At most {figures['samples']} samples were drawn, fewer than the budget of the search pays for."


def _search(figures: Figures) -> Iterator[str]:
    for peer, name in (("random", "uniform random chains"), ("nearby", "random chains near the identity")):
        found = figures.get(f"{peer}_difference")
        if found is not None:
            one = {"difference": found["oracle_accuracy"], "interval": found["interval"]}
            what = f"than {name} at the same number of evaluations ({_points(one)})"
            yield _said(found["interval"], f"The search finds a right chain oftener {what}", what, "search")
    if figures["excess"] is not None:
        one = {"difference": figures["excess"], "interval": figures["excess_interval"]}
        if figures["excess_interval"][0] > 0:
            yield f"Chains correct the model oftener than they hit one particular wrong answer ({_points(one)})."
        else:
            yield (
                "It isn't shown that chains correct the model oftener than they hit one particular wrong answer "
                f"({_points(one)})."
            )
    form = figures.get("format")
    if form is not None and form["corrected"]:
        yield (
            f"Of {form['corrected']} corrected inputs, {form['corrected_unparsable_before']} had an answer that can't "
            f"be read, and {form['corrected_echo_before']} one that echoes the prompt."
        )


def _options(figures: Figures) -> Iterator[str]:
    if not figures["seen_by_the_model"]:
        yield "Options moved: the prompt doesn't list them, so the model sees no difference, and this shows nothing."
        return
    own = figures["chains"]["identity"]
    shares = ", ".join(percent(each["share"]) for each in own["by_rotation"])
    yield (
        f"Options moved, {figures['test_inputs']} inputs: the identity is right on {shares}, and at all places on "
        f"{percent(own['right_at_all']['share'])}."
    )
    survival = figures["survival"]
    corrected, right, shorter = (survival[name] for name in ("corrected", "identity_right", "right_shorter"))
    if shorter["inputs"]:
        yield (
            f"Of {shorter['inputs']} shorter chains that are right as the options stand, {percent(shorter['all'])} "
            f"stay right wherever they stand (95 %: {_range(shorter['all_interval'])})."
        )
    if not corrected["inputs"]:
        yield "No input with options was corrected, so there is nothing that could survive."
        return
    yield (
        f"Of {corrected['inputs']} corrections {percent(corrected['all'])} stay right wherever the options stand "
        f"(95 %: {_range(corrected['all_interval'])}); of {right['inputs']} answers that the identity gets right, "
        f"{percent(right['all'])} do (95 %: {_range(right['all_interval'])})."
    )
    control, minus = survival["control_hit"], survival["corrected_minus_control_hit"]
    if minus is not None:
        one = {"difference": minus["all"], "interval": minus["interval"]}
        yield (
            f"Hits of the control stay with their wrong option in {percent(control['all'])} of {control['inputs']}; "
            f"corrections minus those: {_points(one)}."
        )


def _beside(sampling: Figures | None) -> Figures | None:
    found = None if sampling is None else sampling["budgets"]["search"].get("any", {}).get("search_inputs")
    return found if isinstance(found, dict) else None


def _compared(first: str, second: str, found: Figures) -> str:
    low, high = found["interval"]
    if low > 0:
        return f"{first} is more accurate than {second} on inputs that nothing was chosen on ({_points(found)})"
    if high < 0:
        return f"{first} is less accurate than {second} on inputs that nothing was chosen on ({_points(found)})"
    return f"No difference is shown between {first[0].lower() + first[1:]} and {second} ({_points(found)})"


def _said(interval: Sequence[float], shown: str, what: str, who: str) -> str:
    if interval[0] > 0:
        return f"{shown}."
    if interval[1] < 0:
        return f"The {who} finds a right one less often {what}."
    return f"It isn't shown that the {who} finds a right one oftener {what}."


def _points(found: Figures) -> str:
    low, high = found["interval"]
    return f"{100 * found['difference']:+.1f} points, 95 %: {100 * low:+.1f} to {100 * high:+.1f}"


def _range(interval: Sequence[float] | None) -> str:
    return "-" if interval is None else f"{100 * interval[0]:.0f} to {100 * interval[1]:.0f}"
