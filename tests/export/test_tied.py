"""A tied export is the chain on its base, bit for bit, for many architectures, and loops cost it nothing."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from skiploop.chains.chain import Chain
from skiploop.errors import UnsupportedModel
from skiploop.export import tied
from skiploop.export.run import export_chain
from skiploop.export.settings import ExportSettings
from skiploop.export.verify import aligned
from skiploop.models.layered import LayeredModel
from skiploop.models.replay import run_chain
from tests.conformance.test_chains import generate, logits
from tests.conformance.tiny import prompts, tiny_model
from tests.export.test_flat import ANY_CHAIN

TIED = ExportSettings(form="tied")
# A block looped and a layer left out; a damped loop beside a scaled slot. GPT-2 has its weights transposed.
CHAINS, FEW = ("0 1-2x2", "0 1*.5 2x3~.25 3"), ("llama", "gpt2")


def _export(model: LayeredModel | str, chain: Chain | str, out: Path) -> PreTrainedModel:
    export_chain(model, chain, out, settings=TIED)
    return AutoModelForCausalLM.from_pretrained(out, trust_remote_code=True).eval()


def _bytes_in_memory(model: PreTrainedModel) -> int:
    """Of all parameters, each place in memory once, under whatever names it is there."""
    return sum({each.data_ptr(): each.nbytes for _, each in model.named_parameters(remove_duplicate=False)}.values())


@pytest.fixture(
    scope="module",
    params=[pytest.param(kind, marks=() if kind in FEW else pytest.mark.slow) for kind in ANY_CHAIN],
    ids=ANY_CHAIN,
)
def model(request: pytest.FixtureRequest) -> PreTrainedModel:
    return tiny_model(request.param)


@pytest.fixture(scope="module")
def looped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exports") / "nano-tied"
    export_chain("nano", "0-3 4x3 5 7", out, settings=TIED)
    return out


@pytest.fixture(autouse=True)
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a model runs chains at all is the subject of other tests, and takes half of an export's time here."""
    monkeypatch.setattr(LayeredModel, "check", lambda self: None)


@pytest.mark.parametrize("text", CHAINS)
def test_a_round_trip_is_the_chain_bit_for_bit(model: PreTrainedModel, text: str, tmp_path: Path) -> None:
    chain, inputs = Chain.parse(text, 4), prompts()
    back = _export(LayeredModel(model), chain, tmp_path / "out")
    real = inputs["attention_mask"].bool()
    with run_chain(model, chain):
        wanted, tokens = logits(model, inputs), generate(model, inputs)
    with aligned(back):
        assert torch.equal(logits(back, inputs)[real], wanted[real])
        assert torch.equal(generate(back, inputs), tokens)
    assert not torch.equal(wanted[real], logits(model, inputs)[real]), "the chain changed nothing"


def test_loops_cost_nothing_on_disk_and_in_memory(tmp_path: Path) -> None:
    base, header = LayeredModel(tiny_model("llama")), 2**10
    on_disk, whole = {}, _bytes_in_memory(base.hf)
    for name, chain in {"once": "0-3", "often": "0 1-2x9 3", "shorter": "0 1x9 3"}.items():
        exported = _export(base, chain, tmp_path / name)
        assert exported.config.num_hidden_layers == Chain.parse(chain, 4).depth
        on_disk[name] = sum(path.stat().st_size for path in (tmp_path / name).glob("*.safetensors"))
        layer = sum(each.nbytes for each in exported.model.layers[0].parameters())
        assert _bytes_in_memory(exported) == whole - layer * (name == "shorter")
    assert abs(on_disk["often"] - on_disk["once"]) < header, "names of slots alone"
    assert on_disk["once"] - layer + header > on_disk["shorter"] > on_disk["once"] - layer - header


def test_what_transformers_saves_again_is_no_larger_and_the_same(looped: Path, tmp_path: Path) -> None:
    first = AutoModelForCausalLM.from_pretrained(looped, trust_remote_code=True)
    first.save_pretrained(tmp_path / "again")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "again", trust_remote_code=True)
    size = (looped / "model.safetensors").stat().st_size
    assert abs((tmp_path / "again" / "model.safetensors").stat().st_size - size) < 4096
    ids = torch.arange(8, 32)[None]
    with torch.inference_mode():
        assert torch.equal(first(ids).logits, again(ids).logits)


def test_gradients_of_the_runs_of_a_layer_add_up_in_its_one_copy(looped: Path) -> None:
    exported = AutoModelForCausalLM.from_pretrained(looped, trust_remote_code=True)
    weights = [exported.model.layers[slot].mlp.up_proj.weight for slot in (4, 5, 6)]
    assert weights[0] is weights[1] is weights[2]
    ids = torch.arange(8, 32)[None]
    exported(ids, labels=ids).loss.backward()
    assert weights[0].grad is not None and weights[0].grad.abs().sum() > 0


def test_code_is_run_only_when_it_is_trusted_and_needs_no_skiploop(looped: Path) -> None:
    with pytest.raises(ValueError, match="trust_remote_code"):
        AutoModelForCausalLM.from_pretrained(looped, trust_remote_code=False)
    tree = ast.parse((looped / "modeling_layer_chain.py").read_text("utf-8"))
    imported = {each.module.partition(".")[0] for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)}
    imported |= {name.name for each in ast.walk(tree) if isinstance(each, ast.Import) for name in each.names}
    assert imported == {"typing", "torch", "transformers"}
    assert AutoTokenizer.from_pretrained(looped)("sort: 5").input_ids, "a tokenizer needs no trust"


def test_skiploop_opens_it_like_any_model(looped: Path) -> None:
    exported, base = LayeredModel.from_pretrained(str(looped), trust_remote_code=True), LayeredModel.from_pretrained()
    assert exported.num_layers == 9
    chain = Chain.parse("0-3 4x3 5 7", 8)
    prompt = "sort: 5 3 ="
    assert exported.generate(prompt, max_new_tokens=8) == base.generate(prompt, chain=chain, max_new_tokens=8)


def test_a_base_with_code_of_its_own_is_refused(looped: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match="brings its own code"):
        export_chain(str(looped), "0-8", tmp_path / "out", settings=TIED, opening={"trust_remote_code": True})


def test_a_mismatch_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tied._additions
    monkeypatch.setattr(tied, "_additions", lambda plan: told(plan) | {"slot_layers": [0, 1, 2, 3, 3, 5, 6, 7]})
    with pytest.raises(UnsupportedModel, match="nothing was kept"):
        export_chain("nano", "0-3 4x2 5 7", tmp_path / "out", settings=TIED)
    assert not list(tmp_path.iterdir())
