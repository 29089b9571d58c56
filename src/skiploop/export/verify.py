"""The exported model against the chain on its base: the same logits and the same greedy tokens, bit for bit.

What the chain gives is computed before the export, so that the base needn't be in memory beside the exported model.
"""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoModel, AutoModelForCausalLM, GenerationConfig, PreTrainedModel

from skiploop.chains.chain import Chain
from skiploop.errors import UnsupportedModel
from skiploop.export.place import MARK
from skiploop.models.ends import own_settings_aside
from skiploop.models.files import check_weights, first_line
from skiploop.models.replay import run_chain

TOKENS = 8
"""Greedy tokens that are compared."""
_LENGTH, _PADDED = 24, 5


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a model gives for the inputs of the comparison.

    Attributes:
        logits: at the real tokens, [n, V]; the last hidden states of a model without a head.
        tokens: of greedy generation after the prompts, [B, T]; None where the model generates no text.
    """

    logits: torch.Tensor
    tokens: torch.Tensor | None


def outputs_of(model: PreTrainedModel, chain: Chain | None = None) -> Outputs:
    """Logits and greedy tokens of two prompts, the second one left-padded; `chain` None: of the model as it is."""
    batch = _batch(model)
    running: AbstractContextManager[Any] = nullcontext() if chain is None else run_chain(model, chain)
    with aligned(model), torch.inference_mode(), running:
        output = model(**batch)
        logits = output.logits if hasattr(output, "logits") else output.last_hidden_state
        tokens = greedy_tokens(model) if model.can_generate() else None
    return Outputs(logits[batch["attention_mask"].bool()].cpu(), tokens)


@contextmanager
def aligned(model: PreTrainedModel) -> Iterator[None]:
    """Weights on the CPU at addresses that are multiples of 64, where they are whenever torch allocates them.

    A model that is loaded has them wherever they are in its file, and kernels choose their path by that: GraniteMoE's
    experts gave the last bits of a logit in another way. Comparing two models bit for bit needs one placement.
    """
    moved = [each for each in (*model.parameters(), *model.buffers()) if not _is_aligned(each)]
    before = [each.data for each in moved]
    try:
        for each in moved:
            each.data = each.data.clone()
        yield
    finally:
        for each, data in zip(moved, before, strict=True):
            each.data = data


def _is_aligned(tensor: torch.Tensor) -> bool:
    return tensor.device.type != "cpu" or tensor.data_ptr() % 64 == 0


def greedy_tokens(model: PreTrainedModel, **more: Any) -> torch.Tensor:
    """Greedy tokens after the two prompts, [B, T]; `more` is handed to `generate`."""
    batch = _batch(model)
    given = {name: batch[name] for name in ("input_ids", "attention_mask")}
    settings = GenerationConfig(max_new_tokens=TOKENS, do_sample=False, pad_token_id=0, eos_token_id=None)
    with own_settings_aside(model, (), 0):
        whole: torch.Tensor = model.generate(**given, generation_config=settings, **more)
    return whole[:, _LENGTH:].cpu()


def _batch(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """Two rows of random tokens, [2, S]; away from the first ids, where special tokens usually are."""
    vocabulary = model.config.get_text_config().vocab_size
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(min(8, vocabulary - 1), vocabulary, (2, _LENGTH), generator=generator)
    mask = torch.ones_like(ids)
    mask[1, :_PADDED] = 0
    batch = {"input_ids": ids, "attention_mask": mask}
    if "position_ids" in inspect.signature(model.forward).parameters:
        batch["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)
    device = model.get_input_embeddings().weight.device
    return {name: tensor.to(device) for name, tensor in batch.items()}


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How an exported model is loaded back.

    Attributes:
        dtype, device, attention: those of the base.
        generates: it has a head for text.
        trust: its folder brings code.
        gguf: the name of a GGUF file in the folder; empty: it is a checkpoint.
    """

    dtype: torch.dtype
    device: torch.device
    attention: str
    generates: bool
    trust: bool = False
    gguf: str = ""


def require_same(folder: Path, wanted: Outputs, options: LoadOptions) -> None:
    """Loads the exported model with plain transformers and compares it.

    Raises:
        UnsupportedModel: it can't be loaded or run, lacks weights, or gives something else.
    """
    model: PreTrainedModel | None = None
    try:
        model = _loaded(folder, options)
        found = outputs_of(model)
    except Exception as error:  # whatever transformers raises: the export isn't what it is to be
        raise UnsupportedModel(_refusal(f"it can't be loaded and run ({first_line(error)})")) from error
    finally:
        if model is not None:
            forget_code(type(model))
    if wanted.logits.shape != found.logits.shape or not torch.equal(wanted.logits, found.logits):
        raise UnsupportedModel(_refusal(f"its logits are others ({_distance(wanted.logits, found.logits)})"))
    if wanted.tokens is not None and (found.tokens is None or not torch.equal(wanted.tokens, found.tokens)):
        raise UnsupportedModel(_refusal("its logits are the same, but it generates other tokens"))


def _loaded(folder: Path, options: LoadOptions) -> PreTrainedModel:
    reader = AutoModelForCausalLM if options.generates else AutoModel
    settings: dict[str, Any] = {"gguf_file": options.gguf} if options.gguf else {"use_safetensors": True}
    if options.attention:
        settings["attn_implementation"] = options.attention
    previous = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        with (
            redirect_stderr(StringIO()) if options.gguf else nullcontext()
        ):  # a bar of its own, which nothing else stops
            model, info = reader.from_pretrained(
                folder, dtype=options.dtype, trust_remote_code=options.trust, output_loading_info=True, **settings
            )
    finally:
        transformers.logging.set_verbosity(previous)
    check_weights("that was written", model, info)
    return model.to(options.device).eval()


def forget_code(found: Callable[..., Any]) -> None:
    """Deletes what transformers has copied of the code of a folder that is about to get another name.

    `found` is a class or function of that code.
    """
    file = Path(inspect.getfile(found))
    for copied in file.parents:
        if MARK.strip(".-") in copied.name:
            shutil.rmtree(copied, ignore_errors=True)


def _distance(wanted: torch.Tensor, found: torch.Tensor) -> str:
    if wanted.shape != found.shape:
        return f"of the shape {tuple(found.shape)} in place of {tuple(wanted.shape)}"
    return f"by up to {(wanted - found).abs().max().item():.2g}"


def _refusal(what: str) -> str:
    return (
        f"the exported model isn't the chain on its base: {what}; nothing was kept. Its files leave something "
        "open that this architecture decides in another way; use another --form, or run the chain with run_chain"
    )
