"""What a study of one chain for all inputs shows."""

from __future__ import annotations

from collections.abc import Iterator

from skiploop.reporting import numbers
from skiploop.reporting.names import STATIC_NAMES
from skiploop.stats.measured import Measured
from skiploop.studies.static.figures import ChosenChain, StaticFigures


def verdict(figures: StaticFigures) -> str:
    """Is the chain of the search more accurate than the identity?"""
    row, identity = figures.chosen["search"], figures.chosen["identity"]
    if row.minus_identity is None:
        return (
            f"No static chain was found: none of the {figures.chains['search']:,} chains tried is better than the "
            "identity on training inputs."
        )
    calls = f"at {row.depth} layer calls instead of {identity.depth}"
    return compared(f"The static chain {row.notation}", "the identity", row.minus_identity.difference, calls)


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
    for name, row in figures.chosen.items():
        if name != "identity":
            yield _chosen(STATIC_NAMES.get(name, name), row)


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
        f"Chosen by {name}: {row.notation}, test accuracy {numbers.share(row.test.value)}, "
        f"{numbers.points_of(difference)} less the identity, {numbers.p_value(p)}."
    )
