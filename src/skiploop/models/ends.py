"""Where a text ends, and how it is continued: one place for `generate`, the engine and studies alike.

Continuing is greedy, the arg-max of the model's own logits, unless a caller says otherwise. Penalties, beams and
sampling that a checkpoint's generation config asks for are reported (`beyond_greedy`), not obeyed: a forced pass
would decide something else than generation does, and one chain would be compared with another under a third rule.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from transformers import GenerationConfig, PreTrainedModel

from skiploop.errors import InvalidInput

# Settings of a generation config that say nothing of how tokens are chosen.
_HARMLESS = (
    "_", "transformers_version", "bos_token", "eos_token", "pad_token", "decoder_start", "max_", "use_cache",
    "cache_", "return_", "output_", "temperature", "top_", "do_sample", "compile_config",
)  # fmt: skip
_SECONDS = 5.0  # that a chat template may take
_OWN = ("inputs", "input_ids", "attention_mask", "inputs_embeds", "position_ids", "max_length", "generation_config")
_CODE = ("custom_generate", "trust_remote_code")
_MARK = "skiploop"  # an answer whose end is looked for in a rendered conversation


def end_tokens(model: PreTrainedModel, tokenizer: Any) -> tuple[int, ...]:
    """The tokens that end a text, the model's own first; none where nothing says.

    They are those of the generation config, the tokenizer's end token, and what ends a turn in its chat template. The
    model's config is asked last and only where the other two are silent: transformers fills it in with a default of the
    architecture, which may be an ordinary token of this vocabulary. Tokens that the model can't generate end nothing.

    Raises:
        InvalidInput: what stands there is no token id.
    """
    rows = model.get_input_embeddings().weight.shape[0]
    ids = _listed(getattr(getattr(model, "generation_config", None), "eos_token_id", None))
    if tokenizer is not None:
        ids += _listed(getattr(tokenizer, "eos_token_id", None)) + end_of_turn(tokenizer)
    ids = [each for each in ids if 0 <= each < rows]
    last = _listed(getattr(model.config.get_text_config(), "eos_token_id", None))
    return tuple(dict.fromkeys(ids or [each for each in last if 0 <= each < rows]))


def end_of_turn(tokenizer: Any) -> list[int]:
    """The special token that follows an answer in the tokenizer's chat template; none without a template."""
    if not getattr(tokenizer, "chat_template", None):
        return []
    turns = [{"role": "user", "content": "question"}, {"role": "assistant", "content": _MARK}]
    try:
        with _no_longer_than(_SECONDS):
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


def refuse_other_forms(settings: dict[str, Any]) -> None:
    """Raises InvalidInput for settings of `generate` after which there isn't one text for each prompt."""
    if (several := settings.get("num_return_sequences", 1)) != 1:
        raise InvalidInput(
            f"num_return_sequences={several!r} would give several texts for a prompt, and `generate` gives one; "
            "give the prompt several times, or use run_chain and the model's own generate"
        )
    for name, value in settings.items():
        if name in _OWN:
            raise InvalidInput(
                f"{name} is made of the prompts and max_new_tokens, and can't be given; give single settings such as "
                "num_beams=4, or use run_chain and the model's own generate"
            )
        if value and name == "stop_strings":
            raise InvalidInput(f"stop_strings={value!r:.60}: give stop instead, which a study knows, too")
        if value and name in _CODE:
            raise InvalidInput(
                f"{name}={value!r:.60} would run code from elsewhere; use the model's own generate for that"
            )
        if value and name.startswith(("return_dict", "output_", "return_legacy", "streamer")):
            raise InvalidInput(
                f"{name}={value!r:.60} changes the form of the output, and `generate` returns texts; use run_chain and "
                "the model's own generate"
            )


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


@contextmanager
def _no_longer_than(seconds: float) -> Iterator[None]:
    """Raises TimeoutError in Python code that runs longer, which a template's loops are compiled to."""
    end, before = time.monotonic() + seconds, sys.gettrace()

    def trace(*_: Any) -> Any:
        if time.monotonic() > end:
            raise TimeoutError
        return trace

    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def _listed(ids: Any) -> list[int]:
    found = list(ids) if isinstance(ids, list | tuple) else [] if ids is None else [ids]
    for each in found:
        if type(each) is not int:
            raise InvalidInput(
                f"eos_token_id is {ids!r:.60} in generation_config.json or config.json, not a token id or a list of "
                "them; correct it there"
            )
    return found
