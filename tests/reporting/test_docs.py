"""What docs/report.md says in Python works as it stands."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from skiploop.studies.search import Study

PAGE = Path(__file__).parents[2] / "docs" / "report.md"


def test_the_python_of_the_docs_works(nano: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(nano.out, tmp_path / "runs" / "nano")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), {"__name__": "docs"})
    assert (tmp_path / "report.html").exists() and len(list((tmp_path / "figures").iterdir())) >= 21
