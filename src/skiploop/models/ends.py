"""Where a text ends, and how it is continued: one place for `generate`, the engine and studies alike.

Continuing is greedy, the arg-max of the model's own logits, unless a caller says otherwise. Penalties, beams and
sampling that a checkpoint's generation config asks for are reported (`beyond_greedy`), not obeyed: a forced pass
would decide something else than generation does, and one chain would be compared with another under a third rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from transformers import GenerationConfig, PreTrainedModel

# Settings of a generation config that say nothing of how tokens are chosen.
_HARMLESS = (
    "_", "transformers_version", "bos_token", "eos_token", "pad_token", "decoder_start", "max_", "min_", "use_cache",
    "cache_", "return_", "output_", "temperature", "top_", "do_sample", "compile_config",
)  # fmt: skip
_MARK = "skiploop"  # an answer whose end is looked for in a rendered conversation


def end_tokens(model: PreTrainedModel, tokenizer: Any) -> tuple[int, ...]:
    """The tokens that end a text, the model's own first; none where nothing says.

    They are those of the generation config, the tokenizer's end token, and what ends a turn in its chat template. The
    model's config is asked last and only where the other two are silent: transformers fills it in with a default of the
    architecture, which may be an ordinary token of this vocabulary.
    """
    ids = _listed(getattr(getattr(model, "generation_config", None), "eos_token_id", None))
    if tokenizer is not None:
        ids += _listed(getattr(tokenizer, "eos_token_id", None)) + end_of_turn(tokenizer)
    return tuple(dict.fromkeys(ids or _listed(getattr(model.config.get_text_config(), "eos_token_id", None))))


def end_of_turn(tokenizer: Any) -> list[int]:
    """The special token that follows an answer in the tokenizer's chat template; none without a template."""
    if not getattr(tokenizer, "chat_template", None):
        return []
    turns = [{"role": "user", "content": "question"}, {"role": "assistant", "content": _MARK}]
    try:
        text = tokenizer.apply_chat_template(turns, tokenize=False)
    except Exception:  # a template is a program of somebody else's; without its end the other sources stand
        return []
    after = text.rpartition(_MARK)[2].lstrip()
    special = [token for token in tokenizer.all_special_tokens if after.startswith(token)]
    return [tokenizer.convert_tokens_to_ids(max(special, key=len))] if special else []


def beyond_greedy(model: PreTrainedModel) -> dict[str, Any]:
    """What the checkpoint's generation config asks for beyond greedy decoding, and isn't obeyed."""
    own = getattr(model, "generation_config", None)
    if own is None:
        return {}
    asked = {name: value for name, value in own.to_diff_dict().items() if not name.startswith(_HARMLESS)}
    if own.do_sample:
        sampling = ("do_sample", "temperature", "top_p", "top_k")
        asked |= {name: value for name in sampling if (value := getattr(own, name, None)) is not None}
    return asked


@contextmanager
def own_settings_aside(model: PreTrainedModel, ends: Sequence[int], pad: int) -> Iterator[None]:
    """While the context is open, stock `generate` knows nothing of the checkpoint's generation config but its ends.

    Swapped, not passed: transformers fills in what a passed config leaves open from the model's own.
    """
    own = model.generation_config
    model.generation_config = GenerationConfig(pad_token_id=pad, eos_token_id=list(ends) or None)
    try:
        yield
    finally:
        model.generation_config = own


def _listed(ids: Any) -> list[int]:
    return [int(each) for each in ids] if isinstance(ids, list | tuple) else [] if ids is None else [int(ids)]
