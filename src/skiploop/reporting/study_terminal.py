"""A full study for people: one table, and below it what `skiploop.reporting.sentences.controls` says of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from skiploop.reporting.sentences.controls import Figures, beside_search, full_reading
from skiploop.studies.full_record import FullStudy

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
    beside = beside_search(sampling)
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
