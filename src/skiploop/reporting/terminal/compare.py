"""Two runs, paired."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from skiploop.folders.compare import ComparedFigure, Comparison
from skiploop.reporting.terminal.console import DENSE, make_table, row, say, say_wrapped
from skiploop.stats import numbers


def print_comparison(found: Comparison, console: Console) -> None:
    """What is different, and each figure of both runs with the difference over the same inputs."""
    say(console, f"First: {found.first}\nSecond: {found.second}\n")
    for name, (one, two) in found.settings.items():
        say_wrapped(console, f"{name}: {one} and {two}", bullet="- ")
    left_out = found.only_first + found.only_second
    beside = f"; {numbers.plural(left_out, 'input')} of only one of them left out" if left_out else ""
    say_wrapped(console, f"{numbers.plural(found.inputs, 'input')} in both{beside}")
    console.print()
    console.print(_table(found, dense=console.width < DENSE))
    console.print()
    note = "Second less first over the same inputs; 95 % intervals; p of McNemar's exact test, not corrected."
    say_wrapped(console, note)


def _table(found: Comparison, *, dense: bool) -> Table:
    names = ("first", "second", "difference", "95 %", "p")
    table = make_table([("figure", True), *((name, False) for name in names)], dense=dense)
    for name, figure in found.figures.items():
        table.add_row(*row(name, *_cells(figure)))
    return table


def _cells(figure: ComparedFigure) -> list[str]:
    kind: numbers.Kind = "number" if figure.mcnemar_p is None else "share"
    gap: numbers.Kind = "number" if figure.mcnemar_p is None else "points"
    return [
        numbers.value(figure.first.value, kind),
        numbers.value(figure.second.value, kind),
        numbers.value(figure.difference.value, gap),
        numbers.interval(figure.difference.interval, gap),
        "" if figure.mcnemar_p is None else numbers.value(figure.mcnemar_p, "p"),
    ]
