"""From a name to a loaded model: the embedded one, a local folder, or the Hugging Face hub.

Only safetensors checkpoints and GGUF files are read; no code of a repository is run unless the caller asks for it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from skiploop.errors import InvalidInput, UnsupportedModel
from skiploop.models.adapters import base_of, find_adapter, merged
from skiploop.models.chain_config import FILE, ChainConfig, find_chain_config
from skiploop.models.files import (
    check_architecture,
    check_config,
    check_generation_config,
    check_index,
    check_types,
    check_weights,
    find_file,
    first_line,
)
from skiploop.models.replay import find_layers

DTYPES = ("auto", "float32", "bfloat16", "float16", "float64")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model with its tokenizer, ready to run, and where it came from."""

    model: PreTrainedModel
    tokenizer: Any
    name: str
    revision: str
    chosen: ChainConfig | None = None
    """The chain that it is opened with, of a `chain_config.json`."""


EVERYWHERE = "auto"
"""The device of a model that is too large for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """How a checkpoint is opened.

    Attributes:
        dtype: one of `DTYPES`; None: the checkpoint's own.
        device: None: a GPU where there is one; `auto`: the layers spread over all GPUs of this process, by accelerate.
        revision: of a model of the hub.
        attn_implementation: None: transformers' choice.
        trust_remote_code: may the checkpoint bring its own Python code?
        allow_missing: run one that lacks weights, with random numbers in their place?
    """

    dtype: str | None = None
    device: str | None = None
    revision: str | None = None
    attn_implementation: str | None = None
    trust_remote_code: bool = False
    allow_missing: bool = False


def load(name: str, opening: Opening | None = None) -> Loaded:
    """Loads `nano`, `smollm2`, a folder with a checkpoint, an adapter or a chain, a GGUF file, or a model of the hub.

    Raises:
        InvalidInput: the name leads nowhere, the folder holds no model or a damaged one, weights are missing, a package
            that the checkpoint needs isn't installed, the dtype or device isn't there.
        UnsupportedModel: an encoder-decoder.
    """
    opening = opening or Opening()
    place = place_of(name)
    chosen = None if Path(place).is_file() else find_chain_config(place, opening.revision)
    if chosen is not None:
        return _with_chain(name, chosen, opening)
    adapter = None if Path(place).is_file() else find_adapter(name, place, opening.revision)
    if adapter is not None:
        loaded = load(base_of(name, adapter), replace(opening, revision=None))
        whole = _read(name, "the adapter", merged, name, loaded.model, adapter, opening.revision)
        return Loaded(whole.eval(), loaded.tokenizer, name, loaded.revision)
    folder, gguf = _gguf(name, place)
    common = {"revision": opening.revision, "trust_remote_code": opening.trust_remote_code} | gguf
    if not gguf:
        _check_files(name, folder, opening)
    config = _read(name, "config.json", AutoConfig.from_pretrained, folder, **common)
    if getattr(config, "is_encoder_decoder", False):
        raise UnsupportedModel(
            f"{name} ({config.model_type}) is an encoder-decoder: it has two stacks of layers and cross-attention "
            "between them; use a decoder-only or an encoder-only model"
        )
    if not opening.trust_remote_code:
        check_architecture(name, config, MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
    model = _model(name, folder, config, opening, common)
    tokenizer = _read(name, "the tokenizer's files", _tokenizer, folder, **common)
    commit = (
        getattr(model.config, "_commit_hash", None) or opening.revision or ("local" if Path(place).exists() else "main")
    )
    return Loaded(_moved(model, opening.device), tokenizer, name, str(commit))


def _with_chain(name: str, chosen: ChainConfig, opening: Opening) -> Loaded:
    """The base of a `chain_config.json`, to be run under its chain.

    Raises:
        InvalidInput: the base isn't there, is itself no model but a chain, or has another number of layers.
    """
    try:
        loaded = _base_of_chain(chosen, opening)
    except InvalidInput as error:
        raise InvalidInput(f"{name!r} holds a chain on the base {chosen.base_model!r}: {error}") from error
    num_layers = len(find_layers(loaded.model))
    if chosen.chain.num_layers != num_layers:
        raise InvalidInput(
            f"the chain in {name!r} is for a model of {chosen.chain.num_layers} layers, but its base "
            f"{chosen.base_model!r} has {num_layers}; correct base_model or revision in {FILE}"
        )
    return replace(loaded, chosen=chosen)


def _base_of_chain(chosen: ChainConfig, opening: Opening) -> Loaded:
    """The model that a chain is for.

    Raises:
        InvalidInput: what is named there is a chain, too.
    """
    place = place_of(chosen.base_model)
    if not Path(place).is_file() and find_chain_config(place, chosen.revision) is not None:
        raise InvalidInput(f"that is a chain, too, no model; name the model in {FILE}")
    return load(chosen.base_model, replace(opening, revision=chosen.revision))


def _check_files(name: str, folder: str, opening: Opening) -> None:
    """What is refused before transformers reads anything but config.json."""
    config = _read(name, "config.json", PreTrainedConfig.get_config_dict, folder, revision=opening.revision)[0]
    check_config(name, config, trusted=opening.trust_remote_code)
    check_generation_config(name, folder, opening.revision)
    files = check_index(name, folder, opening.revision)
    for file in files if config.get("quantization_config") is None else ():
        path = _read(name, file, find_file, folder, file, opening.revision)
        if path is not None:
            _read(name, file, check_types, name, path)


def _tokenizer(folder: str, **common: Any) -> Any:
    """The tokenizer, if all its special tokens have ids.

    Raises:
        InvalidInput: its unknown token has none, for which transformers looks up the unknown token, and so on for ever.
    """
    tokenizer = AutoTokenizer.from_pretrained(folder, **common)
    try:
        tokenizer.all_special_ids  # noqa: B018 - it computes them
    except RecursionError as error:
        raise InvalidInput(
            f"the tokenizer of {folder!r} has the unknown token {tokenizer.unk_token!r:.60}, which isn't in its "
            "vocabulary; correct unk_token in tokenizer_config.json"
        ) from error
    return tokenizer


def _model(name: str, folder: str, config: Any, opening: Opening, common: dict[str, Any]) -> PreTrainedModel:
    """The weights in their model, all of them, and nothing left over."""
    causal = config.model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and not _is_encoder(config)
    kernel = {"attn_implementation": opening.attn_implementation} if opening.attn_implementation else {}
    if opening.device == EVERYWHERE:
        require_accelerate()
        kernel["device_map"] = EVERYWHERE
    model, info = _read(
        name,
        "config.json or the weights",
        (AutoModelForCausalLM if causal or opening.trust_remote_code else AutoModel).from_pretrained,
        folder,
        dtype=_dtype(opening.dtype),
        use_safetensors=True,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # told by name, below
        **kernel,
        **common,
    )
    check_weights(name, model, info, allow_missing=opening.allow_missing)
    loaded: PreTrainedModel = model
    return loaded


def _gguf(name: str, place: str) -> tuple[str, dict[str, str]]:
    """The folder, and the name of a GGUF file in it where that is what was given."""
    path = Path(place)
    if path.is_dir() and not (path / "config.json").is_file():
        found = sorted(path.glob("*.gguf"))
        if len(found) > 1:
            names = ", ".join(each.name for each in found[:4])
            raise InvalidInput(
                f"the folder {name!r} holds {len(found)} GGUF files ({names}); give the one that is meant"
            )
        path = found[0] if found else path
    if path.suffix != ".gguf":
        return place, {}
    missing = [package for package in ("gguf", "accelerate") if find_spec(package) is None]
    if missing:
        raise InvalidInput(
            f"{name!r} is a GGUF file; reading it needs {' and '.join(missing)}: pip install 'skiploop[gguf]'"
        )
    return str(path.parent), {"gguf_file": path.name}


def nano_folder() -> str:
    """The folder of the embedded model inside the installed package."""
    return str(files("skiploop.nano"))


def smollm2_folder() -> Path:
    """Where `recipes/smollm2.sh` puts SmolLM2-135M-Instruct: $SMOLLM2, or ~/.cache/skiploop/smollm2."""
    return Path(os.environ.get("SMOLLM2") or "~/.cache/skiploop/smollm2").expanduser()


def fingerprint(model: PreTrainedModel, tokenizer: Any = None, ends: Sequence[int] = ()) -> str:
    """SHA-256 over all that decides what a model says, to distinguish checkpoints of the same name.

    That is its config, a sample of every weight, its tokenizer with the chat template, and the tokens that end a text.
    """
    # Neither its location nor the dtype it runs in makes it another checkpoint.
    ignored = ("_", "transformers_version", "dtype", "torch_dtype")
    config = {name: value for name, value in model.config.to_dict().items() if not name.startswith(ignored)}
    digest = hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode())
    for name, weight in sorted(model.state_dict().items()):
        flat = weight.detach().flatten()
        sample = flat[:: max(1, flat.numel() // 64)].float().cpu()
        digest.update(name.encode() + sample.numpy().tobytes())
    digest.update(json.dumps([list(ends), _tokenizer_parts(tokenizer)], sort_keys=True, default=str).encode())
    return digest.hexdigest()


def _tokenizer_parts(tokenizer: Any) -> Any:
    """What a tokenizer does, as JSON; padding and truncation are settings of a call, not of the checkpoint."""
    if tokenizer is None:
        return None
    backend = getattr(tokenizer, "backend_tokenizer", None)
    parts = tokenizer.get_vocab() if backend is None else json.loads(backend.to_str())
    parts = {name: value for name, value in parts.items() if backend is None or name not in ("padding", "truncation")}
    return [parts, getattr(tokenizer, "special_tokens_map", None), getattr(tokenizer, "chat_template", None)]


def _is_encoder(config: Any) -> bool:
    """BERT-like models have a causal head too, but without `is_decoder` they attend in both directions."""
    architectures = getattr(config, "architectures", None) or [""]
    return hasattr(config, "is_decoder") and not config.is_decoder and "CausalLM" not in architectures[0]


def place_of(name: str) -> str:
    """The folder or file of a name; a name of the hub as it is."""
    if name == "nano":
        return nano_folder()
    if name == "smollm2":
        folder = smollm2_folder()
        if not (folder / "config.json").is_file():
            raise InvalidInput(
                f"the model smollm2 isn't in {folder} (set SMOLLM2 for another folder); run recipes/smollm2.sh, which "
                "fetches and converts it"
            )
        return str(folder)
    path = Path(name).expanduser()
    if path.is_dir() and not any((path / file).is_file() for file in ("config.json", "adapter_config.json", FILE)):
        if not any(path.glob("*.gguf")):
            raise InvalidInput(
                f"the folder {name!r} holds no model: there is no config.json in it; give a folder written by "
                "save_pretrained, a hub name such as Qwen/Qwen3-0.6B, or nano"
            )
    elif path.is_file() and path.suffix != ".gguf":
        raise InvalidInput(
            f"{name!r} is a file; give the folder that holds config.json and model.safetensors, or a .gguf file"
        )
    looks_local = name.startswith((".", "/", "~")) or name.count("/") > 1
    if looks_local and not path.exists():
        raise InvalidInput(f"there is no folder {name!r}; give an existing one, a hub name, or nano")
    return str(path) if path.exists() else name


def _read(name: str, what: str, reader: Any, *given: Any, **settings: Any) -> Any:
    """Calls a reader of transformers; whatever it dies of becomes one line that names the file and the cause."""
    previous = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        return reader(*given, **settings)
    except (InvalidInput, UnsupportedModel):
        raise
    except BaseException as error:
        # Damaged and hostile files make transformers, torch and tokenizers raise nearly anything, up to a panic of
        # tokenizers' own language, which isn't an Exception.
        if isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit)):
            raise
        known = (
            "the files may be damaged, or made for another version of transformers"
            if Path(place_of(name)).exists()
            else "known are: nano, smollm2, a folder written by save_pretrained with safetensors weights, a GGUF file, "
            "or a name on the Hugging Face hub, for which there must be network or a local copy"
        )
        raise InvalidInput(f"can't load the model {name!r}: {what}: {first_line(error)} ({known})") from error
    finally:
        transformers.logging.set_verbosity(previous)


def _moved(model: PreTrainedModel, device: str | None) -> Any:
    """On the device, for inference; where accelerate has placed it already, it stays."""
    placed = device == EVERYWHERE or getattr(model, "hf_device_map", None)
    return (model if placed else model.to(_device(device))).eval()


def require_accelerate() -> None:
    """Raises InvalidInput, saying how to install it, where accelerate is missing."""
    if find_spec("accelerate") is None:
        raise InvalidInput("--device auto needs the package accelerate, which isn't installed: pip install accelerate")


def _dtype(dtype: str | None) -> Any:
    if dtype is None:
        return "auto"
    if dtype not in DTYPES:
        raise InvalidInput(f"unknown dtype {dtype!r}; use one of {', '.join(DTYPES)}")
    return dtype if dtype == "auto" else getattr(torch, dtype)


def _device(device: str | None) -> torch.device:
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        available = torch.device(device)
        torch.empty(0, device=available)
    except (RuntimeError, AssertionError) as error:
        raise InvalidInput(f"the device {device!r} isn't available here: {str(error).splitlines()[0]}") from error
    return available
