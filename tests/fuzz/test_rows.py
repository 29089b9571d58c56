"""Damaged rows of a task: refused in one line that names the file, or read as what they say and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from skiploop.models.loading import nano_folder
from skiploop.tasks import Task, make_task
from tests.fuzz.mutations import damaged, documents, text_of
from tests.fuzz.trials import TRIED, few, many, refused

ROWS = [json.loads(line) for line in (Path(nano_folder()) / "test.jsonl").read_text().splitlines()[:6]]
OPTIONS = [
    {"id": f"o{i}", "question": f"Which is {i}?", "choices": [f"{i}", f"{i + 1}", "none"], "answer": "A"}
    for i in range(4)
]
KNOWN = {"id", "prompt", "question", "answer", "choices", "family", "level", "gold"}


def said(row: dict[str, Any], name: str) -> Any:
    value = row.get(name)
    return str(int(value)) if isinstance(value, float) and value.is_integer() else None if value is None else str(value)


def check(task: Task, rows: list[Any]) -> None:
    """Every row is an example, with what its fields say."""
    assert len(task.examples) == len(rows)
    for example, row in zip(task.examples, rows, strict=True):
        if "prompt" in row and row["prompt"] is not None:
            assert example.prompt == row["prompt"]
        else:
            assert row["question"] in example.prompt
        if row.get("choices") is not None:
            assert len(example.choices) == len(row["choices"]) and example.gold is not None
        else:
            assert example.answer == said(row, "answer")


def trial(place: Path, data: bytes) -> None:
    place.write_bytes(data)
    task = refused("rows", lambda: make_task(f"jsonl:{place}"))
    if task is None:
        return
    text = data.decode("utf-8-sig")
    lists = text.lstrip().startswith("[")
    rows = json.loads(text) if lists else [json.loads(line) for line in text.split("\n") if line.strip()]
    check(task, rows)
    TRIED["rows read as what they say"] += 1


def fuzz(wrapped: Callable[[Any], Any], rows: list[dict[str, Any]], place: Path) -> None:
    whole = b"".join(text_of(row) + b"\n" for row in rows)

    @wrapped
    @given(documents(rows))
    def values(drawn: Any) -> None:
        trial(place, b"".join(text_of(row) + b"\n" for row in (drawn if isinstance(drawn, list) else [drawn])))

    @wrapped
    @given(damaged(whole))
    def raw(drawn: bytes) -> None:
        trial(place, drawn)

    values()
    raw()


@pytest.mark.parametrize("rows", [ROWS, OPTIONS], ids=["of nano", "with options"])
def test_damage_is_refused_or_read_as_it_is(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    fuzz(few, rows, tmp_path / "rows.jsonl")


@pytest.mark.slow
@pytest.mark.parametrize("rows", [ROWS, OPTIONS], ids=["of nano", "with options"])
def test_much_damage_is_refused_or_read_as_it_is(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    fuzz(many, rows, tmp_path / "rows.jsonl")
    print(dict(TRIED))
