"""What is refused of a checkpoint's files before and after transformers reads them.

Before: sizes that no model has (they would fill memory before anything is checked), index files that name anything
but safetensors in the same folder, weights that are whole numbers, attention kernels that would be code from elsewhere.
After: weights that the files didn't have. transformers fills those up with random numbers and logs a table; a study on
them would run to its end on noise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open
from transformers import PreTrainedModel
from transformers.quantizers.auto import AUTO_QUANTIZATION_CONFIG_MAPPING
from transformers.utils import cached_file

from skiploop.errors import InvalidInput

LARGEST = {
    "num_hidden_layers": 4096,
    "num_attention_heads": 2**14,
    "num_key_value_heads": 2**14,
    "head_dim": 2**16,
    "hidden_size": 2**18,
    "intermediate_size": 2**22,
    "vocab_size": 2**24,
    "num_experts": 2**16,
    "num_local_experts": 2**16,
}
"""The largest sizes in a config that are read; far above those of any model."""

_NAMED = 4  # names in a message
_SINGLE, _INDEX = "model.safetensors", "model.safetensors.index.json"


def check_config(name: str, config: Any, *, trusted: bool) -> None:
    """Raises InvalidInput for sizes in config.json that no model has, and for attention code from elsewhere."""
    if not isinstance(config, Mapping):
        raise InvalidInput(f"can't load the model {name!r}: config.json doesn't hold a JSON object; was it edited?")
    for place, section in (("", config), *((f"{key}.", value) for key, value in config.items())):
        if not isinstance(section, Mapping):
            continue
        for size, largest in LARGEST.items():
            value = section.get(size)
            if value is None or isinstance(value, list):  # a size for each layer
                continue
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= largest:
                raise InvalidInput(
                    f"can't load the model {name!r}: {place}{size} in config.json is {value!r:.60}; a whole number "
                    f"from 1 to {largest} is read"
                )
    _check_quantisation(name, config, trusted=trusted)
    kernel = config.get("_attn_implementation", config.get("attn_implementation"))
    if isinstance(kernel, str) and "/" in kernel and not trusted:
        raise InvalidInput(
            f"can't load the model {name!r}: its config.json asks for the attention kernel {kernel!r}, which is code "
            "from elsewhere; give attn_implementation, or --trust-remote-code if you trust it"
        )


def _check_quantisation(name: str, config: Mapping[str, Any], *, trusted: bool) -> None:
    """transformers leaves out a method that it doesn't know, and takes the packed weights for plain ones."""
    quantisation = config.get("quantization_config")
    method = quantisation.get("quant_method") if isinstance(quantisation, Mapping) else None
    if isinstance(method, str) and method not in AUTO_QUANTIZATION_CONFIG_MAPPING and not trusted:
        raise InvalidInput(
            f"can't load the model {name!r}: its config.json has the quant_method {method!r:.60}, which this version "
            f"of transformers doesn't know; known are {', '.join(sorted(AUTO_QUANTIZATION_CONFIG_MAPPING))}"
        )


def check_generation_config(name: str, place: str, revision: str | None) -> None:
    """Raises InvalidInput for a generation_config.json that can't be read.

    transformers goes on without it, and so without the end tokens that often stand nowhere else.
    """
    file = "generation_config.json"
    try:
        path = find_file(place, file, revision)
        config = {} if path is None else json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInput(f"can't load the model {name!r}: {file} can't be read: {first_line(error)}") from error
    if not isinstance(config, dict):
        raise InvalidInput(f"can't load the model {name!r}: {file} doesn't hold a JSON object; was it edited?")


def check_architecture(name: str, config: Any, classes: Mapping[str, str]) -> None:
    """Raises InvalidInput where config.json names a class that belongs to another type than its model_type.

    transformers goes by the type alone. Where the tensors have the same names, as in many families, another model than
    the one that was trained would run without a word.

    Args:
        name: the model's, for the message.
        config: as transformers made it.
        classes: causal language models by model_type.
    """
    own, written = classes.get(config.model_type), getattr(config, "architectures", None)
    stated = written[0] if isinstance(written, list) and written else None
    if own is not None and stated in set(classes.values()) and stated != own:
        raise InvalidInput(
            f"can't load the model {name!r}: its config.json has the model_type {config.model_type!r}, which is "
            f"{own}, and the architecture {stated}; correct the one that is wrong"
        )


