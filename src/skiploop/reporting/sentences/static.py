"""What a study of one chain for all inputs shows."""

from __future__ import annotations

from collections.abc import Iterator

from skiploop.reporting.names import STATIC_NAMES
from skiploop.stats import numbers
from skiploop.stats.measured import Measured
from skiploop.studies.static.calibration import HALF
from skiploop.studies.static.figures import ChosenChain, StaticFigures
from skiploop.studies.static.wall_clock import WallClock


def conclusion(figures: StaticFigures) -> str:
    """Is the chain of the search more accurate than the identity?"""
    row, identity = figures.chosen["search"], figures.chosen["identity"]
    if row.minus_identity is None:
        return (
            f"No static chain was found: none of the {figures.chains['search']:,} chains tried is better than the "
            "identity on training inputs."
        )
    calls = f"at {row.depth} layer calls instead of {identity.depth}"
    return compared(f"The static chain {row.title}", "the identity", row.minus_identity.difference, calls)


def equal_accuracy(figures: StaticFigures) -> Iterator[str]:
    """Is a cheaper chain as accurate as the identity, within the margin? Nothing where no margin was set."""
    equality = figures.equality
    if equality is None:
        return
    margin = f"{100 * equality.margin:g} points"
    name = "cheapest" if "cheapest" in figures.chosen else "search"
    row, depth = figures.chosen[name], figures.chosen["identity"].depth
    if name == "search":
        yield f"No chain that was tried is within {margin} of the identity on training inputs."
    if row.minus_identity is None:
        yield f"No chain of fewer layer calls was within {margin} of the identity on training inputs."
        return
    found, gap = equality.chains[name], row.minus_identity.difference
    of = f"the chain {row.title} of {numbers.plural(row.depth, 'layer call')} instead of {depth}"
    if found.outcome == "shown":
        yield f"Equal accuracy within {margin} is shown for {of}: {numbers.points_of(gap)} on test inputs."
    elif found.outcome == "refuted":
        yield f"Equal accuracy within {margin} is refuted for {of}: it loses more, {numbers.points_of(gap)}."
    else:
        yield (
            f"Equal accuracy within {margin} is not shown for {of}: {numbers.points_of(gap)} on "
            f"{numbers.plural(figures.test_inputs, 'test input')}, which leaves a loss of up to "
            f"{100 * found.most_lost:.1f} points possible."
        )


def on_other_inputs(figures: StaticFigures) -> Iterator[str]:
    """Does the choice depend on the inputs that it was made on? Nothing where that wasn't tried."""
    swapped = figures.swapped
    if swapped is None:
        return
    of = "of the same task" if swapped.source == HALF else f"of {swapped.task}"
    where = f"The same search on {numbers.plural(swapped.inputs, 'other input')} {of}"
    if swapped.search_minus_swapped is None:
        yield f"{where} chose the same chain."
        return
    gap = swapped.search_minus_swapped.difference
    yield (
        f"{where} chose {figures.chosen['swapped'].title}; the chain of the training inputs less this one, on the "
        f"same test inputs: {numbers.points_of(gap)}."
    )


def curve_line(figures: StaticFigures) -> str:
    """Layer calls and test accuracy of the chains of the curve, in a line; empty without one."""
    points = [f"{each.chosen.depth}: {numbers.share(each.chosen.test.value)}" for each in figures.curve]
    return f"Layer calls and test accuracy, chosen for each depth: {', '.join(points)}." if points else ""


def seconds(clock: WallClock) -> Iterator[str]:
    """What the chosen chains take beside the identity."""
    for name, each in clock.chains.items():
        if name != "identity" and each.calls_ratio != 1:
            yield (
                f"Chosen by {STATIC_NAMES.get(name, name)}: {numbers.figure_of(each.ratio)} of the identity's seconds, "
                f"{each.calls_ratio:.2f} of its layer calls, on {numbers.plural(clock.inputs, 'test input')} alone."
            )


def compared(first: str, second: str, gap: Measured, cost: str = "") -> str:
    """Two accuracies on test inputs, and what the first costs."""
    low, high = numbers.ends(gap)
    if low > 0:
        said = f"{first} is more accurate than {second} on test inputs"
    elif high < 0:
        said = f"{first} is less accurate than {second} on test inputs"
    else:
        said = f"{first} isn't shown to differ in accuracy from {second} on test inputs"
    return f"{said}{', ' if cost else ''}{cost}: {numbers.points_of(gap)}."


def shows(figures: StaticFigures) -> Iterator[str]:
    """The identity, and the chain of each way to choose one."""
    yield (
        f"The identity has an accuracy of {numbers.share_of(figures.chosen['identity'].test)} on "
        f"{numbers.plural(figures.test_inputs, 'test input')}."
    )
    yield from equal_accuracy(figures)
    for name, row in figures.chosen.items():
        if name != "identity":
            yield _chosen(STATIC_NAMES.get(name, name), row)
    yield from on_other_inputs(figures)


def limits(figures: StaticFigures) -> tuple[str, ...]:
    """What these accuracies don't say."""
    return (
        "These are accuracies: using such a chain takes no gold answer, and it was chosen on other inputs.",
        f"The choice was made on {numbers.plural(figures.train_inputs, 'training input')}; with few of them a better "
        "chain may be missed and a worse one taken.",
        "Several chains are tested on the same inputs, and p isn't corrected for that.",
        "Whether the chain carries over to another task or another prompt was not tested.",
    )


def _chosen(name: str, row: ChosenChain) -> str:
    if row.minus_identity is None:
        return f"Chosen by {name}: the identity itself."
    difference, p = row.minus_identity.difference, row.minus_identity.mcnemar_p
    return (
        f"Chosen by {name}: {row.title}, test accuracy {numbers.share(row.test.value)}, "
        f"{numbers.points_of(difference)} less the identity, {numbers.p_value(p)}."
    )
