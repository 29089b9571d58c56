"""What stands beside the code says the same as the code."""

from __future__ import annotations

import re
from pathlib import Path

import skiploop
from skiploop.chains.drawing import draw_svg
from skiploop.chains.from_svg import read_svg

ROOT = Path(__file__).parents[2]


def test_the_citation_names_this_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.*)$", citation, re.MULTILINE) == [skiploop.__version__]


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) < 700


def test_the_picture_is_what_skiploop_draws() -> None:
    picture = (ROOT / "docs" / "images" / "chain.svg").read_text(encoding="utf-8")
    chain = read_svg(picture)
    assert picture == draw_svg(chain)
    assert chain.skipped and chain.looped
