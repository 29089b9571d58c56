"""What lm-evaluation-harness says about a generation (`generation_kwargs` of a task), as a request has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lm_eval.models.utils import handle_stop_sequences, normalize_gen_kwargs, postprocess_generated_text

from skiploop.errors import InvalidInput

# Settings of `generate` that change nothing at these values.
_NEUTRAL: dict[str, tuple[object, ...]] = {
    "top_p": (1, None),
    "top_k": (0, None),
    "num_beams": (1, None),
    "repetition_penalty": (1, None),
    "use_cache": (True, None),
}


@dataclass(frozen=True, slots=True)
class Generation:
    """How one text is generated.

    Attributes:
        max_new_tokens: at most so many.
        stops: texts that end it and are cut off; the text of the end token is one of them.
        temperature: 0 is greedy.
    """

    max_new_tokens: int
    stops: tuple[str, ...]
    temperature: float = 0.0

    def cut(self, text: str) -> str:
        """The text up to the first of the stops."""
        cut: str = postprocess_generated_text(generation=text, stop=list(self.stops), think_end_token=None)
        return cut


def read_generation(settings: Mapping[str, Any], *, end: str, default_tokens: int) -> Generation:
    """The settings of a task's generation.

    Args:
        settings: its `generation_kwargs`.
        end: the text of the end token.
        default_tokens: limit where the task has none.

    Raises:
        InvalidInput: a setting that generation under a chain doesn't have, such as `num_beams=4`.
    """
    given = normalize_gen_kwargs(dict(settings), default_tokens)
    stops = tuple(handle_stop_sequences(given.pop("until", None), eos=end))
    limit = int(given.pop("max_gen_toks"))
    sampled, temperature = given.pop("do_sample", None), float(given.pop("temperature", None) or 0.0)
    for name, value in given.items():
        if name not in _NEUTRAL or value not in _NEUTRAL[name]:
            raise InvalidInput(
                f"{name}={value!r} in the task's generation_kwargs isn't possible under a chain; allowed are until, "
                "max_gen_toks, do_sample and temperature. Override it with --gen_kwargs, or choose another task"
            )
    return Generation(limit, stops, temperature if sampled is not False else 0.0)
