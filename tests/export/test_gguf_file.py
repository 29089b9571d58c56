"""A GGUF export is the chain for transformers, bit for bit, and for llama.cpp; what it can't say is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from skiploop.chains.chain import Chain
from skiploop.errors import UnsupportedModel
from skiploop.export.gguf_file import FILE
from skiploop.export.run import export_chain
from skiploop.export.settings import ExportSettings
from skiploop.export.verify import aligned
from skiploop.models.layered import LayeredModel
from skiploop.models.replay import run_chain
from tests.conformance.test_chains import generate, logits
from tests.conformance.tiny import prompts, tiny_model

gguf = pytest.importorskip("gguf", reason="GGUF files need skiploop[gguf]")
pytest.importorskip("accelerate", reason="GGUF files need skiploop[gguf]")

GGUF = ExportSettings(form="gguf")
CHAIN = Chain.parse("0 1-2x2", 4)
TEXT = "the cat sat on the mat, 12 times: don't ask"


@pytest.fixture(autouse=True)
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LayeredModel, "check", lambda self: None)


def _opened(folder: Path, **settings: Any) -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(folder, gguf_file=FILE, **settings).eval()


def _byte_level() -> PreTrainedTokenizerFast:
    """A small BPE over bytes, as GPT-2 has it."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<|end|>", "<|user|>"]
    made.train_from_iterator(
        [TEXT] * 3, trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, special_tokens=special)
    )
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|end|>", bos_token="<|end|>", pad_token="<|end|>")


@pytest.fixture(scope="module")
def worded(tmp_path_factory: pytest.TempPathFactory) -> tuple[LayeredModel, Path]:
    """A small Llama with a tokenizer that llama.cpp knows, and its export."""
    # llama.cpp wants heads of an even width; weights that are large make tokens that differ.
    model = LayeredModel(tiny_model("llama", vocab_size=304, max_position_embeddings=128), _byte_level())
    out = tmp_path_factory.mktemp("exports") / "worded"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LayeredModel, "check", lambda self: None)
        export_chain(model, CHAIN, out, settings=GGUF)
    return model, out


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("llama", {}),
        ("llama", {"tie_word_embeddings": True}),
        ("qwen2", {"use_sliding_window": False}),
        ("qwen3", {"head_dim": 128}),
    ],
    ids=["llama", "llama-tied", "qwen2", "qwen3"],
)
def test_transformers_reads_the_chain_bit_for_bit(kind: str, changes: dict[str, Any], tmp_path: Path) -> None:
    model, inputs = tiny_model(kind, **{"use_sliding_window": False} | changes), prompts()
    export_chain(LayeredModel(model), CHAIN, tmp_path / "out", settings=GGUF)
    back = _opened(tmp_path / "out", dtype=torch.float32)
    assert type(back) is type(model) and back.config.num_hidden_layers == CHAIN.depth
    real = inputs["attention_mask"].bool()
    with run_chain(model, CHAIN):
        wanted, tokens = logits(model, inputs), generate(model, inputs)
    with aligned(back):
        assert torch.equal(logits(back, inputs)[real], wanted[real])
        assert torch.equal(generate(back, inputs), tokens)


def test_half_precision_stays_what_it_is(tmp_path: Path) -> None:
    tiny_model("llama").save_pretrained(tmp_path / "base")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype=torch.bfloat16)
    export_chain(LayeredModel(model), CHAIN, tmp_path / "out", settings=GGUF)
    kinds = {each.name: each.tensor_type.name for each in gguf.GGUFReader(tmp_path / "out" / FILE).tensors}
    assert kinds["blk.3.ffn_up.weight"] == "BF16" and kinds["blk.3.attn_norm.weight"] == "F32"


def test_the_vocabulary_is_in_the_file(worded: tuple[LayeredModel, Path]) -> None:
    model, out = worded
    read = AutoTokenizer.from_pretrained(out, gguf_file=FILE)
    assert read(TEXT).input_ids == model.tokenizer(TEXT).input_ids
    assert gguf.GGUFReader(out / FILE).get_field("tokenizer.ggml.pre").contents() == "gpt-2"


