"""An export is there whole or not at all, also after kill -9, and never takes the place of anything else."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from skiploop.errors import InvalidInput
from skiploop.export import place
from skiploop.export.run import export_chain
from skiploop.export.settings import ExportSettings

# Killed when all files are written, and nothing is left but to load them back.
KILLED = """
import os, signal, sys
from skiploop.export import run
from skiploop.export.run import export_chain
run.require_same = lambda *given: os.kill(os.getpid(), signal.SIGKILL)
export_chain("nano", "0-3 4x2 5-7", sys.argv[1])
"""


class _Disk(NamedTuple):
    free: int


@pytest.mark.slow
def test_a_killed_export_leaves_no_folder_that_looks_finished(tmp_path: Path) -> None:
    out = tmp_path / "out"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    killed = subprocess.run([sys.executable, "-c", KILLED, str(out)], env=environment, capture_output=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".out.unfinished-") and (left / "model.safetensors").is_file()
    export_chain("nano", "0-3 4x2 5-7", out)
    assert [each.name for each in tmp_path.iterdir()] == ["out"], "the next export clears what is left"


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), place.finished_folder(tmp_path / "out") as folder:
        (folder / "config.json").write_text("{}")
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_only_an_export_is_replaced_and_only_when_asked(tmp_path: Path) -> None:
    export_chain("nano", "0-3 5-7", tmp_path / "out")
    with pytest.raises(InvalidInput, match="--force"):
        export_chain("nano", "0-6", tmp_path / "out")
    again = export_chain("nano", "0-6", tmp_path / "out", settings=ExportSettings(force=True))
    assert again.chain.depth == 7
    assert [each.name for each in tmp_path.iterdir()] == ["out"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    with pytest.raises(InvalidInput, match="never replaced"):
        export_chain("nano", "0-6", tmp_path / "mine", settings=ExportSettings(force=True))
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years"


def test_a_full_disk_is_told_before_weights_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: _Disk(free=2**20))
    with pytest.raises(InvalidInput, match="another disk"):
        export_chain("nano", "0-6", tmp_path / "out")
    assert not list(tmp_path.iterdir())
