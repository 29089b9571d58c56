"""A custom_generate folder: stock `generate` of a plain model runs the chain, whatever the architecture."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput, UnsupportedModel
from skiploop.export import code_only
from skiploop.export.run import export_chain
from skiploop.export.settings import ExportSettings
from skiploop.models.layered import LayeredModel
from skiploop.models.loading import nano_folder
from skiploop.models.replay import run_chain
from tests.conformance.tiny import tiny_model

CODE = ExportSettings(form="custom_generate")
TEXT = "0-3 4-5x2~.5 7"
IDS = torch.tensor([[1, 20, 31, 42, 53]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exports") / "nano-code"
    export_chain("nano", TEXT, out, settings=CODE)
    return out


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LayeredModel, "check", lambda self: None)


def test_generate_of_a_plain_model_runs_the_chain(folder: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(nano_folder()).eval()
    settings = {"max_new_tokens": 8, "do_sample": False, "eos_token_id": None}
    found = {}
    for text in (TEXT, "0-6"):
        more = {} if text == TEXT else {"chain": text}
        with run_chain(model, Chain.parse(text, 8)):
            wanted = model.generate(IDS, **settings)
        found[text] = model.generate(IDS, custom_generate=str(folder), trust_remote_code=True, **settings, **more)
        assert torch.equal(found[text], wanted)
    assert not torch.equal(found[TEXT], found["0-6"])
    with pytest.raises(ValueError, match="trust_remote_code"):
        model.generate(IDS, custom_generate=str(folder), trust_remote_code=False, **settings)


def test_it_has_the_form_of_such_a_repository(folder: Path) -> None:
    assert {path.name for path in (folder / "custom_generate").iterdir()} == {"generate.py", "requirements.txt"}
    assert (folder / "custom_generate" / "requirements.txt").read_text().startswith("skiploop>=")
    card = (folder / "README.md").read_text("utf-8")
    assert "- custom_generate\n" in card and 'custom_generate="nano-code"' in card
    assert sum(path.stat().st_size for path in folder.rglob("*.py")) < 2000
    assert not list(folder.glob("*.safetensors"))


def test_a_model_of_another_depth_is_refused(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="8 layers"):
        tiny_model("llama").generate(IDS, custom_generate=str(folder), trust_remote_code=True, max_new_tokens=2)


@pytest.mark.usefixtures("unchecked")
def test_layers_that_no_checkpoint_can_order_have_this_form(tmp_path: Path) -> None:
    export_chain(LayeredModel(tiny_model("llama4_text")), Chain([0, 1, 1, 2, 3], 4), tmp_path / "out", settings=CODE)
    assert (tmp_path / "out" / "custom_generate" / "generate.py").is_file()


@pytest.mark.usefixtures("unchecked")
def test_other_tokens_keep_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = code_only.write_code
    monkeypatch.setattr(code_only, "write_code", lambda chain, folder: write(Chain.parse("7 6 5 4 3", 8), folder))
    with pytest.raises(UnsupportedModel, match="nothing was kept"):
        export_chain("nano", TEXT, tmp_path / "out", settings=CODE)
    assert not list(tmp_path.iterdir())
