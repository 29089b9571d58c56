"""README's commands and code are run as they stand there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from skiploop.cli.main import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
EXAMPLES = re.findall(r"<!-- test -->\n```python\n(.*?)```", README, re.DOTALL)
COMMANDS = re.findall(r"<!-- test -->\n```bash\n(.*?)```", README, re.DOTALL)


def test_there_is_something_to_test() -> None:
    assert EXAMPLES
    assert COMMANDS


@pytest.mark.parametrize("marker", ["main", "tests"])
def test_the_two_commands_are_single_lines_that_ci_runs(marker: str) -> None:
    (block,) = re.findall(rf"<!-- run: {marker} -->\n```bash\n(.*?)```", README, re.DOTALL)
    assert block.strip().count("\n") == 0
    assert block.startswith("pip install ")
    assert f"readme_command {marker}" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("code", EXAMPLES, ids=range(len(EXAMPLES)))
def test_python_examples_run(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})


@pytest.mark.parametrize("block", COMMANDS, ids=range(len(COMMANDS)))
@pytest.mark.slow
def test_shell_examples_run(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first command in a process of its own, the others in this one: they differ in nothing but imports."""
    monkeypatch.chdir(tmp_path)
    for number, line in enumerate(block.replace("\\\n", " ").strip().splitlines()):
        words = shlex.split(line, comments=True)
        assert words[0] == "skiploop"
        if number == 0:
            alone = subprocess.run([sys.executable, "-m", *words], env=os.environ, capture_output=True, text=True)
            code, printed, said = alone.returncode, alone.stdout, alone.stderr
        else:
            done = CliRunner().invoke(app, words[1:])
            code, printed, said = done.exit_code, done.stdout, done.output
        assert code == 0, f"{line}\n{said}"
        assert printed.strip()
