"""The page about drawings shows what is drawn."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from skiploop.chains.chain import Chain
from skiploop.chains.drawing import draw_text

PAGE = (Path(__file__).parents[3] / "docs" / "drawing.md").read_text(encoding="utf-8")


def test_the_text_drawing_is_what_comes_out() -> None:
    (notation, layers, shown), *_ = re.findall(
        r'```text\n\$ skiploop draw "(.*)" --layers (\d+)\n(.*?)\n```', PAGE, re.DOTALL
    )
    chain = Chain.parse(notation, int(layers))
    assert shown == f"{draw_text(chain)}\n{chain}, depth {chain.depth}; identity {layers}"


def test_the_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "drawing.md", "exec"), {})
    assert (tmp_path / "chain.svg").exists()
