"""`skiploop report` as a command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from skiploop.cli.main import app
from tests.reporting.studies import fake_study, static_study


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "static"
    static_study(out)
    return out


def test_it_writes_a_page_and_says_where(run: Path, tmp_path: Path) -> None:
    place = tmp_path / "page.html"
    args = ["report", str(run), "-o", str(place), "--figures", str(tmp_path / "figures"), "--title", "A <title>"]
    done = CliRunner().invoke(app, args)
    assert done.exit_code == 0 and str(place) in done.output
    assert "<title>A &lt;title&gt;" in place.read_text(encoding="utf-8")
    assert {each.suffix for each in (tmp_path / "figures").iterdir()} == {".svg", ".pdf", ".png"}


def test_a_page_is_replaced_only_by_force(run: Path, tmp_path: Path) -> None:
    place = tmp_path / "page.html"
    place.write_text("mine")
    refused = CliRunner().invoke(app, ["report", str(run), "-o", str(place)])
    assert refused.exit_code == 2 and "--force" in refused.output and place.read_text() == "mine"
    assert CliRunner().invoke(app, ["report", str(run), "-o", str(place), "--force"]).exit_code == 0
    assert place.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_json_prints_the_numbers_and_writes_nothing(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = fake_study(tmp_path_factory.mktemp("runs") / "fake")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["report", str(study.out), "--json"])
    found = json.loads(done.stdout)
    assert done.exit_code == 0 and list(tmp_path.iterdir()) == []
    assert found["runs"][0]["summary"]["oracle_accuracy"] == study.figures.oracle_accuracy.to_json()
    assert {"transitions", "depths", "layer-usage", "budget"} <= set(found["runs"][0]["sections"])


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["nowhere"], "holds no study"),
        (["RUN", "-o", "nowhere/page.html"], "there is no folder"),
        (["RUN", "-o", "."], "is a folder"),
        (["RUN", "--json", "--title", "x"], "--title"),
    ],
)
def test_bad_input_is_one_clear_message(run: Path, args: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["report", *(str(run) if each == "RUN" else each for each in args)])
    assert done.exit_code == 2 and said in done.output and "Traceback" not in done.output


def test_neither_help_nor_json_needs_what_draws(run: Path) -> None:
    code = (
        "import sys\nfor name in ('matplotlib', 'jinja2', 'torch'): sys.modules[name] = None\n"
        "from skiploop.cli.main import app\n"
        "for args in (['--help'], ['report', '--help'], ['report', sys.argv[1], '--json']):\n"
        "    try:\n        app(args)\n    except SystemExit as stop:\n        assert not stop.code, args\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
