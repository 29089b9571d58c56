"""What the comparison of skip-only, loop-only and both says."""

from __future__ import annotations

from collections.abc import Iterator

from skiploop.analysis.figures.ablation import AblationFigures, ShareDifference, SpaceDifference
from skiploop.reporting.names import SPACE_NAMES
from skiploop.stats import numbers

_FINDS = {
    "oracle_accuracy": "finds right chains for {} inputs than",
    "corrected": "corrects {} of the inputs that the identity gets wrong than",
    "shorter": "finds shorter right chains for {} of the inputs that the identity gets right than",
}


def shown(figures: AblationFigures) -> Iterator[str]:
    """What is shown of every measure, and whether rounding is in the way."""
    yield from oracle_accuracy(figures)
    for share in figures.shares:
        if share.shown and share.measure != "oracle_accuracy":
            yield _finds(share)
    for gap in figures.excess:
        if gap.shown:
            size = "larger" if _positive(gap) else "smaller"
            yield (
                f"The excess over the control of {_named(gap.first)} is {size} than that of {_named(gap.second)}: "
                f"{numbers.points_of(gap.difference)}."
            )
    if figures.base_differs:
        yield (
            f"The identity's verdict differs between the studies on {numbers.plural(figures.base_differs, 'input')}: "
            "rounding."
        )


def oracle_accuracy(figures: AblationFigures) -> Iterator[str]:
    """The differences in oracle accuracy that are shown, or that there is none."""
    gaps = [each for each in figures.of_oracle_accuracy() if each.shown]
    yield from map(_finds, gaps)
    if not gaps:
        shares = ", ".join(
            f"{SPACE_NAMES[name]} {numbers.share(space.oracle_accuracy.value)}"
            for name, space in figures.spaces.items()
        )
        yield f"No difference in oracle accuracy is shown between the spaces: {shares}."


def _finds(gap: ShareDifference) -> str:
    said = _FINDS[gap.measure].format("more" if _positive(gap) else "fewer")
    return (
        f"At equal evaluations, {_named(gap.first)} {said} {_named(gap.second)}: {numbers.points_of(gap.difference)}."
    )


def _positive(gap: SpaceDifference) -> bool:
    return gap.difference.value is not None and gap.difference.value > 0


def _named(space: str) -> str:
    return f"“{SPACE_NAMES[space]}”"
