"""Rules side by side: accuracy, what they cost, and how they compare with every opponent."""

from __future__ import annotations

from rich.console import Console

from skiploop.reporting.terminal.console import DENSE, make_table, row, say, say_wrapped
from skiploop.routing.figures import RouteAblation
from skiploop.routing.train import Routed
from skiploop.stats import numbers
from skiploop.stats.measured import Measured

_AGAINST = ("strongest_identity", "identity_features")


def print_routed(found: Routed, console: Console) -> None:
    """The table, what is claimed, and where it is."""
    figures = found.figures
    say_wrapped(console, f"{found.model} on {found.task}: {figures.inputs:,} held-out inputs, {figures.folds} folds")
    console.print()
    columns = ("accuracy", "95 %", "layer\ncalls", "less\nstrongest", "95 %", "less its\nfeatures", "95 %")
    table = make_table([("rule", True), *((name, False) for name in columns)], dense=console.width < DENSE)
    for name, rule in figures.rules.items():
        share = rule.accuracy
        cells = [name, numbers.value(share.value, "share"), numbers.interval(share.interval, "share")]
        cells.append(f"{rule.relative_layer_calls:.2f}")
        for opponent in _AGAINST:
            compared = rule.against.get(opponent)
            gap = None if compared is None else compared.difference
            cells += ["", ""] if gap is None else [
                numbers.value(gap.value, "points"), numbers.interval(gap.interval, "points")
            ]  # fmt: skip
        table.add_row(*row(*cells))
    console.print(table)
    console.print()
    claims = [f"{name} is {rule.claim}" for name, rule in figures.rules.items() if rule.claim]
    say_wrapped(console, f"Claims against every identity: {', '.join(claims) or 'none'}.")
    if figures.permuted_claims is not None:
        wrong = ", ".join(f"{name} ({claim})" for name, claim in figures.permuted_claims.items())
        say_wrapped(console, f"Claims with permuted answers, where there is nothing to find: {wrong or 'none'}.")
    for name, why in figures.left_out.items():
        if " on " not in name:
            say_wrapped(console, f"Left out, {name}: {why}")
    oracle = numbers.value(figures.oracle.value, "share")
    say_wrapped(console, f"Some chain of the menu is right on {oracle} (oracle accuracy, which sees the answer).")
    say_wrapped(console, "Layer calls in passes of the identity; differences paired, 95 %, over the same inputs.")
    say(console, f"Every vote and choice is in {found.file}")


def print_route_ablation(found: RouteAblation, console: Console) -> None:
    """A row for each rule with all it looks at, and one for each part that was taken away."""
    say_wrapped(console, f"{found.inputs:,} held-out inputs, {found.folds} folds")
    console.print()
    columns = ("accuracy", "leaves the\nidentity", "loss", "95 %", "p")
    table = make_table([("rule", True), *((name, False) for name in columns)], dense=console.width < DENSE)
    for name, rule in found.rules.items():
        gain = rule.gain
        table.add_row(*row(name, *_cells(rule.accuracy, rule.left_identity), "", "", ""))
        for what, each in rule.without.items():
            loss = each.loss.difference
            gaps = (numbers.value(loss.value, "points"), numbers.interval(loss.interval, "points"))
            cells = (*_cells(each.accuracy, each.left_identity), *gaps, numbers.value(each.loss.p, "p"))
            table.add_row(*row(f"  without {what}", *cells))
        ends = numbers.interval(gain.difference.interval, "points")
        table.add_row(*row("  less the identity", "", "", numbers.value(gain.difference.value, "points"), ends, ""))
    console.print(table)
    console.print()
    say_wrapped(console, "Loss: accuracy of the rule that sees everything, less that of the one that doesn't, paired.")
    for name, why in found.left_out.items():
        say_wrapped(console, f"Left out, {name}: {why}")


def _cells(accuracy: Measured, left: float) -> tuple[str, str]:
    return numbers.value(accuracy.value, "share"), numbers.value(left, "share")
