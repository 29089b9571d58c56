"""What is loaded is what the checkpoint holds, or there is one clear line that says why not."""

from __future__ import annotations

import copy
import io
import json
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ViTConfig, ViTModel

from skiploop import Chain, InvalidInput, LayeredModel, UnsupportedModel, run_chain
from skiploop.engine.open import open_runner
from skiploop.models.loading import nano_folder
from tests.conformance.tiny import tiny_model

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of nano's files."""
    place = tmp_path / "model"
    place.mkdir()
    for file in Path(nano_folder()).iterdir():
        if file.suffix in (".json", ".safetensors"):
            shutil.copy(file, place)
    return place


def configure(folder: Path, file: str = "config.json", **changes: Any) -> None:
    path = folder / file
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def rewrite(folder: Path, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> None:
    weights = change({name: weight.clone() for name, weight in load_file(folder / WEIGHTS).items()})
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


def without_layer(layer: int) -> Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]:
    return lambda weights: {name: each for name, each in weights.items() if f".layers.{layer}." not in name}


def test_an_unknown_quantisation_is_refused(folder: Path) -> None:
    """transformers says so in its log, and takes the packed weights for plain ones."""
    configure(folder, quantization_config={"quant_method": "squeezed"})
    with pytest.raises(InvalidInput, match=r"quant_method 'squeezed'.*known are .*gptq"):
        LayeredModel.from_pretrained(str(folder))


@pytest.mark.parametrize("text, said", [('{"eos_token_id": [', "can't be read"), ("[]", "JSON object"), ("", "read")])
def test_a_damaged_generation_config_is_refused(folder: Path, text: str, said: str) -> None:
    """transformers goes on without it, and texts no longer end where the model was trained to end them."""
    (folder / "generation_config.json").write_text(text)
    with pytest.raises(InvalidInput, match=rf"generation_config\.json .*{said}"):
        LayeredModel.from_pretrained(str(folder))


# Weights


def test_missing_weights_are_refused_by_name(folder: Path) -> None:
    rewrite(folder, without_layer(2))
    with pytest.raises(InvalidInput, match=r"lacks weights.*model\.layers\.2\..*--allow-missing"):
        LayeredModel.from_pretrained(str(folder))
    assert LayeredModel.from_pretrained(str(folder), allow_missing=True).num_layers == 8


@pytest.mark.parametrize("layers, said", [(7, r"has no place for: model\.layers\.7\."), (9, "lacks weights")])
def test_a_config_of_another_depth_is_refused(folder: Path, layers: int, said: str) -> None:
    configure(folder, num_hidden_layers=layers)
    with pytest.raises(InvalidInput, match=said):
        LayeredModel.from_pretrained(str(folder))


