"""What docs/report.md says in Python works as it stands, and its table has the sections there are."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from skiploop.reporting.sections.order import GROUPS
from skiploop.studies.search import Study

PAGE = Path(__file__).parents[2] / "docs" / "report.md"


def test_the_python_of_the_docs_works(nano: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(nano.out, tmp_path / "runs" / "nano")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        exec(compile(block, str(PAGE), "exec", dont_inherit=True), {"__name__": "docs"})  # as a reader would run it
    assert (tmp_path / "report.html").exists() and len(list((tmp_path / "figures").iterdir())) >= 21


def test_the_table_has_the_groups_and_as_many_sections_as_they_have() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("| section |")[2].partition("\n\n")[0]
    parts = re.split(r"^\| \*\*(.+)\*\* \| \| \|$", table, flags=re.MULTILINE)[1:]
    shown = {
        name: len(re.findall(r"^\| ", rows, re.MULTILINE)) for name, rows in zip(parts[::2], parts[1::2], strict=True)
    }
    of_every_run = 2  # single inputs, and settings, below the last group
    shown[parts[-2]] -= of_every_run
    assert shown == {name: len(functions) for name, functions in GROUPS.items()}
