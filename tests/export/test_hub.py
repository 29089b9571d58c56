"""Pushing: nothing is started that couldn't be pushed, what is pushed is the finished folder, a failure keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from skiploop.cli.main import app
from skiploop.errors import InvalidInput
from skiploop.export import hub
from skiploop.export.settings import ExportSettings
from skiploop.models.layered import LayeredModel

REPOSITORY = "me/nano-looped"


@dataclass
class FakeApi:
    """A hub that keeps what it is told; `fails` is the method that raises."""

    fails: str = ""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def _called(self, method: str, **given: Any) -> None:
        if method == self.fails:
            raise ConnectionError("no route to the hub\nwith details")
        self.calls.append((method, given))

    def whoami(self) -> None:
        self._called("whoami")

    def create_repo(self, repo_id: str, **given: Any) -> None:
        self._called("create_repo", repo_id=repo_id, **given)

    def upload_folder(self, *, repo_id: str, folder_path: Path, commit_message: str) -> None:
        files = {path.name: path.read_text("utf-8") for path in folder_path.glob("*.md")}
        names = sorted(path.name for path in folder_path.iterdir())
        self._called("upload_folder", repo_id=repo_id, files=files, names=names)


def _export(out: Path, api: FakeApi, monkeypatch: pytest.MonkeyPatch, *more: str) -> Any:
    monkeypatch.setattr(hub, "HfApi", lambda: api)
    monkeypatch.setattr(LayeredModel, "check", lambda self: None)
    words = ["export", "--chain", "0-3 4x2 5-7", "-o", str(out), "--push-to-hub", REPOSITORY]
    return CliRunner().invoke(app, [*words, *more])


def test_the_finished_folder_is_pushed_in_one_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = FakeApi()
    result = _export(tmp_path / "out", api, monkeypatch, "--private")
    assert result.exit_code == 0 and f"pushed to https://huggingface.co/{REPOSITORY}" in result.output
    assert [method for method, _ in api.calls] == ["whoami", "create_repo", "upload_folder"]
    assert api.calls[1][1] == {"repo_id": REPOSITORY, "private": True, "exist_ok": True}
    assert {"README.md", "chain_config.json", "model.safetensors", "tokenizer.json"} <= set(api.calls[2][1]["names"])
    assert f'from_pretrained("{REPOSITORY}")' in api.calls[2][1]["files"]["README.md"]


def test_nothing_is_started_without_an_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = _export(tmp_path / "out", FakeApi(fails="whoami"), monkeypatch)
    assert result.exit_code != 0 and "no route to the hub" in result.output and "details" not in result.output
    assert not list(tmp_path.iterdir())


def test_a_failed_push_keeps_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = _export(tmp_path / "out", FakeApi(fails="upload_folder"), monkeypatch)
    assert result.exit_code != 0 and "is finished" in result.output and "hf upload" in result.output
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_what_is_no_repository_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no name of a repository"):
        hub.require_account("me/a/b", api=FakeApi())
    with pytest.raises(InvalidInput, match="--push-to-hub"):
        ExportSettings(private=True)
