"""A search for one chain for all inputs as an HTML table, for notebooks."""

from __future__ import annotations

from skiploop.stats import numbers
from skiploop.studies.html import gap, page
from skiploop.studies.static.figures import StaticFigures


def static_html(figures: StaticFigures, place: object) -> str:
    """The chosen chains of a search for one chain for all inputs."""
    head = f"{figures.model} on {figures.task}: one chain for all inputs, {figures.searcher}, space {figures.space}"
    rows = [
        (name, [chosen.title, str(chosen.depth), numbers.share_of(chosen.test), gap(chosen.minus_identity)])
        for name, chosen in figures.chosen.items()
    ]
    columns = ("chosen by", "chain", "depth", f"right of {figures.test_inputs:,} test inputs", "less identity")
    return page(head, columns, rows, (f"{place}",))
