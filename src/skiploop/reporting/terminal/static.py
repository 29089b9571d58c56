"""A study of one chain for all inputs."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from skiploop.reporting.names import STATIC_NAMES
from skiploop.reporting.sentences import static
from skiploop.reporting.terminal.console import DENSE, make_table, row, say, say_sentences, say_wrapped
from skiploop.stats import numbers
from skiploop.studies.static.figures import ChosenChain, StaticFigures
from skiploop.studies.static.study import StaticStudy


def print_static(study: StaticStudy, console: Console) -> None:
    """One row for each way to choose a static chain, the curve, what it comes to, and where the study is."""
    figures = study.figures
    how = f"one chain for all inputs, searcher {figures.searcher}, space {figures.space}"
    say_wrapped(console, f"{figures.model} on {figures.task}: {how}")
    console.print()
    console.print(static_table(figures, dense=console.width < DENSE))
    console.print()
    split = f"Train: the {figures.train_inputs:,} inputs on which chains were chosen, so these figures are too good."
    say_wrapped(console, f"{split} Test: {figures.test_inputs:,} other inputs, with 95 % intervals.")
    console.print()
    if figures.curve:
        say_wrapped(console, static.curve_line(figures))
        console.print()
    clock = () if study.wall_clock is None else static.seconds(study.wall_clock)
    say_sentences(
        console, [static.conclusion(figures), *static.equal_accuracy(figures), *static.on_other_inputs(figures), *clock]
    )
    say(console, f"\nThe study is in {study.out}")


def static_table(figures: StaticFigures, *, dense: bool = False) -> Table:
    """Accuracies of the chosen chains, and their differences to the identity."""
    texts, counts = ("chosen by", "chain"), ("depth", "train %", "test %", "95 %", "less\nidentity", "95 %", "p")
    table = make_table([*((name, True) for name in texts), *((name, False) for name in counts)], dense=dense)
    for name, chosen in figures.chosen.items():
        table.add_row(*row(STATIC_NAMES.get(name, name), *_cells(chosen)))
    return table


def _cells(chosen: ChosenChain) -> list[str]:
    cells = [
        chosen.title,
        str(chosen.depth),
        numbers.bare(chosen.train, "share"),
        numbers.bare(chosen.test.value, "share"),
        numbers.interval(chosen.test.interval, "share"),
    ]
    minus = chosen.minus_identity
    if minus is None:
        return [*cells, "", "", ""]
    gap = minus.difference
    return [
        *cells,
        numbers.value(gap.value, "points"),
        numbers.interval(gap.interval, "points"),
        numbers.value(minus.mcnemar_p, "p"),
    ]