def test_weights_of_another_shape_are_refused(folder: Path) -> None:
    def shortened(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        name = "model.layers.1.mlp.up_proj.weight"
        return weights | {name: weights[name][:-1].clone()}

    rewrite(folder, shortened)
    with pytest.raises(
        InvalidInput, match=r"other shapes.*layers\.1\.mlp\.up_proj\.weight \(255, 128\) for \(256, 128\)"
    ):
        LayeredModel.from_pretrained(str(folder))


@pytest.mark.parametrize("kind", [torch.int8, torch.bool, torch.int64, torch.complex64], ids=str)
def test_whole_or_complex_numbers_for_weights_are_refused(folder: Path, kind: torch.dtype) -> None:
    """transformers takes them for the weights themselves."""
    rewrite(folder, lambda weights: {k: (w * 100).to(kind) if "mlp" in k else w for k, w in weights.items()})
    with pytest.raises(InvalidInput, match=r"has the type .* for model\.layers\.0\.mlp"):
        LayeredModel.from_pretrained(str(folder))


@pytest.mark.parametrize("name", ["model.embed_tokens.weight", "lm_head.weight", "model.layers.3.mlp.up_proj.weight"])
def test_a_single_weight_that_isnt_finite_is_found(folder: Path, name: str) -> None:
    """In a row of the embeddings it spoils the texts with that token only."""

    def spoilt(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        weights[name][3, 3] = float("nan")
        return weights

    rewrite(folder, spoilt)
    with pytest.raises(InvalidInput, match=rf"{re.escape(name)} are not finite"):
        LayeredModel.from_pretrained(str(folder)).check()


@pytest.mark.parametrize("kind", ["mistral", "gemma", "olmo"])
def test_a_type_whose_tensors_have_the_same_names_is_refused(folder: Path, kind: str) -> None:
    configure(folder, model_type=kind)
    with pytest.raises(InvalidInput, match=rf"model_type '{kind}', which is .*, and the architecture LlamaForCausalLM"):
        LayeredModel.from_pretrained(str(folder))


def test_a_head_that_differs_from_the_embeddings_is_kept(folder: Path) -> None:
    """Also where config.json says that they are one: the file has both."""
    ids = torch.arange(5, 15)[None]
    own = LayeredModel.from_pretrained(str(folder)).logits(ids)
    configure(folder, tie_word_embeddings=True)
    assert torch.equal(LayeredModel.from_pretrained(str(folder)).logits(ids), own)


def test_a_shard_that_is_missing_or_lacks_a_tensor_is_refused(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    first, second = ({k: weights[k].clone() for k in sorted(weights)[start::2]} for start in (0, 1))
    names = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    save_file(first, folder / names[0], metadata={"format": "pt"})
    index = {**dict.fromkeys(first, names[0]), **dict.fromkeys(second, names[1])}
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": index}))
    with pytest.raises(InvalidInput, match=names[1]):
        LayeredModel.from_pretrained(str(folder))
    second.popitem()
    save_file(second, folder / names[1], metadata={"format": "pt"})
    with pytest.raises(InvalidInput, match="lacks weights"):
        LayeredModel.from_pretrained(str(folder))


def test_what_isnt_a_language_model_is_refused_by_check(tmp_path: Path) -> None:
    config = ViTConfig(hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4)
    with pytest.raises(UnsupportedModel, match="no vocabulary"):
        LayeredModel(ViTModel(config)).check()


def test_the_fingerprint_knows_the_tokenizer_and_the_ends(folder: Path) -> None:
    own = LayeredModel.from_pretrained(str(folder)).fingerprint
    assert own == LayeredModel.from_pretrained("nano").fingerprint
    path = folder / "tokenizer.json"
    whole = path.read_text()
    path.write_text(whole.replace('"1"', '"¿"', 1).replace('"2"', '"1"', 1))
    assert whole != path.read_text() and LayeredModel.from_pretrained(str(folder)).fingerprint != own
    path.write_text(whole)
    configure(folder, "generation_config.json", eos_token_id=[2, 28])
    assert LayeredModel.from_pretrained(str(folder)).fingerprint != own


def test_a_tokenizer_that_fails_on_a_text_is_one_line(folder: Path) -> None:
    configure(folder, "tokenizer_config.json", model_max_length="many")
    model = LayeredModel.from_pretrained(str(folder))
    with pytest.raises(InvalidInput, match=r"tokenizer of .* can't encode 'calc"):
        model.encode("calc:1+1=")


def test_buffers_that_are_computed_anew_may_be_in_the_file(folder: Path) -> None:
    rewrite(folder, lambda weights: weights | {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)})
    assert LayeredModel.from_pretrained(str(folder)).num_layers == 8


def test_tied_weights_may_be_in_the_file_once(tmp_path: Path) -> None:
    tiny_model("llama", tie_word_embeddings=True).save_pretrained(tmp_path)
    for file in Path(nano_folder()).glob("tokenizer*"):
        shutil.copy(file, tmp_path)
    assert "lm_head.weight" not in load_file(tmp_path / WEIGHTS)
    LayeredModel.from_pretrained(str(tmp_path))


# Files that aren't what they should be


@pytest.mark.parametrize("file", ["weights.bin", "../outside.bin", "../outside.safetensors", "sub/a.safetensors", 7])
def test_an_index_that_names_other_files_is_refused_unread(folder: Path, file: Any, tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "executed",)

    weights = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    if isinstance(file, str) and file.endswith(".bin"):
        (folder / file).write_bytes(pickle.dumps(Payload()))
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": dict.fromkeys(weights, file)}))
    with pytest.raises(InvalidInput, match="only safetensors files in the same folder"):
        LayeredModel.from_pretrained(str(folder))
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"weight_map": []}', "[" * 100_000], ids=range(5))
def test_a_damaged_index_is_one_line(folder: Path, text: str) -> None:
    (folder / WEIGHTS).unlink()
    (folder / INDEX).write_text(text)
    with pytest.raises(InvalidInput, match=INDEX):
        LayeredModel.from_pretrained(str(folder))


@pytest.mark.parametrize(
    "changes",
    [
        {"num_hidden_layers": "eight"}, {"num_hidden_layers": None}, {"num_hidden_layers": 10**9},
        {"num_hidden_layers": True}, {"hidden_size": -128}, {"hidden_size": 1.5}, {"num_attention_heads": 0},
        {"vocab_size": 0}, {"vocab_size": 200}, {"vocab_size": 10**12}, {"dtype": "float3"}, {"model_type": "nothing"},
        {"quantization_config": {"quant_method": "gptq", "bits": 4}}, {"quantization_config": {"quant_method": "awq"}},
        {"quantization_config": {"quant_method": "compressed-tensors"}}, {"pad_token_id": 10**6},
        {"_attn_implementation": "somebody/kernel"}, {"rope_parameters": "fast"}, {"hidden_act": "none of these"},
    ],
    ids=str,
)  # fmt: skip
def test_a_config_that_cant_be_used_is_one_line(folder: Path, changes: dict[str, Any]) -> None:
    configure(folder, **changes)
    with pytest.raises((InvalidInput, UnsupportedModel)) as error:
        LayeredModel.from_pretrained(str(folder)).check()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("text", ["", "7", "[]", "[" * 200_000, "\x00\x01"], ids=range(5))
def test_a_damaged_file_is_one_line_or_does_no_harm(folder: Path, file: str, text: str) -> None:
    (folder / file).write_text(text)
    try:
        assert LayeredModel.from_pretrained(str(folder)).check().num_layers == 8
    except (InvalidInput, UnsupportedModel) as error:
        assert "\n" not in str(error)


def test_an_adapter_alone_is_named_as_one(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "base_model_name_or_path": "nano"}))
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(InvalidInput, match="adapter"):
        LayeredModel.from_pretrained(str(tmp_path))


