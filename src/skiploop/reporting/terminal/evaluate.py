"""A plain evaluation: every metric with its interval, and a chain beside the identity."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from skiploop.reporting.terminal.console import DENSE, make_table, row, say, say_wrapped
from skiploop.stats import numbers
from skiploop.stats.measured import Measured
from skiploop.studies.evaluate.figures import EvaluateFigures, MetricFigures, Spent
from skiploop.studies.evaluate.study import Evaluated


def print_evaluated(found: Evaluated, console: Console) -> None:
    """The table of metrics, what it cost, and where it is."""
    figures = found.figures
    beside = "" if figures.notation is None else f", identity against {figures.notation} (depth {figures.depth})"
    say_wrapped(console, f"{figures.model} on {figures.task}: {figures.inputs:,} inputs{beside}")
    console.print()
    console.print(_table(figures, dense=console.width < DENSE))
    console.print()
    say(console, f"Identity: {_cost(found.identity_spent)}")
    if found.chain_spent is not None:
        say(console, f"Chain: {_cost(found.chain_spent)}")
    say_wrapped(console, "Intervals: 95 %; differences over the same inputs, p of McNemar's exact test.")
    say(console, f"The evaluation is in {found.out}")


def _table(figures: EvaluateFigures, *, dense: bool) -> Table:
    beside = ("chain", "95 %", "chain less\nidentity", "95 %", "p") if figures.notation is not None else ()
    table = make_table([("metric", True), *((name, False) for name in ("identity", "95 %", *beside))], dense=dense)
    for name, metric in figures.metrics.items():
        table.add_row(*row(name, *_cells(metric)))
    return table


def _cells(metric: MetricFigures) -> list[str]:
    shares = [metric.identity, *([] if metric.chain is None else [metric.chain])]
    cells = [cell for each in shares for cell in _measured(each)]
    if metric.chain is None:
        return cells
    if metric.difference is None:
        return [*cells, "", "", ""]
    gap = metric.difference.difference
    p = numbers.value(metric.difference.mcnemar_p, "p")
    return [*cells, numbers.value(gap.value, "points"), numbers.interval(gap.interval, "points"), p]


def _measured(found: Measured) -> list[str]:
    kind = numbers.share_or_number(found)
    return [numbers.value(found.value, kind), numbers.interval(found.interval, kind)]


def _cost(spent: Spent) -> str:
    return f"{spent.layer_calls:,.0f} layer calls in {spent.seconds:.1f} s"
