"""The recipe of the paper's table: its numbers, its figures from folders, and a small run of it."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from skiploop.errors import InvalidInput

RECIPES = Path(__file__).parents[2] / "recipes"
SCRIPT = RECIPES / "cola_paper.sh"


def load_table() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cola_table", RECIPES / "cola_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cola_table = load_table()


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {"LIMIT": "2", "BUDGET": "3", "TASKS": "nano", "SPACES": "cola", "PYTHON": sys.executable}
    return subprocess.run(
        ["bash", str(SCRIPT), *arguments],
        cwd=cwd,
        env={**os.environ, **settings, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_the_numbers_of_the_paper_are_whole() -> None:
    numbers = cola_table.paper_numbers()
    assert len(numbers) == 6
    for spaces in numbers.values():
        assert set(spaces) == {"original", "skip-only", "loop-only", "cola"}
        for cells in spaces.values():
            assert list(cells) == ["arc-easy", "arc-challenge", *(f"dart-{k}" for k in range(1, 6))]
    instruct = numbers["LLaMA-3-3B instruct"]
    assert instruct["original"]["arc-easy"] == 39.8
    assert instruct["cola"]["dart-5"] == 44.0


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("meta-llama/Llama-3.2-3B-Instruct", "LLaMA-3-3B instruct"),
        ("meta-llama/Meta-Llama-3-8B", "LLaMA-3-8B base"),
        ("allenai/OLMoE-1B-7B-0924-Instruct", "OLMoE-1B-7B instruct"),
        ("meta-llama/Llama-3.1-8B", None),
        ("nano", None),
    ],
)
def test_a_model_is_compared_with_its_own_row_only(name: str, row: str | None) -> None:
    assert cola_table.paper_model(name) == row
    assert row is None or row in cola_table.paper_numbers()


def test_a_wrong_row_and_an_empty_folder_are_explained(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no model 'GPT'; it has LLaMA-3-3B base"):
        list(cola_table.read_cells(tmp_path, None, "GPT"))
    with pytest.raises(InvalidInput, match="holds no studies"):
        list(cola_table.read_cells(tmp_path, None, ""))


def test_without_a_model_it_says_how_to_use_it(tmp_path: Path) -> None:
    done = run(cwd=tmp_path)
    assert done.returncode == 2
    assert "recipes/cola_paper.sh MODEL [OUT]" in done.stderr


@pytest.mark.slow
def test_a_small_run_makes_the_table_and_a_second_one_only_reads(tmp_path: Path) -> None:
    first = run("nano", "out", "--threads", "1", cwd=tmp_path, PAPER_MODEL="OLMoE-1B-7B base")
    assert first.returncode == 0, first.stderr
    assert re.search(r"^nano +cola +2 +- +\S+ \[.*\] +- ", first.stdout, re.MULTILINE)
    assert "oracle: the gold answer chose the chain" in first.stdout
    journal = tmp_path / "out" / "nano" / "cola" / "journal.jsonl"
    settings = json.loads((journal.parent / "run.json").read_text())["settings"]["search"]
    assert settings["budget"] == 3
    assert settings["searcher_settings"]["length_penalty"] == 5
    assert settings["searcher_settings"]["exploration"] == pytest.approx(2**0.5)
    before = journal.read_bytes(), journal.stat().st_mtime_ns
    cells = list(cola_table.read_cells(tmp_path / "out", None, ""))
    assert [cell["space"] for cell in cells] == ["cola"]
    for cell in cells:
        assert cell["complete"]
        low, high = cell["random_oracle_accuracy"]["interval"]
        assert low <= cell["random_oracle_accuracy"]["value"] <= high
        assert cell["base_accuracy"]["value"] <= cell["oracle_accuracy"]["value"]
    again = run("nano", "out", "--threads", "1", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert (journal.read_bytes(), journal.stat().st_mtime_ns) == before


def test_the_papers_number_stands_beside_the_cell_of_its_name(tmp_path: Path) -> None:
    cell = {
        "task": "dart-3", "space": "loop", "inputs": 500, "complete": False, "paper_original": 5.8,
        "paper_oracle": 21.0, "base_accuracy": {"n": 500, "value": 0.05, "interval": [0.03, 0.07]},
        "oracle_accuracy": {"n": 500, "value": 0.2, "interval": [0.17, 0.24]}, "random_oracle_accuracy": None,
        "control_hit_share": {"n": 400, "value": 0.1, "interval": [0.07, 0.13]},
    }  # fmt: skip
    line = cola_table.table([cell])[1]
    expected = [
        "dart-3",
        "loop-only",
        "500 so far",
        "5.8",
        "5.0 [3.0, 7.0]",
        "21.0",
        "20.0 [17.0, 24.0]",
        "-",
        "10.0 [7.0, 13.0] of 400",
    ]
    assert re.split(r"\s{2,}", line) == expected