def test_skiploop_opens_the_file(worded: tuple[LayeredModel, Path]) -> None:
    model, out = worded
    exported = LayeredModel.from_pretrained(str(out / FILE))
    assert exported.num_layers == CHAIN.depth
    assert exported.generate(TEXT, max_new_tokens=8) == model.generate(TEXT, chain=CHAIN, max_new_tokens=8)


@pytest.mark.parametrize(
    ("kind", "changes", "why"),
    [
        ("gemma2", {}, "of the type gemma2; GGUF files are written for llama, qwen2, qwen3"),
        ("llama", {"attention_bias": True}, "attention_bias=True"),
        ("llama", {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}}, "rope_type='linear'"),
        ("qwen2", {}, "use_sliding_window=True"),
    ],
    ids=["type", "bias", "rope", "window"],
)
def test_what_a_file_cannot_say_is_refused_by_name(
    kind: str, changes: dict[str, Any], why: str, tmp_path: Path
) -> None:
    with pytest.raises(UnsupportedModel, match=why):
        export_chain(LayeredModel(tiny_model(kind, **changes)), CHAIN, tmp_path / "out", settings=GGUF)
    assert not list(tmp_path.iterdir())


def test_damped_loops_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match="--form tied"):
        export_chain("nano", "0-3 4x2~.5 5-7", tmp_path / "out", settings=GGUF)


# llama.cpp, where its Python binding is installed. It builds from source, so that it is in no extra.


def _greedy_of_llama_cpp(file: Path, ids: list[int], new: int) -> list[int]:
    llama_cpp = pytest.importorskip("llama_cpp", reason="pip install llama-cpp-python")
    model = llama_cpp.Llama(str(file), n_ctx=64, n_threads=1, verbose=False)
    found = []
    for token in model.generate(ids, temp=0.0, top_k=1, repeat_penalty=1.0):
        found.append(token)
        if len(found) == new:
            return found
    return found


def test_llama_cpp_generates_the_same_tokens(worded: tuple[LayeredModel, Path]) -> None:
    model, out = worded
    ids = model.encode(TEXT)
    with run_chain(model.hf, CHAIN), torch.inference_mode():
        whole = model.hf.generate(torch.tensor([ids]), max_new_tokens=16, do_sample=False, eos_token_id=None)
    assert _greedy_of_llama_cpp(out / FILE, ids, 16) == whole[0, len(ids) :].tolist()


def _with_shared_offsets(file: Path, copy: Path) -> None:
    """The same file, in which the slots of a layer name one place."""
    copy.write_bytes(file.read_bytes())
    tensors = {each.name: each.field for each in gguf.GGUFReader(copy, "r+").tensors}
    first = {layer: CHAIN.layers.index(layer) for layer in CHAIN.layers}
    for name, field in tensors.items():
        if name.startswith("blk."):
            _, slot, rest = name.split(".", 2)
            field.parts[-1][0] = tensors[f"blk.{first[CHAIN.layers[int(slot)]]}.{rest}"].parts[-1][0]


def test_transformers_reads_slots_that_share_an_offset(worded: tuple[LayeredModel, Path], tmp_path: Path) -> None:
    _, out = worded
    _with_shared_offsets(out / FILE, tmp_path / FILE)
    ids = torch.arange(8, 40)[None]
    assert (tmp_path / FILE).read_bytes() != (out / FILE).read_bytes()
    assert torch.equal(_opened(tmp_path)(ids).logits, _opened(out)(ids).logits)


def test_llama_cpp_refuses_slots_that_share_an_offset(worded: tuple[LayeredModel, Path], tmp_path: Path) -> None:
    _, out = worded
    pytest.importorskip("llama_cpp", reason="pip install llama-cpp-python")
    _with_shared_offsets(out / FILE, tmp_path / FILE)
    with pytest.raises(ValueError, match="Failed to load"):
        _greedy_of_llama_cpp(tmp_path / FILE, [1, 2, 3], 1)
