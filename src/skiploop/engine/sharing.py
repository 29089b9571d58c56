"""Which sequences of a call are run after a preamble that is computed once for all of them.

A preamble is used where it changes nothing: where attention and rotary embeddings are the same for all sequences up to
the length at hand, where a trial on the model has shown that going on from its keys and values is exact (attention is
causal, and a layer keeps nothing else), and where what a chain needs of it at a time fits into the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from skiploop.engine.common_tokens import Preambles, Tokens
from skiploop.engine.decode_batch import DecodeRow
from skiploop.engine.decoding import ROW_STEP
from skiploop.engine.packing import Layout, padded_length
from skiploop.engine.preamble import Preamble
from skiploop.engine.prefix import PrefixCache
from skiploop.engine.rope import RopeSwitch
from skiploop.models.layered import LayeredModel

KINDS = {"score": "shared", "packed": "shared packed", "generate": "shared generate"}  # names of the trials

Passes = Callable[[str], bool]  # whether the model has passed one of these trials


class Sharing:
    """Finds preambles, and remembers them.

    Attributes:
        on: False computes every prompt whole.
    """

    def __init__(self, model: LayeredModel, states: PrefixCache, switch: RopeSwitch | None) -> None:
        """Nothing is known yet.

        Args:
            model: the model.
            states: where the states of preambles are kept.
            switch: where the model's rotary embeddings change.
        """
        self.on = True
        self._model = model
        self._states = states
        self._switch = switch
        self._known = Preambles()

    def clear(self) -> None:
        """Forget the preambles found so far."""
        self._known.clear()

    def preamble(self, tokens: Tokens, max_batch_tokens: int) -> Preamble:
        """These tokens, whose states of earlier calls are used as long as they are kept."""
        return Preamble(self._model, tokens, self._states, max_batch_tokens=max_batch_tokens)

    def of_layouts(
        self, lengths: Mapping[Layout, int], *, max_batch_tokens: int, passes: Passes
    ) -> dict[Layout, Preamble]:
        """The preamble of each sequence to score that has one; `lengths`: what they are padded to."""
        prompts = {layout: layout.tokens[: layout.prompt_length] for layout in lengths}
        found = self._find(prompts.values(), max_batch_tokens)
        return {
            layout: found[prompt]
            for layout, prompt in prompts.items()
            if prompt in found and self._may_follow(found[prompt], lengths[layout]) and passes(_kind(layout))
        }

    def of_rows(self, rows: Sequence[DecodeRow], *, max_batch_tokens: int, passes: Passes) -> dict[Tokens, Preamble]:
        """The preamble of each prompt to go on from that has one."""
        room = max((row.limit for row in rows), default=0) + 1
        found = self._find([row.prompt for row in rows], max_batch_tokens)
        return {
            prompt: preamble
            for prompt, preamble in found.items()
            if self._may_follow(preamble, padded_length(len(prompt), ROW_STEP) + room) and passes(KINDS["generate"])
        }

    def _find(self, prompts: Iterable[Tokens], max_batch_tokens: int) -> dict[Tokens, Preamble]:
        assigned = self._known.assign(dict.fromkeys(prompts)) if self.on else {}
        made = {tokens: self.preamble(tokens, max_batch_tokens) for tokens in dict.fromkeys(assigned.values())}
        return {prompt: made[tokens] for prompt, tokens in assigned.items()}

    def _may_follow(self, preamble: Preamble, length: int) -> bool:
        """Whether sequences of this length are treated as shorter ones are, and there is memory for the preamble."""
        limits = shortest_window(self._model), None if self._switch is None else self._switch.length
        return all(limit is None or length <= limit for limit in limits) and preamble.has_room()


def shortest_window(model: LayeredModel) -> int | None:
    """Tokens up to which attention looks at all that came before, in every layer; None: there is no limit."""
    config = model.hf.config.get_text_config()
    windows = [getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size", "window_size")]
    return min((w for w in windows if isinstance(w, int) and w > 0), default=None)


def _kind(layout: Layout) -> str:
    return KINDS["packed" if layout.packed else "score"]
