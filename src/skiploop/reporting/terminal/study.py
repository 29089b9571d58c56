"""A full study: accuracies first, then what needs the gold answer to pick."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from skiploop.folders.full import FullStudy, PartFigures
from skiploop.reporting.names import ARM_NAMES
from skiploop.reporting.sentences.controls import beside_samples
from skiploop.reporting.sentences.reading import full_reading
from skiploop.reporting.sentences.search import by_metric
from skiploop.reporting.terminal.console import DENSE, make_table, row, say, say_sentences, say_wrapped
from skiploop.reporting.terminal.inputs import print_examples
from skiploop.stats import numbers
from skiploop.stats.measured import Measured
from skiploop.studies.paired import PairedDifference
from skiploop.studies.search import load_study

_LEGEND = (
    "Differences are in points: to the identity in the upper part, to the search in the lower one, where the gold "
    "answer picks the chain or the sample."
)


def print_full(study: FullStudy, console: Console) -> None:
    """The table, what it says, examples, the parts that are missing, and where the study is."""
    run, parts = study.run, study.parts
    state = "" if study.complete else " (not complete)"
    say(console, f"{run['model']['name']} on {run['task']['name']}{state}\n")
    console.print(full_table(parts, dense=console.width < DENSE))
    console.print()
    say_wrapped(console, _LEGEND)
    console.print()
    say_sentences(console, [*full_reading(parts), *(() if parts.search is None else by_metric(parts.search))])
    if parts.search is not None:
        print_examples(load_study(study.out / "search").inputs, console)
    console.print()
    for part in study.states.values():
        if part.status != "complete":
            say(console, str(part))
    say(console, f"{sum(part.seconds for part in study.states.values()):.0f} s. The study is in {study.out}")
    page = study.out / "report.html"
    if page.is_file():
        say(console, f"Everything that it shows: {page}")


def full_table(parts: PartFigures, *, dense: bool = False) -> Table:
    """Each row is an accuracy or an oracle accuracy with its interval, and its difference to the first of its group.
    `dense` fits into 80 columns, without p."""
    names = ["inputs", "layer\ncalls", "right\n%", "95 %", "differ-\nence", "95 %", *([] if dense else ["p"])]
    table = make_table([("", True), *((name, False) for name in names)], dense=dense)
    for cells in _accuracies(parts):
        table.add_row(*row(*cells[: len(names) + 1]))
    table.add_section()
    for cells in _oracles(parts):
        table.add_row(*row(*cells[: len(names) + 1]), style="dim")
    return table


def _accuracies(parts: PartFigures) -> Iterator[list[str]]:
    if parts.static is not None:
        yield ["accuracy on test inputs"]
        for name in ("identity", "search"):
            chosen = parts.static.chosen[name]
            title = "  identity" if name == "identity" else f"  static chain {chosen.title}"
            yield _cells(title, chosen.test, calls=chosen.depth, less=chosen.minus_identity)
    sampling = parts.sampling
    if sampling is not None:
        own = sampling.budgets["search"]
        for vote, title in ((own.vote, "best"), (own.vote_all, "all")):
            if vote is not None:
                name = f"  vote of {vote.samples} ({title}), T {vote.temperature:g}"
                calls = (vote.samples + 1) * sampling.num_layers
                yield _cells(name, vote.test, calls=calls, less=vote.minus_identity)


def _oracles(parts: PartFigures) -> Iterator[list[str]]:
    search, sampling = parts.search, parts.sampling
    if search is None:
        return
    yield ["oracle: some answer is right"]
    calls = None if sampling is None else round(sampling.budgets["search"].layer_calls)
    yield _cells("  chains of the search", search.oracle_accuracy, calls=calls)
    for name, peer in search.peers.items():
        yield _cells(f"  {ARM_NAMES[name]}", _bare(peer.oracle_accuracy), less=peer.difference.negated())
    beside = None if sampling is None else sampling.beside_search
    if sampling is not None and beside is not None:
        samples = beside_samples(sampling)
        yield _cells(
            f"  any of {samples} samples", _bare(beside.any_oracle_accuracy),
            calls=(samples + 1) * sampling.num_layers, less=beside.search_minus_any.negated(),
        )  # fmt: skip


def _bare(figure: Measured) -> Measured:
    """Without its interval: the paired difference beside it is sharper."""
    return Measured(figure.value, None, figure.count)


def _cells(
    title: str, figure: Measured, *, calls: int | None = None, less: PairedDifference | None = None
) -> list[str]:
    cells = [
        title,
        f"{figure.count:,}",
        "" if calls is None else f"{calls:,}",
        numbers.bare(figure.value, "share"),
        numbers.interval(figure.interval, "share"),
    ]
    if less is None or less.difference.interval is None:
        return [*cells, "", "", ""]
    gap = less.difference
    return [
        *cells,
        numbers.value(gap.value, "points"),
        numbers.interval(gap.interval, "points"),
        numbers.value(less.mcnemar_p, "p"),
    ]
