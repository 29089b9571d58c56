"""An evaluation as an HTML table, for notebooks."""

from __future__ import annotations

from skiploop.studies.evaluate.figures import EvaluateFigures
from skiploop.studies.html import figure, gap, page


def evaluate_html(figures: EvaluateFigures, place: object) -> str:
    """Every metric of an evaluation."""
    beside = "" if figures.notation is None else f", and the chain {figures.notation}"
    rows = [
        (name, [figure(found.identity), figure(found.chain), gap(found.difference)])
        for name, found in figures.metrics.items()
    ]
    head = f"{figures.model} on {figures.task}: {figures.inputs:,} inputs{beside}"
    return page(head, ("metric", "identity", "chain", "chain less identity"), rows, (f"{place}",))
