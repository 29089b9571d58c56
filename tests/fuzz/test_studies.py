"""Damaged files of a study: refused in one line, harmless, or of a study under way and known to be past checking.

A finished study shows its own figures or none. While one is under way `show` can't know another reward or chain from
the one that was written; resuming it notices every other chain, and no other reward.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from skiploop.studies.execution import Execution
from skiploop.studies.search import load_study, search
from skiploop.testing.fakes import FakeModel, FakeRunner, fake_task, options
from tests.fuzz.mutations import damaged, documents, text_of
from tests.fuzz.trials import TRIED, few, many, refused

FILES = ("run.json", "inputs.jsonl", "journal.jsonl", "verified.jsonl", "summary.json", "timing.json")
UNKNOWABLE = ("journal.jsonl", "verified.jsonl")


def again(place: Path) -> dict[str, Any]:
    study = search(FakeModel(), fake_task(6), out=place, execution=Execution(FakeRunner()), **options(budget=8))
    return study.to_json() | {"seconds": 0}


def shown(place: Path) -> dict[str, Any]:
    return load_study(place).to_json() | {"seconds": 0}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("study") / "finished"
    again(place)
    shutil.copytree(place, place.with_name("running"))
    (place.with_name("running") / "summary.json").unlink()
    return place


def trial(whole: Path, file: str, data: bytes, read: Callable[[Path], dict[str, Any]]) -> None:
    place = whole.with_name("tried")
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(whole, place)
    (place / file).write_bytes(data)
    what = f"{file} {whole.name} {'resumed' if read is again else 'shown'}"
    found = refused(what, lambda: read(place))
    if found is None:
        return
    expected = _known(whole, read)
    TRIED[f"{what} {'harmless' if found == expected else 'other figures'}"] += 1
    assert found == expected or (whole.name == "running" and file in UNKNOWABLE), f"{what}: other figures"


_KNOWN: dict[tuple[Path, Any], dict[str, Any]] = {}


def _known(whole: Path, read: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    if (whole, read) not in _KNOWN:
        copy = whole.with_name("known")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(whole, copy)
        _KNOWN[whole, read] = read(copy) | {"out": str(whole.with_name("tried"))}
    return _KNOWN[whole, read]


def fuzz(wrapped: Callable[[Any], Any], whole: Path, file: str) -> None:
    data = (whole / file).read_bytes()
    lines = json.loads(data) if file.endswith(".json") else [json.loads(line) for line in data.splitlines()]

    @wrapped
    @given(documents(lines))
    def values(drawn: Any) -> None:
        text = text_of(drawn) if file.endswith(".json") else b"".join(text_of(line) + b"\n" for line in _list(drawn))
        for read in (shown, again):
            trial(whole, file, text, read)

    @wrapped
    @given(damaged(data))
    def raw(drawn: bytes) -> None:
        for read in (shown, again):
            trial(whole, file, drawn, read)

    values()
    raw()


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


CASES = [(state, file) for state in ("finished", "running") for file in FILES if (state, file) != ("running", FILES[4])]


@pytest.mark.parametrize("state, file", CASES)
def test_damage_is_refused_or_harmless(state: str, file: str, finished: Path) -> None:
    fuzz(few, finished.with_name(state), file)


@pytest.mark.slow
@pytest.mark.parametrize("state, file", CASES)
def test_much_damage_is_refused_or_harmless(state: str, file: str, finished: Path) -> None:
    fuzz(many, finished.with_name(state), file)
    print({what: count for what, count in TRIED.items() if what.startswith(f"{file} {state}")})
