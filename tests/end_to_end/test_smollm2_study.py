"""The recipe of the study of SmolLM2, on a few rows and with nano in its place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from skiploop.studies.search import load_study
from skiploop.studies.static.study import load_static

RECIPE = Path(__file__).parents[2] / "recipes" / "smollm2_study.sh"


def rows(path: Path, count: int) -> None:
    letters = "ABCD"
    lines = [
        {
            "id": f"q{i}", "question": f"{i}+1?", "answerKey": letters[i % 4],
            "choices": {"label": list(letters), "text": [str(i + 1 + (k - i) % 4 * 7) for k in range(4)]},
        }
        for i in range(count)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def run(out: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {"MODEL": "nano", "DEPTH": "8", "SHOTS": "1", "SIZE": "tiny", "PYTHON": sys.executable, **environment}
    return subprocess.run(
        ["bash", str(RECIPE), str(out)], env={**os.environ, **settings}, capture_output=True, text=True, timeout=300
    )


@pytest.mark.slow
def test_the_recipe_makes_the_studies_that_it_names(tmp_path: Path) -> None:
    rows(tmp_path / "easy.jsonl", 40)
    file, out = str(tmp_path / "easy.jsonl"), tmp_path / "out"
    done = run(out, ARC_EASY=file, STEPS="static-arc-easy search-arc-easy report")
    assert done.returncode == 0, done.stderr
    static = load_static(out / "static-arc-easy")
    assert static.figures.max_depth == 8 and static.figures.equality is not None
    assert static.figures.swapped is not None and static.wall_clock is not None
    assert load_study(out / "search-arc-easy").figures.searcher == "cola"
    assert (out / "static.html").is_file() and (out / "search.html").is_file()


def test_an_unknown_step_is_refused(tmp_path: Path) -> None:
    done = run(tmp_path / "out", STEPS="static-arc-esay")
    assert done.returncode == 2 and "unknown step static-arc-esay" in done.stderr
