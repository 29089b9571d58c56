"""The tutorial, from top to bottom in one folder: its files, its commands, its code, as they stand there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from skiploop.cli.main import app
from skiploop.searchers import SEARCHERS, RandomSearcher

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCK = r"^<!-- (test|file: (?P<file>\S+)) -->\n```(?P<kind>\w+)\n(?P<text>.*?)^```"
BLOCKS = list(re.finditer(BLOCK, TEXT, re.DOTALL | re.MULTILINE))


def commands(text: str) -> list[list[str]]:
    return [shlex.split(line, comments=True) for line in text.replace("\\\n", " ").strip().splitlines()]


def test_every_python_block_is_run() -> None:
    assert len(BLOCKS) == TEXT.count("<!-- test -->") + TEXT.count("<!-- file: ")
    assert TEXT.count("```python") == len([block for block in BLOCKS if block["kind"] == "python"])


def test_every_flag_that_the_tutorial_names_is_one_of_search() -> None:
    table = re.findall(r"^\| `--.*", TEXT, re.MULTILINE)
    named = {flag for row in table for flag in re.findall(r"`(--[a-z-]+)", row.split("|")[1])}
    shown = CliRunner().invoke(app, ["search", "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}).stdout
    flags = set(re.findall(r"(--[a-z][a-z-]+)", shown))
    static = {"--static", "--train", "--test", "--max-depth", "--within", "--curve", "--swap", "--timed"}
    static |= {"--no-references", "--gates", "--policies"}  # these have a section of their own
    assert len(named) > 30
    assert named - flags == set()
    assert flags - named - static == {"--help"}


@pytest.mark.slow
def test_the_tutorial_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(SEARCHERS, "climb", RandomSearcher)  # the tutorial adds one; it goes with this test
    for block in BLOCKS:
        if block["file"]:
            Path(block["file"]).write_text(block["text"], encoding="utf-8")
        elif block["kind"] == "python":
            exec(compile(block["text"], "tutorial.md", "exec"), {})
        else:
            for name, *arguments in commands(block["text"]):
                assert name == "skiploop"
                done = CliRunner().invoke(app, arguments)
                assert done.exit_code == 0 and done.stdout.strip(), f"{arguments}\n{done.output}\n{done.exception!r}"
