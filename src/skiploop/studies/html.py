"""Studies as small HTML tables, which a notebook shows in place of their `repr`. All text in them is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from skiploop.stats import numbers
from skiploop.stats.measured import Measured
from skiploop.storage.foreign_text import shown
from skiploop.studies.figures import SearchFigures
from skiploop.studies.paired import PairedDifference

Row = tuple[str, Sequence[str]]
"""What a row is called, and its cells."""


def search_html(figures: SearchFigures, place: object) -> str:
    """Accuracy, oracle accuracies and the control of a search."""
    state = "" if figures.complete else ", not complete"
    budget = f"{figures.budget}" if figures.shared is None else f"{figures.shared.total_budget:,} of all inputs"
    head = f"{figures.model} on {figures.task}: {figures.searcher}, space {figures.space}, budget {budget}{state}"
    oracle = {"search": figures.oracle_accuracy}
    oracle |= {f"{name} chains": peer.oracle_accuracy for name, peer in figures.peers.items()}
    rows: list[Row] = [("accuracy of the identity", [numbers.share_of(figures.base_accuracy)])]
    rows += [
        (f"accuracy by {name}", [numbers.share_of(found)])
        for name, found in figures.base_by_metric.items()
        if name != figures.metric
    ]
    rows += [(f"oracle accuracy, {name}", [numbers.share_of(found)]) for name, found in oracle.items()]
    if figures.control.inputs:
        rows.append(("excess over the control", [numbers.points_of(figures.control.excess)]))
    note = "An oracle accuracy isn't an accuracy: it takes the gold answer to pick the chain."
    return page(head, ("", f"{figures.inputs:,} inputs"), rows, (note, f"{place}"))


def page(head: str, columns: Sequence[str], rows: Sequence[Row], notes: Sequence[str]) -> str:
    """A heading, a table, and lines below it."""
    lines = [f"<p><b>{safe(head)}</b></p>", "<table>", _line(columns, "th")]
    lines += [_line((name, *cells), "td") for name, cells in rows]
    return "\n".join([*lines, "</table>", *(f"<p>{safe(note)}</p>" for note in notes)])


def _line(cells: Sequence[str], kind: str) -> str:
    return f"<tr>{''.join(f'<{kind}>{safe(cell)}</{kind}>' for cell in cells)}</tr>"


def safe(text: object) -> str:
    """Escaped, and what isn't seen but acts (turns the direction of text, say) as its code."""
    return escape(shown(str(text)))


def gap(found: PairedDifference | None) -> str:
    """A paired difference, nothing for None."""
    return "" if found is None else numbers.points_of(found.difference)


def figure(found: Measured | None) -> str:
    """A share as such; other numbers (a perplexity, say) as they are; nothing for None."""
    if found is None:
        return ""
    return numbers.share_of(found) if numbers.share_or_number(found) == "share" else numbers.figure_of(found)
