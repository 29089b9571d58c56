"""The page about searchers: its code runs, and its table has what there is."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from skiploop.searchers import SEARCHERS

PAGE = (Path(__file__).parents[2] / "docs" / "choosing_a_searcher.md").read_text(encoding="utf-8")
CODE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_example_finds_a_best_chain(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(CODE[0], "choosing_a_searcher.md", "exec"), {})
    assert capsys.readouterr().out.split()[-1] == "0", "nothing is better"


def test_the_example_of_a_contract_is_a_test_that_passes() -> None:
    names: dict[str, type] = {}
    exec(compile(CODE[1], "choosing_a_searcher.md", "exec"), names)
    mine = names["TestMine"]()
    tests = [name for name in dir(mine) if name.startswith("test_")]
    assert len(tests) > 12
    for name in tests:
        getattr(mine, name)()


@pytest.mark.parametrize("name", ["random", "nearby", "exhaustive", "cola", "puct", "pareto", "beam", "evolution"])
def test_the_table_names_the_settings(name: str) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |")]
    for field in fields(SEARCHERS[name].settings_type):
        assert f"`{field.name}`" in row or "as `cola`" in row, field.name
