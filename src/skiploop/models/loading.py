"""From a name to a loaded model: the embedded one, a local folder, or the Hugging Face hub.

Only safetensors checkpoints are read, and no code from a repository is run unless the caller asks for it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from skiploop.errors import InvalidInput, UnsupportedModel

DTYPES = ("auto", "float32", "bfloat16", "float16", "float64")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model with its tokenizer, ready to run, and where it came from."""

    model: PreTrainedModel
    tokenizer: Any
    name: str
    revision: str


def load(
    name: str,
    *,
    dtype: str | None = None,
    device: str | None = None,
    revision: str | None = None,
    attn_implementation: str | None = None,
    trust_remote_code: bool = False,
) -> Loaded:
    """Load `nano`, a folder with a checkpoint, or a model of the hub (`owner/name`).

    Raises:
        InvalidInput: there is nothing under that name, the folder holds no model, or the dtype or device isn't
            available.
        UnsupportedModel: an encoder-decoder.
    """
    place = nano_folder() if name == "nano" else name
    _refuse_non_model(name, place)
    common = {"revision": revision, "trust_remote_code": trust_remote_code}
    config = _load(name, AutoConfig.from_pretrained, place, **common)
    if getattr(config, "is_encoder_decoder", False):
        raise UnsupportedModel(
            f"{name} ({config.model_type}) is an encoder-decoder: it has two stacks of layers and cross-attention "
            "between them; use a decoder-only or an encoder-only model"
        )
    causal = config.model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and not _is_encoder(config)
    model = _load(
        name,
        (AutoModelForCausalLM if causal or trust_remote_code else AutoModel).from_pretrained,
        place,
        dtype=_dtype(dtype),
        use_safetensors=True,
        **({"attn_implementation": attn_implementation} if attn_implementation else {}),
        **common,
    )
    tokenizer = _load(name, AutoTokenizer.from_pretrained, place, **common)
    loaded = getattr(model.config, "_commit_hash", None) or revision or ("local" if Path(place).exists() else "main")
    return Loaded(model.to(_device(device)).eval(), tokenizer, name, str(loaded))


def nano_folder() -> str:
    """The folder of the embedded model inside the installed package."""
    return str(files("skiploop.nano"))


def fingerprint(model: PreTrainedModel) -> str:
    """SHA-256 over the config and a sample of every weight, to distinguish checkpoints of the same name."""
    # Neither its location nor the dtype it runs in makes it another checkpoint.
    ignored = ("_", "transformers_version", "dtype", "torch_dtype")
    config = {name: value for name, value in model.config.to_dict().items() if not name.startswith(ignored)}
    digest = hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode())
    for name, weight in sorted(model.state_dict().items()):
        flat = weight.detach().flatten()
        sample = flat[:: max(1, flat.numel() // 64)].float().cpu()
        digest.update(name.encode() + sample.numpy().tobytes())
    return digest.hexdigest()


def _is_encoder(config: Any) -> bool:
    """BERT-like models have a causal head too, but without `is_decoder` they attend in both directions."""
    architectures = getattr(config, "architectures", None) or [""]
    return hasattr(config, "is_decoder") and not config.is_decoder and "CausalLM" not in architectures[0]


def _refuse_non_model(name: str, place: str) -> None:
    path = Path(place)
    if path.is_dir() and not (path / "config.json").is_file():
        raise InvalidInput(
            f"the folder {name!r} holds no model: there is no config.json in it; give a folder written by "
            "save_pretrained, a hub name such as Qwen/Qwen3-0.6B, or nano"
        )
    if path.is_file():
        raise InvalidInput(f"{name!r} is a file; give the folder that holds config.json and model.safetensors")
    looks_local = place.startswith((".", "/", "~")) or place.count("/") > 1
    if looks_local and not path.exists():
        raise InvalidInput(f"there is no folder {name!r}; give an existing one, a hub name, or nano")


def _load(name: str, loader: Any, place: str, **settings: Any) -> Any:
    previous = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        return loader(place, **settings)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InvalidInput(
            f"can't load the model {name!r}: {reason} (a model is nano, a folder written by save_pretrained with "
            "safetensors weights, or a name on the Hugging Face hub, which needs a network or a local copy)"
        ) from error
    finally:
        transformers.logging.set_verbosity(previous)


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
