"""Stop strings: texts at which a generated text ends, wherever they lie in its tokens.

What counts is the text: it is cut at the first place where one of them begins, whichever engine wrote it and however
far it wrote on. Generation ends as soon as one is complete, which only saves work. A stop string that is one special
token of the tokenizer, such as `<|im_end|>`, is an end token: such tokens aren't part of the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import StoppingCriteria

_MORE_TOKENS = 4  # than a stop string has bytes, in which it is looked for first


def cut_at_stop(text: str, stop: Sequence[str]) -> str:
    """A text up to where the first of these begins."""
    places = [place for each in stop if (place := text.find(each)) >= 0]
    return text[: min(places, default=len(text))]


def stop_tokens(tokenizer: Any, stop: Sequence[str]) -> frozenset[int]:
    """Those of these texts that are special tokens."""
    special = set(getattr(tokenizer, "all_special_tokens", ())) if stop else set()
    return frozenset(int(tokenizer.convert_tokens_to_ids(each)) for each in stop if each in special)


def is_stopped(model: Any, prompt: Sequence[int], emitted: Sequence[int], stop: Sequence[str]) -> bool:
    """Whether the tokens after a prompt have a stop string in their text; to be asked after each token.

    Args:
        model: a `LayeredModel`.
        prompt: its tokens.
        emitted: what was generated.
        stop: the texts.
    """
    if not stop:
        return False
    window = max(len(each.encode()) for each in stop) + _MORE_TOKENS
    # The end alone first: it is shorter than prompt and answer by far.
    end = model.decode(emitted[-window:])
    return any(each in end for each in stop) and any(each in model.decode_after(prompt, emitted) for each in stop)


class StopCriteria(StoppingCriteria):  # type: ignore[misc]
    """The same for stock `generate`: rows that are stopped are done."""

    def __init__(self, model: Any, prompts: Sequence[Sequence[int]], stop: Sequence[str]) -> None:
        """`prompts`: the tokens of each row, padded on the left to the longest."""
        self._model, self._prompts, self._stop = model, prompts, tuple(stop)
        self._longest = max(map(len, prompts))

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        """For each row, whether it is done, [B]."""
        new = input_ids[:, self._longest :].tolist()
        each = len(new) // len(self._prompts)  # beams of a prompt stand side by side
        done = [is_stopped(self._model, self._prompts[i // each], row, self._stop) for i, row in enumerate(new)]
        return torch.tensor(done, device=input_ids.device)
