"""Modules, names and files that the documentation mentions exist."""

from __future__ import annotations

import configparser
import re
from dataclasses import fields, is_dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from skiploop.stats.measured import Measured
from skiploop.studies.figures import SearchFigures

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
PLACES = [ROOT, ROOT / "src" / "skiploop", ROOT / "tests" / "conformance"]


def exists(dotted: str) -> bool:
    """Whether a dotted name is a module, or can be reached from one."""
    parts = dotted.split(".")
    length = next(n for n in range(len(parts), 0, -1) if _is_module(parts[:n]))
    value = import_module(".".join(parts[:length]))
    for name in parts[length:]:
        if not hasattr(value, name):
            return False
        value = getattr(value, name)
    return True


def _is_module(parts: list[str]) -> bool:
    try:
        return find_spec(".".join(parts)) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_names_and_files_in_the_text_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    names = sorted(set(re.findall(r"(?<![\w/.-])skiploop(?:\.[A-Za-z_]\w*)+", text)))
    assert [name for name in names if not exists(name)] == []
    files = sorted(set(re.findall(r"`((?:\w+/)*\w+\.(?:py|sh))`", text)))
    assert [file for file in files if not any((place / file).exists() for place in PLACES)] == []


def test_the_architecture_page_has_the_layers_of_the_contract() -> None:
    contract = configparser.ConfigParser()
    contract.read(ROOT / ".importlinter")
    lines = contract["importlinter:contract:layers"]["layers"].split("\n")
    layers = [sorted(re.findall(r"(?<!\()skiploop\.(\w+)", line)) for line in lines if line.strip()]
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    block = page.partition("## What may import what")[2].split("```")[1].removeprefix("text\n")
    shown = [sorted(re.findall(r"\w+", line)) for line in block.strip().splitlines()]
    assert shown == layers


@pytest.mark.parametrize("package", ["skiploop", "skiploop.searchers", "skiploop.tasks"])
def test_the_api_page_has_every_public_name_once(package: str) -> None:
    page = (ROOT / "docs" / "api" / f"{package.rpartition('.')[2]}.md").read_text(encoding="utf-8")
    public = set(import_module(package).__all__) - {"__version__"}
    assert sorted(re.findall(rf"^::: {package}\.(\w+)$", page, re.MULTILINE)) == sorted(public)


def test_a_name_that_is_gone_is_noticed() -> None:
    assert exists("skiploop.chains.chain.Chain.parse")
    assert not exists("skiploop.chains.gone")
    assert not exists("skiploop.Chain.gone")


def test_numbers_defines_every_figure_of_a_search() -> None:
    page = (ROOT / "docs" / "numbers.md").read_text(encoding="utf-8")
    spelt = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", page))))
    assert names_of(SearchFigures) - spelt == set()


def names_of(kind: Any) -> set[str]:
    """Fields of a dataclass, and of the dataclasses in them; a value with its interval counts as one figure."""
    if not is_dataclass(kind) or kind is Measured:
        return {name for each in get_args(kind) for name in names_of(each)}
    hints = get_type_hints(kind)
    return {field.name for field in fields(kind)} | {name for hint in hints.values() for name in names_of(hint)}
