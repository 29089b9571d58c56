"""What docs/report.md says in Python works as it stands, and its table has the sections there are."""

from __future__ import annotations

import re
from pathlib import Path

from skiploop.reporting.sections.order import GROUPS
from tests.reporting.conftest import DOCS


def test_the_python_of_the_docs_works(documented: Path, nano_page: str) -> None:
    assert (documented / "report.html").read_text(encoding="utf-8") == nano_page
    assert len(list((documented / "figures").iterdir())) >= 21


def test_the_table_has_the_groups_and_as_many_sections_as_they_have() -> None:
    table = DOCS.read_text(encoding="utf-8").partition("| section |")[2].partition("\n\n")[0]
    parts = re.split(r"^\| \*\*(.+)\*\* \| \| \|$", table, flags=re.MULTILINE)[1:]
    shown = {
        name: len(re.findall(r"^\| ", rows, re.MULTILINE)) for name, rows in zip(parts[::2], parts[1::2], strict=True)
    }
    of_every_run = 2  # single inputs, and settings, below the last group
    shown[parts[-2]] -= of_every_run
    assert shown == {name: len(functions) for name, functions in GROUPS.items()}
