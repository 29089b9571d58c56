"""A full study for people: one table, and below it what `skiploop.reporting.sentences.controls` says of it."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.table import Table

from skiploop.reporting.sentences.controls import beside_samples, full_reading
from skiploop.stats.measured import Measured
from skiploop.studies.full_record import FullStudy, PartFigures
from skiploop.studies.paired import PairedDifference

_PEERS = {"random": "uniform random chains", "nearby": "random chains near identity"}


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


def full_table(parts: PartFigures, *, dense: bool = False) -> Table:
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


def _accuracies(parts: PartFigures) -> Iterator[list[str]]:
    if parts.static is not None:
        yield ["accuracy on test inputs"]
        for name in ("identity", "search"):
            chosen = parts.static.chosen[name]
            title = "  identity" if name == "identity" else f"  static chain {chosen.notation}"
            yield _row(title, chosen.test, calls=chosen.depth, less=chosen.minus_identity)
    sampling = parts.sampling
    if sampling is not None:
        own = sampling.budgets["search"]
        for vote, title in ((own.vote, "best"), (own.vote_all, "all")):
            if vote is not None:
                name = f"  vote of {vote.samples} ({title}), T {vote.temperature:g}"
                calls = (vote.samples + 1) * sampling.num_layers
                yield _row(name, vote.test, calls=calls, less=vote.minus_identity)


def _oracles(parts: PartFigures) -> Iterator[list[str]]:
    search, sampling = parts.search, parts.sampling
    if search is None:
        return
    yield ["oracle: some answer is right"]
    calls = None if sampling is None else round(sampling.budgets["search"].layer_calls)
    yield _row("  chains of the search", search.oracle_accuracy, calls=calls)
    for name, peer in search.peers.items():
        bare = Measured(peer.oracle_accuracy.value, None, peer.oracle_accuracy.count)
        yield _row(f"  {_PEERS[name]}", bare, less=peer.difference.negated())
    beside = None if sampling is None else sampling.beside_search
    if sampling is not None and beside is not None:
        samples = beside_samples(sampling)
        reached = Measured(beside.any_oracle_accuracy.value, None, beside.any_oracle_accuracy.count)
        yield _row(
            f"  any of {samples} samples, or greedy", reached, calls=(samples + 1) * sampling.num_layers,
            less=beside.search_minus_any.negated(),
        )  # fmt: skip


def _row(title: str, figure: Measured, *, calls: int | None = None, less: PairedDifference | None = None) -> list[str]:
    cells = [title, str(figure.count), "" if calls is None else str(calls), f"{100 * (figure.value or 0.0):.1f}"]
    interval = figure.interval
    cells.append("" if interval is None else f"{100 * interval[0]:.0f} to {100 * interval[1]:.0f}")
    if less is None or less.difference.value is None or less.difference.interval is None:
        return [*cells, "", "", ""]
    low, high = less.difference.interval
    apart = f"{100 * less.difference.value:+.1f}"
    return [*cells, apart, f"{100 * low:+.1f} to {100 * high:+.1f}", f"{less.mcnemar_p:.3f}"]