def find_file(place: str, file: str, revision: str | None) -> Path | None:
    """A file of a folder, or of a model of the hub; None where there is none, or no network."""
    found = cached_file(
        place, file, revision=revision, _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False, _raise_exceptions_for_gated_repo=False,
    )  # fmt: skip
    return None if found is None else Path(found)


def check_index(name: str, place: str, revision: str | None) -> list[str]:
    """The files that hold the weights.

    Raises:
        InvalidInput: the index names anything but safetensors files beside it.
    """
    try:
        path = find_file(place, _INDEX, revision)
        index = None if path is None else json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInput(f"can't load the model {name!r}: {_INDEX} can't be read: {first_line(error)}") from error
    if index is None:
        return [_SINGLE]
    files = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(files, dict) or not files:
        raise InvalidInput(f"can't load the model {name!r}: {_INDEX} has no weight_map; was the download interrupted?")
    for file in files.values():
        if not isinstance(file, str) or not re.fullmatch(r"[^/\\]+\.safetensors", file):
            raise InvalidInput(
                f"can't load the model {name!r}: {_INDEX} names {file!r:.80}; only safetensors files in the same "
                "folder are read, no pickles and nothing from elsewhere"
            )
    return sorted(set(files.values()))


def check_types(name: str, path: Path) -> None:
    """Raises InvalidInput where a file of a model that isn't quantised has whole or complex numbers for weights.

    transformers would take them for the weights themselves, without the scales or imaginary parts that they need.
    """
    with safe_open(path, "pt") as file:
        for key in file.keys():  # noqa: SIM118 - it isn't a mapping
            kind = file.get_slice(key).get_dtype()
            if key.endswith(".weight") and kind.startswith(("I", "U", "BOOL", "C")):
                raise InvalidInput(
                    f"the checkpoint {name!r} has the type {kind} for {key}, but config.json says nothing of a "
                    "quantisation (quantization_config); download it again, or correct config.json"
                )


def check_weights(
    name: str, model: PreTrainedModel, info: Mapping[str, Iterable[Any]], *, allow_missing: bool = False
) -> None:
    """Raises InvalidInput where the checkpoint and its config disagree on which tensors there are.

    Args:
        name: the model's, for the message.
        model: as loaded.
        info: transformers' report of the loading; tied weights and buffers that are computed anew are not in it.
        allow_missing: run the model as it is, with random numbers in place of what is missing.
    """
    if allow_missing:
        return
    generates = model.can_generate()
    missing = [key for key in info["missing_keys"] if generates or not _unused(key)]
    # Shapes differ: (name, shape in the file, shape in the model).
    mismatched = [f"{key} {tuple(there)} for {tuple(here)}" for key, there, here in info.get("mismatched_keys") or ()]
    unexpected = [key for key in info["unexpected_keys"] if _matters(key, model, generates)]
    for what, keys in (
        ("lacks weights that its config.json asks for", missing),
        ("has weights of other shapes than its config.json says", mismatched),
        ("has weights that its config.json has no place for", unexpected),
    ):
        if keys:
            raise InvalidInput(
                f"the checkpoint {name!r} {what}: {listed(keys)}. transformers would go on with random or missing "
                "layers; download it again, correct config.json, or pass --allow-missing to run it all the same"
            )


def first_line(error: BaseException) -> str:
    """The first line of an error's text that says something, or its type."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = " ".join(lines[:2]) if lines and lines[0].endswith(":") else "".join(lines[:1])
    return said[:300] or type(error).__name__


def _unused(key: str) -> bool:
    """A pooler on top of an encoder has no part in its hidden states, and is often not in the file."""
    return ".pooler." in f".{key}" or key.startswith("pooler")


def _matters(key: str, model: PreTrainedModel, generates: bool) -> bool:
    """Whether a tensor that found no place means that something else was meant to be loaded.

    Not where it is a buffer that the model computes itself (rotary frequencies, causal masks of old checkpoints), or
    the head of another task on an encoder that is loaded without one.
    """
    buffers = {path.rpartition(".")[2] for path, _ in model.named_buffers()}
    if key.rpartition(".")[2] in buffers | {"inv_freq", "masked_bias", "position_ids"}:
        return False
    return generates or re.search(r"\.\d+\.", key) is not None


def listed(keys: Iterable[str]) -> str:
    """The first few names in a sentence, and how many more there are."""
    names = sorted(keys)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