def test_a_gguf_file_that_isnt_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF" + bytes(60))
    with pytest.raises(InvalidInput, match="GGUF"):
        LayeredModel.from_pretrained(str(tmp_path / "model.gguf"))


def test_a_home_folder_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))
    assert LayeredModel.from_pretrained("~/model").num_layers == 8


def test_layers_that_kept_their_numbers_are_named() -> None:
    hf = tiny_model("llama")
    del hf.model.layers[1]
    hf.config.num_hidden_layers = len(hf.model.layers)
    with pytest.raises(UnsupportedModel, match="layer 1 has the layer_idx 2"):
        LayeredModel(hf).check()


# Under an active chain


def test_what_is_saved_or_copied_under_a_chain_is_the_model_itself(tmp_path: Path) -> None:
    hf = tiny_model("llama")
    ids = torch.arange(5, 15)[None]
    own, names = hf(input_ids=ids).logits, list(hf.state_dict())
    chain = Chain((0, 0, *range(hf.config.num_hidden_layers)), hf.config.num_hidden_layers)
    stored = io.BytesIO()
    with run_chain(hf, chain):
        assert list(hf.state_dict()) == names
        hf.load_state_dict(copy.deepcopy(hf.state_dict()))
        copied = copy.deepcopy(hf)
        torch.save(hf, stored)
        hf.save_pretrained(tmp_path)
        assert not torch.equal(hf(input_ids=ids).logits, own)
    assert torch.equal(copied(input_ids=ids).logits, own)
    assert set(load_file(tmp_path / WEIGHTS)) <= set(names)
    assert torch.equal(type(hf).from_pretrained(tmp_path).eval()(input_ids=ids).logits, own)
    stored.seek(0)
    assert torch.equal(torch.load(stored, weights_only=False)(input_ids=ids).logits, own)


def test_an_unknown_token_that_is_unknown_itself_is_refused(tmp_path: Path) -> None:
    for file in (*Path(nano_folder()).glob("*.json"), *Path(nano_folder()).glob("*.safetensors")):
        shutil.copy(file, tmp_path)
    place = tmp_path / "tokenizer_config.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"unk_token": ""}))
    with pytest.raises(InvalidInput, match="unknown token '', which isn't in its vocabulary; correct unk_token"):
        LayeredModel.from_pretrained(str(tmp_path))


def test_layers_spread_by_accelerate_say_the_same_and_are_run_by_their_own_forward() -> None:
    pytest.importorskip("accelerate")
    one, spread = LayeredModel.from_pretrained("nano"), LayeredModel.from_pretrained("nano", device="auto")
    assert spread.fingerprint == one.fingerprint and open_runner(spread)[1] == "Engine"  # one device
    ids = torch.tensor([one.encode("1+1=")])
    assert torch.equal(one.logits(ids, one.identity), spread.logits(ids, spread.identity))
    spread.hf.hf_device_map = {"model.layers.0": 0, "model.layers.1": 1}
    assert open_runner(spread)[1] == "PlainEngine"
