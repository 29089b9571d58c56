"""Rotary embeddings that change with the longest sequence of a batch, so that batches must not mix.

Phi-3's `longrope` takes other frequencies for all positions of a forward as soon as one of its sequences is longer
than the original context. `dynamic` rope takes others for each length beyond its context, so that padding must not go
there. A batch whose sequences are on both sides of that length, or whose padding crosses it, would score some of them
as if they were longer. So the engine keeps the sides apart, and what is on both sides by itself (an answer that is
generated across the length) goes one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from skiploop.engine.packing import padded_length

_STEP = 32  # prompts that are decoded together are padded to multiples of this


class Side(Enum):
    """Where a request is: below the length at which frequencies change, above it, or one by one."""

    SHORT = "short"
    LONG = "long"
    ALONE = "alone"


@dataclass(frozen=True, slots=True)
class RopeSwitch:
    """The length at which a model's rotary embeddings change.

    Attributes:
        length: the most tokens of a sequence with the original frequencies.
        once: they change once; otherwise with every further token.
    """

    length: int
    once: bool

    def of_sequences(self, lengths: Sequence[int]) -> Side:
        """Of sequences that are run in one forward each."""
        if max(lengths) <= self.length:
            return Side.SHORT
        return Side.LONG if self.once and min(lengths) > self.length else Side.ALONE

    def of_generation(self, prompt: int, new_tokens: int) -> Side:
        """Of a prompt that is continued token by token."""
        if padded_length(prompt + new_tokens, _STEP) <= self.length:
            return Side.SHORT
        return Side.LONG if self.once and prompt > self.length else Side.ALONE

    def padded(self, length: int, padded: int) -> int:
        """The length to which a sequence is padded: never across the switch."""
        return min(padded, self.length) if length <= self.length else padded


def find_switch(config: Any) -> RopeSwitch | None:
    """The switch in a model's config; None where its rotary embeddings don't depend on the batch."""
    text = config.get_text_config()
    found: list[RopeSwitch] = []
    for parameters in _parameters(getattr(text, "rope_parameters", None)):
        kind = parameters.get("rope_type", parameters.get("type"))
        if kind not in ("longrope", "dynamic"):
            continue
        length = parameters.get("original_max_position_embeddings") or getattr(
            text, "original_max_position_embeddings", None
        )
        found.append(RopeSwitch(int(length or text.max_position_embeddings), kind == "longrope"))
    return min(found, key=lambda switch: (switch.once, switch.length), default=None)


def _parameters(value: Any) -> list[Mapping[str, Any]]:
    """One set of parameters, or one for each type of layer."""
    if not isinstance(value, Mapping):
        return []
    nested = [each for each in value.values() if isinstance(each, Mapping)]
    return nested or [value]
