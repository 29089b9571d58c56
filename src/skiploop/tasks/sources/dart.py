"""DART-Math's difficulty: a query's fail rate, cut into five levels.

The fail rate is the share of wrong answers among those that DeepSeekMath-7B-RL gave to a query (arXiv 2407.13690). It
is a number in [0, 1]; levels aren't part of that data, and how 2507.07996 cut theirs isn't published. Here level 1 is
the fifth of the queries with the lowest fail rates, level 5 that with the highest (equal rates in the order of their
ids, so that the fifths are equal in size), or the levels are cut at four given fail rates.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from skiploop.errors import InvalidInput
from skiploop.tasks.example import Example
from skiploop.tasks.sample import fold
from skiploop.tasks.sources.rows import Row, parse_text, read_text

LEVELS = 5
_KEYS = ("id", "query_id", "unique_id", "question", "query", "problem")
_RATES = "fail_rate or pass_rate"


def row_rate(row: Row) -> float | None:
    """The fail rate that a row has itself, as `fail_rate` or as `pass_rate` (1 less the fail rate)."""
    if row.has("fail_rate"):
        return _rate(row, row.get("fail_rate"))
    return 1 - _rate(row, row.get("pass_rate")) if row.has("pass_rate") else None


def read_difficulty(path: Path) -> dict[str, float]:
    """A difficulty map: by id or question (case and white space aside), the fail rate.

    JSON: one object {id or question: fail rate}. JSON list, JSONL or CSV: records with `id` or `question` (both if you
    like) and `fail_rate` or `pass_rate`.
    """
    text = read_text(path)
    rows = _csv_rows(text, path.name) if path.suffix == ".csv" else _mapping(text, path.name)
    if rows is None:
        rows = parse_text(text, path.name)
    rates: dict[str, float] = {}
    for row in rows:
        rate = row_rate(row)
        if rate is None:
            row.fail(f"missing field {_RATES}; fields found: {', '.join(map(repr, row.fields)) or 'none'}.")
        keys = [fold(row.plain(name)) for name in _KEYS if row.has(name)]
        if not keys:
            row.fail(f"missing field {' or '.join(_KEYS)}; fields found: {', '.join(map(repr, row.fields))}.")
        for key in keys:
            if rates.setdefault(key, rate) != rate:
                row.fail(f"{key[:60]!r} has two fail rates, {rates[key]} and {rate}.")
    return rates


def difficulties(
    examples: Sequence[Example], own: Sequence[float | None], rates: dict[str, float], name: str
) -> list[float]:
    """The fail rate of each example: from the map by id, then by question, else the row's own."""
    found = [
        rates.get(fold(example.id), rates.get(fold(example.question), mine))
        for example, mine in zip(examples, own, strict=True)
    ]
    lacking = [example for example, rate in zip(examples, found, strict=True) if rate is None]
    if lacking:
        raise InvalidInput(
            f"{len(lacking)} of {len(examples)} questions of the task {name!r} have no difficulty, the first is "
            f"{lacking[0].id!r} ({lacking[0].question[:60]!r}). Give a map from id or question to fail rate with "
            "--difficulty FILE (JSON, JSONL or CSV, see docs/tasks.md), or leave these questions out of the file."
        )
    return [rate for rate in found if rate is not None]


def check_cuts(cuts: Sequence[float]) -> None:
    """Raise InvalidInput unless these are four ascending fail rates."""
    if len(cuts) != LEVELS - 1 or any(not 0 < cut < 1 for cut in cuts) or list(cuts) != sorted(set(cuts)):
        raise InvalidInput(
            f"The difficulty cuts are {list(cuts)}; they must be {LEVELS - 1} ascending fail rates between 0 and 1, "
            "for instance 0.2,0.4,0.6,0.8."
        )


def with_levels(
    examples: Sequence[Example], rates: Sequence[float], cuts: Sequence[float] | None
) -> tuple[list[Example], dict[str, Any]]:
    """The examples with their levels, and how those were cut, for the task's description."""
    if cuts is not None:
        levels = [1 + sum(rate >= cut for cut in cuts) for rate in rates]
    else:
        order = sorted(range(len(examples)), key=lambda i: (rates[i], examples[i].id))
        levels = [0] * len(examples)
        for place, index in enumerate(order):
            levels[index] = 1 + place * LEVELS // len(examples)
    ranges = {}
    for level in sorted(set(levels)):
        own = [rate for rate, each in zip(rates, levels, strict=True) if each == level]
        ranges[str(level)] = {"inputs": len(own), "fail_rate": [min(own), max(own)]}
    how = "fifths by rank of fail rate" if cuts is None else f"fail rates cut at {', '.join(map(str, cuts))}"
    leveled = [replace(example, level=level) for example, level in zip(examples, levels, strict=True)]
    return leveled, {"levels": how, "level_ranges": ranges}


def _rate(row: Row, value: Any) -> float:
    try:
        rate = float(value)
    except (TypeError, ValueError):
        rate = -1.0
    if isinstance(value, bool) or not 0 <= rate <= 1:
        row.fail(f"a fail or pass rate must be a number from 0 to 1, found {value!r}.")
    return rate


def _csv_rows(text: str, name: str) -> list[Row]:
    records = list(csv.DictReader(io.StringIO(text)))
    if not records:
        raise InvalidInput(f"The file {name!r} has no rows below its header.")
    cleaned = [{str(key): value for key, value in record.items() if value} for record in records]
    return [Row(f"{name}, row {number}", record) for number, record in enumerate(cleaned, 1)]


def _mapping(text: str, name: str) -> list[Row] | None:
    """One JSON object from id or question to fail rate; None where the file is something else."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or not content or "fail_rate" in content or "pass_rate" in content:
        return None
    return [Row(f"{name}, {key[:60]!r}", {"question": key, "fail_rate": rate}) for key, rate in content.items()]
