"""What a full study shows in one or two sentences, and its lists, from the figures of its parts. Sentences are those of
`skiploop.reporting.sentences.controls`, so that a report says what the terminal says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skiploop.reporting import numbers
from skiploop.reporting.run_folder import RunFolder
from skiploop.reporting.sentences.controls import (
    ablation_lines,
    accuracy_lines,
    any_lines,
    beside_search,
    edit_line,
    option_lines,
    peer_lines,
    prior_line,
)


def whole_shows(folder: RunFolder) -> tuple[str, ...]:
    """What the parts beside the search show."""
    parts = folder.figures
    analyses = parts.get("analyses", {})
    lines = [
        *any_lines(parts),
        *(line for line in peer_lines(parts.get("search", {})) if "near the identity" in line),
        *accuracy_lines(parts),
        *(ablation_lines(parts["ablation"]) if "ablation" in parts else ()),
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
    return (
        *(map(numbers.proper, option_lines(folder.figures["options"])) if "options" in folder.figures else ()),
        *([f"Not in this study: {'; '.join(missing)}."] if missing else ()),
    )


def whole_verdict(folder: RunFolder, search: str, shown: bool) -> str:
    """The verdict of the search by itself, `shown` beyond chance or not, with what stands against it and beside it."""
    parts = folder.figures
    found = [search]
    if shown and (against := _against(parts)):
        found.append(f"But {'; and '.join(against)}.")
    if "static" in parts:
        found.append(_static(parts["static"]))
    return " ".join(found)


def _against(parts: dict[str, Any]) -> list[str]:
    """What finds right answers without a search, and isn't shown to find fewer."""
    beside, nearby = beside_search(parts.get("sampling")), parts.get("search", {}).get("nearby_difference")
    intervals = (
        ("samples of the model as it is", None if beside is None else beside["search_minus_any"]["interval"]),
        ("random chains near the identity", None if nearby is None else nearby["interval"]),
    )
    return [_compared(name, interval) for name, interval in intervals if interval is not None and interval[0] <= 0]


def _compared(name: str, interval: Sequence[float]) -> str:
    if interval[1] < 0:
        return f"at the same cost {name} find one for more inputs"
    return f"it isn't shown that {name} find one for fewer inputs"


def _static(figures: dict[str, Any]) -> str:
    row = figures["chosen"]["search"]
    interval = row["difference_interval"]
    if interval is not None and interval[0] > 0:
        return f"One chain for all inputs, {row['notation']}, is more accurate than the model as it is."
    if interval is not None and interval[1] < 0:
        return "The one chain that was chosen for all inputs is less accurate than the model as it is."
    return "No chain was found that is shown to be better than the model as it is when used for all inputs."
