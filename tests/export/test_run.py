"""`skiploop export` from a name or a study: what lies in the folder, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from typer.testing import CliRunner

from skiploop.chains.chain import Chain
from skiploop.cli.main import app
from skiploop.engine.request import Request
from skiploop.errors import InvalidInput, UnsupportedModel
from skiploop.export import flat, tensors
from skiploop.export.figures import chain_of_run
from skiploop.export.run import export_chain
from skiploop.models.chain_config import load_chain_config
from skiploop.models.layered import LayeredModel
from skiploop.studies.execution import Execution
from skiploop.studies.static.settings import StaticSettings
from skiploop.studies.static.study import StaticStudy, search_static
from skiploop.testing.fakes import FakeModel, FakeRunner, fake_task, gold

NOTATION = "0-3 4x2 5 7"
CHAIN = Chain.parse(NOTATION, 8)


class _BetterElsewhere(FakeRunner):
    """Right under every chain but the identity."""

    def text(self, request: Request) -> str:
        assert isinstance(request.prompt, str)
        return super().text(request) if request.chain.is_identity else gold(request.prompt)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exports") / "nano-looped"
    result = CliRunner().invoke(app, ["export", "--model", "nano", "--chain", NOTATION, "-o", str(out)])
    assert result.exit_code == 0, result.output
    assert "bit for bit" in result.stdout and "depth 8; identity 8" in result.stdout
    return out


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StaticStudy:
    out = tmp_path_factory.mktemp("runs") / "static"
    split = StaticSettings(train=10, test=10, first=5, references=False)
    return search_static(
        FakeModel(), fake_task(20), out=out, execution=Execution(_BetterElsewhere()), static=split, budget=8
    )


def test_plain_transformers_loads_model_and_tokenizer(exported: Path) -> None:
    model, base = AutoModelForCausalLM.from_pretrained(exported).eval(), LayeredModel.from_pretrained("nano")
    tokenizer = AutoTokenizer.from_pretrained(exported)
    ids = tokenizer("sort: 5 3 =", return_tensors="pt").input_ids
    assert torch.equal(ids, base.tokenizer("sort: 5 3 =", return_tensors="pt").input_ids)
    with torch.inference_mode():
        assert torch.equal(model(ids).logits, base.logits(ids, CHAIN))


def test_the_folder_says_what_it_is(exported: Path) -> None:
    config = load_chain_config(exported)
    assert (config.base_model, config.chain, config.figures) == ("nano", CHAIN, None)
    assert (exported / "chain_config.json").stat().st_size < 600
    card = (exported / "README.md").read_text("utf-8")
    assert NOTATION in card and "library_name: transformers" in card and "- looped" in card
    assert "No accuracy was measured" in card and (exported / "chain.svg").is_file()


def test_shards_hold_what_one_file_holds(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensors, "SHARD_BYTES", 2**20)
    export_chain("nano", NOTATION, tmp_path / "out")
    index = json.loads((tmp_path / "out" / "model.safetensors.index.json").read_text("utf-8"))
    assert len(set(index["weight_map"].values())) > 2
    one = AutoModelForCausalLM.from_pretrained(exported).state_dict()
    many = AutoModelForCausalLM.from_pretrained(tmp_path / "out").state_dict()
    assert one.keys() == many.keys() and all(torch.equal(one[name], many[name]) for name in one)


def test_a_mismatch_keeps_nothing_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = flat.write_copies

    def wrong(copies: list[tensors.Copy], folder: Path) -> None:
        swapped = {"model.layers.1.": "model.layers.2.", "model.layers.2.": "model.layers.1."}
        write([_renamed(each, swapped) for each in copies], folder)

    monkeypatch.setattr(flat, "write_copies", wrong)
    with pytest.raises(UnsupportedModel, match=r"its logits are others \(by up to .*nothing was kept"):
        export_chain("nano", NOTATION, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def _renamed(copy: tensors.Copy, names: dict[str, str]) -> tensors.Copy:
    prefix = next((each for each in names if copy.target.startswith(each)), "")
    target = names[prefix] + copy.target.removeprefix(prefix) if prefix else copy.target
    return tensors.Copy(copy.file, copy.name, target, copy.size)


@pytest.mark.parametrize("text", ["0-1 2*0.5 3-7", "0 1-2x2~.5 3-7"])
def test_damped_loops_and_scaled_slots_are_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match="no stock architecture runs"):
        export_chain("nano", text, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_chain_of_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="for a model of 4 layers"):
        export_chain("nano", Chain([0, 1], 4), tmp_path / "out")


def test_a_study_gives_its_chain_and_what_was_measured_on_inputs_it_was_not_chosen_on(study: StaticStudy) -> None:
    best = study.figures.chosen["search"]
    found = chain_of_run(study.out)
    assert found.chain.to_json() == list(best.chain) and found.model == study.figures.model
    assert found.figures.accuracy == best.test and found.figures.held_out
    assert found.figures.opponents["identity"] == study.figures.chosen["identity"].test


def test_the_card_has_the_accuracies_of_a_study(study: StaticStudy, tmp_path: Path) -> None:
    figures = chain_of_run(study.out).figures
    export_chain("nano", NOTATION, tmp_path / "out", figures=figures)
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert f"| this chain | 8 | {figures.accuracy.value:.3f}" in card and "| identity | 8 |" in card
    assert load_chain_config(tmp_path / "out").figures == figures.to_json()


@pytest.mark.parametrize("given", [[], ["--chain", NOTATION, "--run", "RUN"]], ids=["neither", "both"])
def test_one_of_a_chain_and_a_study_is_given(given: list[str], study: StaticStudy, tmp_path: Path) -> None:
    words = [str(study.out) if word == "RUN" else word for word in given]
    result = CliRunner().invoke(app, ["export", *words, "-o", str(tmp_path / "out")])
    assert result.exit_code != 0 and "one of them" in result.output


@pytest.mark.parametrize("changes", [{"policies": ("prefill",)}, {"cache_policy": "prefill"}], ids=["chosen", "set"])
def test_what_was_measured_under_a_cache_policy_is_not_exported_without_it(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    policies = changes.get("policies", ("own",))
    split = StaticSettings(train=10, test=10, first=5, references=False, policies=policies)
    engine = {name: value for name, value in changes.items() if name != "policies"}
    study = search_static(
        FakeModel(), fake_task(20), out=tmp_path / "static", execution=Execution(_BetterElsewhere()), static=split,
        space="loop", budget=8, **engine,
    )  # fmt: skip
    with pytest.raises(InvalidInput, match="under the cache policy 'prefill'"):
        chain_of_run(study.out)


def test_a_study_that_found_nothing_better_has_nothing_to_export(tmp_path: Path) -> None:
    split = StaticSettings(train=10, test=10, first=5, references=False)
    execution = Execution(FakeRunner())
    search_static(FakeModel(), fake_task(20), out=tmp_path / "static", execution=execution, static=split, budget=8)
    with pytest.raises(InvalidInput, match="nothing to export"):
        chain_of_run(tmp_path / "static")
