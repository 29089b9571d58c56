"""Rows from the hub. None of this could be run where it was written, which had no network; see docs/tasks.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from skiploop.errors import InvalidInput
from skiploop.tasks.sources.formats import FORMATS
from skiploop.tasks.sources.rows import Row, hub_rows

# DART-Math has the statistics of a query and its text in different places. Both pools are over training splits.
DART_POOLS = ("hkust-nlp/dart-math-pool-math", "hkust-nlp/dart-math-pool-gsm8k")
_QUERY_INFO = "-query-info"
_QUERY_FIELDS = ["query_id", "query", "gt_ans", "domain"]


def hub_source(name: str, split: str | None) -> tuple[list[Row], str]:
    """The rows of a task's data set on the hub, and what they are called."""
    if name.startswith("dart"):
        return _dart_rows(name, split)
    hub = FORMATS[name].hub
    assert hub is not None, "every format without a path but nano has a hub name"
    split = split or hub.default_split
    _check_split(name, hub.repository, split, hub.splits)
    rows: list[Row] = []
    for config in hub.configs:
        part = f"{config}, {split}" if len(hub.configs) > 1 else split
        rows += hub_rows(_load(name, hub.repository, config, split), f"{hub.repository} ({part})")
    return rows, f"{hub.repository} ({split})"


def _dart_rows(name: str, split: str | None) -> tuple[list[Row], str]:
    """Each query once, with its fail rate: the pools hold thousands of responses to one query."""
    split = split or "train"
    _check_split(name, " + ".join(DART_POOLS), split, ("train",))
    rows: list[Row] = []
    for pool in DART_POOLS:
        info = hub_rows(_load(name, pool + _QUERY_INFO, None, split), f"{pool}{_QUERY_INFO} ({split})")
        rates = {row.plain("query_id"): row.get("pass_rate") for row in info}
        responses = _load(name, pool, None, split)
        seen: dict[str, Mapping[str, Any]] = {}
        for record in responses.select_columns(_QUERY_FIELDS):
            seen.setdefault(record["query_id"], record)
        joined = ({**record, "pass_rate": rates[key]} for key, record in seen.items() if key in rates)
        rows += hub_rows(joined, f"{pool} ({split})")
    return rows, f"{' + '.join(DART_POOLS)} ({split})"


def _check_split(name: str, repository: str, split: str, splits: Iterable[str]) -> None:
    if split not in splits:
        raise InvalidInput(f"The task {name!r} has no split {split!r}; {repository} has {', '.join(splits)}.")


def _load(name: str, repository: str, config: str | None, split: str) -> Any:
    local = f"pass a local JSON or JSONL file of that format: {name}:PATH"
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise InvalidInput(
            f"The task {name!r} comes from the hub and needs `pip install skiploop[hub]`; or {local}."
        ) from error
    try:
        return load_dataset(repository, config, split=split)
    except Exception as error:  # offline, a proxy, a moved dataset: datasets raises a dozen unrelated types
        raise InvalidInput(
            f"{repository} couldn't be loaded from the hub ({type(error).__name__}: {error}). Without network {local}."
        ) from error
