"""An ablation: a row for each space, and what the comparison shows."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from skiploop.analysis.ablation import Ablation
from skiploop.analysis.figures.ablation import AblationFigures
from skiploop.reporting.names import SPACE_NAMES
from skiploop.reporting.sentences.ablation import shown
from skiploop.reporting.terminal.console import DENSE, make_table, row, say, say_sentences, say_wrapped
from skiploop.stats import numbers

_LEGEND = (
    "Oracle accuracy and excess (over the control, in points) need the gold answer. The spaces differ in size and "
    "cost: equal evaluations aren't equal layer calls."
)


def print_ablation(found: Ablation, console: Console) -> None:
    """The table, what it says, and where the studies are."""
    figures = found.figures
    say(console, f"{figures.model} on {figures.task}, {numbers.plural(figures.n, 'input')}\n")
    console.print(ablation_table(figures, dense=console.width < DENSE))
    console.print()
    say_wrapped(console, _LEGEND)
    console.print()
    say_sentences(console, list(shown(figures)))
    console.print()
    say(console, f"The studies are in {found.out}")


def ablation_table(figures: AblationFigures, *, dense: bool = False) -> Table:
    """A row for each space; `dense` fits into 80 columns."""
    names = ("oracle\n%", "95 %", "random\nchains %", "excess", "mean best\ndepth", "layer calls")
    table = make_table([("chains", True), *((name, False) for name in names)], dense=dense)
    for name, space in figures.spaces.items():
        random = space.random_oracle_accuracy
        table.add_row(
            *row(
                SPACE_NAMES[name],
                numbers.bare(space.oracle_accuracy.value, "share"),
                numbers.interval(space.oracle_accuracy.interval, "share"),
                numbers.bare(None if random is None else random.value, "share"),
                numbers.value(space.excess.value, "points"),
                numbers.value(space.mean_best_depth, "number"),
                numbers.value(space.layer_calls, "count"),
            )
        )
    return table
