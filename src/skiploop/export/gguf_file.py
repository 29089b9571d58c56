"""The GGUF form: one file that llama.cpp and transformers read; layers that run more than once are copies.

Names of tensors are those of the `gguf` package's map. Which architectures there are is decided by what transformers
reads back: a setting that the file can't say, or that transformers doesn't read from it, is refused by name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput, UnsupportedModel
from skiploop.export.checkpoint import Base
from skiploop.export.flat import require_plain
from skiploop.export.place import require_space
from skiploop.export.plan import ExportPlan

if TYPE_CHECKING:
    import gguf

FILE = "model.gguf"
ARCHITECTURES = ("llama", "qwen2", "qwen3")
"""Model types that are written; their names in GGUF are the same."""

# Settings that the file doesn't say, and the value that its readers take.
_TAKEN: dict[str, Any] = {
    **{"hidden_act": "silu", "attention_bias": False, "mlp_bias": False, "use_sliding_window": False},
    **{"rope_type": "default", "partial_rotary_factor": 1},
}
_DTYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
_FILE_TYPES = {torch.float32: "ALL_F32", torch.float16: "MOSTLY_F16", torch.bfloat16: "MOSTLY_BF16"}
# What llama.cpp calls a pre-tokenizer, by the types of its steps; byte-level BPE with a regular expression of its own
# is told apart by that.
_SPLITS: dict[str | tuple[str, ...], str] = {
    ("ByteLevel",): "gpt-2",
    ("Digits", "ByteLevel"): "smollm",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+": "llama-bpe",  # noqa: E501
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+": "qwen2",  # noqa: E501
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A tensor of the file.

    Attributes:
        name: in GGUF.
        tensor: of the model.
        heads: rows are pairs of rotary halves in so many heads, which GGUF interleaves; 0: as they are.
    """

    name: str
    tensor: torch.Tensor
    heads: int = 0

    def data(self) -> torch.Tensor:
        """The numbers as they are written: vectors in float32, as llama.cpp wants them."""
        tensor = self.tensor.detach().cpu()
        if self.heads:
            rows = tensor.shape[0]
            halves = tensor.reshape(self.heads, 2, rows // self.heads // 2, *tensor.shape[1:])
            tensor = halves.transpose(1, 2).reshape(tensor.shape)
        return (tensor.float() if tensor.dim() == 1 else tensor).contiguous()


def plan_gguf(base: Base, chain: Chain) -> ExportPlan:
    """What is known before.

    Raises:
        InvalidInput: the package isn't installed.
        UnsupportedModel: a GGUF file can't say it, or transformers doesn't read it.
    """
    require_plain(chain)
    missing = [package for package in ("gguf", "accelerate") if find_spec(package) is None]
    if missing:
        raise InvalidInput(f"writing GGUF files needs {' and '.join(missing)}: pip install 'skiploop[gguf]'")
    _require_sayable(base)
    list(pieces(base, chain))  # every tensor has a name
    plan = ExportPlan.of(base, chain)
    return replace(plan, options=replace(plan.options, gguf=FILE))


def write_gguf(plan: ExportPlan, folder: Path) -> None:
    """Fills a folder.

    Raises:
        InvalidInput: there is no room on the disk.
    """
    import gguf

    found = list(pieces(plan.base, plan.chain))
    require_space(folder, sum(each.data().nbytes for each in found))
    plan.base.save_companions(folder)
    writer = gguf.GGUFWriter(folder / FILE, str(plan.config.model_type))
    _add_settings(writer, plan)
    _add_vocabulary(writer, plan.base, folder)
    for each in found:
        data = each.data()
        kind = gguf.GGMLQuantizationType[_DTYPES[data.dtype]]
        writer.add_tensor_info(each.name, list(data.shape), _numpy(data).dtype, data.nbytes, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for each in found:
        writer.write_tensor_data(_numpy(each.data()))
    writer.close()


def pieces(base: Base, chain: Chain) -> Iterator[Piece]:
    """The tensors for a chain: copies for further slots of a layer, tied embeddings once.

    Raises:
        UnsupportedModel: a tensor has no name in GGUF.
    """
    import gguf

    model, stack = base.model.hf, base.stack
    config = model.config
    architecture = next(each for each, name in gguf.MODEL_ARCH_NAMES.items() if name == config.model_type)
    names = gguf.get_tensor_name_map(architecture, max(chain.depth, chain.num_layers))
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for name, tensor in model.state_dict().items():
        if name in model.all_tied_weights_keys:
            continue
        layer = int(name.removeprefix(f"{stack}.").partition(".")[0]) if name.startswith(f"{stack}.") else None
        targets = [name]
        if layer is not None:
            rest = name.removeprefix(f"{stack}.{layer}.")
            targets = [f"{stack}.{slot}.{rest}" for slot, each in enumerate(chain.layers) if int(each) == layer]
        interleaved = heads.get(name.split(".")[-2], 0) if config.model_type == "llama" else 0
        for target in targets:
            written = names.get_name(target, try_suffixes=(".weight", ".bias"))
            if written is None:
                raise UnsupportedModel(f"the tensor {name} has no name in GGUF; use --form flat")
            yield Piece(written, tensor, interleaved)


def _require_sayable(base: Base) -> None:
    model = base.model
    config = model.hf.config
    if config.model_type not in ARCHITECTURES:
        raise UnsupportedModel(
            f"{model.name} is of the type {config.model_type}; GGUF files are written for {', '.join(ARCHITECTURES)}: "
            "use --form flat, and llama.cpp's own converter on the folder"
        )
    if model.dtype not in _DTYPES:
        raise UnsupportedModel(f"GGUF files have no {model.dtype}; use --dtype float32, float16 or bfloat16")
    rope = getattr(config, "rope_parameters", None) or {}
    for name, taken in _TAKEN.items():
        value = rope.get(name, getattr(config, name, taken))
        if value != taken:
            raise UnsupportedModel(
                f"{model.name} has {name}={value!r}, which the readers of a GGUF file of the type {config.model_type} "
                f"take for {taken!r}; use --form flat"
            )


def _add_settings(writer: gguf.GGUFWriter, plan: ExportPlan) -> None:
    """Shapes and constants of the architecture."""
    import gguf

    config, model = plan.config, plan.base.model
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_name(model.name)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_block_count(plan.chain.depth)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(float(config.rope_parameters["rope_theta"]))
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(gguf.LlamaFileType[_FILE_TYPES[model.dtype]])


def _add_vocabulary(writer: gguf.GGUFWriter, base: Base, folder: Path) -> None:
    """The tokenizer, where it is a byte-level BPE that llama.cpp knows; else none: the file is used with token ids."""
    import gguf

    tokenizer, rows = base.model.tokenizer, base.model.hf.config.vocab_size
    split = _split_of(folder / "tokenizer.json")
    if tokenizer is None or split is None:
        writer.add_tokenizer_model("none")
        return
    special, added = set(tokenizer.all_special_ids), tokenizer.get_added_vocab()
    by_id = {number: token for token, number in tokenizer.get_vocab().items()}
    tokens = [by_id.get(number, f"[PAD{number}]") for number in range(rows)]
    kinds = [
        gguf.TokenType.UNUSED
        if number not in by_id
        else gguf.TokenType.CONTROL
        if number in special
        else gguf.TokenType.USER_DEFINED
        if by_id[number] in added
        else gguf.TokenType.NORMAL
        for number in range(rows)
    ]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(split)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    gguf.SpecialVocab(folder, load_merges=True, n_vocab=rows).add_to_gguf(writer, quiet=True)


def _split_of(file: Path) -> str | None:
    """What llama.cpp calls the pre-tokenizer of a tokenizer.json; None: it isn't one that is known here."""
    if not file.is_file():
        return None
    told: dict[str, Any] = json.loads(file.read_text("utf-8"))
    before = told.get("pre_tokenizer") or {}
    steps = before.get("pretokenizers", [before])
    if (told.get("model") or {}).get("type") != "BPE" or not steps or steps[-1].get("type") != "ByteLevel":
        return None
    if len(steps) == 2 and steps[0].get("type") == "Split":
        return _SPLITS.get((steps[0].get("pattern") or {}).get("Regex", ""))
    return _SPLITS.get(tuple(str(step.get("type")) for step in steps))


def _numpy(data: torch.Tensor) -> Any:
    """The same bytes; numpy has no bfloat16."""
    return (data.view(torch.int16) if data.dtype == torch.bfloat16 else data).numpy()
