"""What a full study shows in one or two sentences, and its lists, from the figures of its parts. Sentences are those of
`skiploop.reporting.sentences.controls`, so that a report says what the terminal says."""

from __future__ import annotations

from collections.abc import Sequence

from skiploop.reporting import numbers
from skiploop.reporting.run_folder import RunFolder
from skiploop.reporting.sentences.controls import (
    ablation_lines,
    accuracy_lines,
    any_lines,
    edit_line,
    option_lines,
    peer_lines,
    prior_line,
)
from skiploop.studies.full_record import PartFigures
from skiploop.studies.static.figures import StaticFigures


def whole_shows(folder: RunFolder) -> tuple[str, ...]:
    """What the parts beside the search show."""
    parts = folder.figures
    analyses = parts.analyses or {}
    peers = () if parts.search is None else peer_lines(parts.search)
    lines = [
        *any_lines(parts),
        *(line for line in peers if "near the identity" in line),
        *accuracy_lines(parts),
        *(() if parts.ablation is None else ablation_lines(parts.ablation)),
        *([edit_line(analyses["edits"])] if "edits" in analyses else ()),
        *([prior_line(analyses["similarity"])] if "similarity" in analyses else ()),
    ]
    return tuple(map(numbers.proper, lines))


def whole_limits(folder: RunFolder) -> tuple[str, ...]:
    """What becomes of answers when options move, and which parts aren't there."""
    missing = [
        f"{line['title']} ({line['status']}{': ' + line['reason'] if 'reason' in line else ''})"
        for name, line in folder.parts.items()
        if line["status"] != "complete" and name != "report"
    ]
    options = folder.figures.options
    return (
        *(() if options is None else map(numbers.proper, option_lines(options))),
        *([f"Not in this study: {'; '.join(missing)}."] if missing else ()),
    )


def whole_verdict(folder: RunFolder, search: str, shown: bool) -> str:
    """The verdict of the search by itself, `shown` beyond chance or not, with what stands against it and beside it."""
    parts = folder.figures
    found = [search]
    if shown and (against := _against(parts)):
        found.append(f"But {'; and '.join(against)}.")
    if parts.static is not None:
        found.append(_static(parts.static))
    return " ".join(found)


def _against(parts: PartFigures) -> list[str]:
    """What finds right answers without a search, and isn't shown to find fewer."""
    beside = None if parts.sampling is None else parts.sampling.beside_search
    nearby = None if parts.search is None else parts.search.peers.get("nearby")
    intervals = (
        ("samples of the model as it is", None if beside is None else beside.search_minus_any.difference.interval),
        ("random chains near the identity", None if nearby is None else nearby.difference.difference.interval),
    )
    return [_compared(name, interval) for name, interval in intervals if interval is not None and interval[0] <= 0]


def _compared(name: str, interval: Sequence[float]) -> str:
    if interval[1] < 0:
        return f"at the same cost {name} find one for more inputs"
    return f"it isn't shown that {name} find one for fewer inputs"


def _static(figures: StaticFigures) -> str:
    row = figures.chosen["search"]
    interval = None if row.minus_identity is None else row.minus_identity.difference.interval
    if interval is not None and interval[0] > 0:
        return f"One chain for all inputs, {row.notation}, is more accurate than the model as it is."
    if interval is not None and interval[1] < 0:
        return "The one chain that was chosen for all inputs is less accurate than the model as it is."
    return "No chain was found that is shown to be better than the model as it is when used for all inputs."
