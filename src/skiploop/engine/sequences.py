"""Requests as token sequences: what they are laid out as, and how far a sequence is padded."""

from __future__ import annotations

from functools import lru_cache

from skiploop.engine.packing import Layout, lay_out, padded_length
from skiploop.engine.request import Request
from skiploop.engine.rope import Side, find_switch
from skiploop.engine.sharing import shortest_window
from skiploop.models.layered import LayeredModel


class Sequences:
    """Encodes the requests of one model, and remembers the pairs that it encoded.

    Attributes:
        switch: where the model's rotary embeddings change with the longest sequence of a batch; None: they don't.
    """

    def __init__(self, model: LayeredModel) -> None:
        self.switch = find_switch(model.hf.config)
        self._model = model
        self._encode_pair = lru_cache(maxsize=65536)(model.encode_pair)

    def side(self, request: Request) -> Side | None:
        """Which side of the model's switch of rotary frequencies a request is on; None: there is none."""
        if self.switch is None:
            return None
        if request.continuations:
            pairs = [self._encode_pair(request.prompt, continuation) for continuation in request.continuations]
            side = self.switch.of_sequences([len(prompt) + len(answer) - 1 for prompt, answer in pairs])
            # With one change, each sequence is padded on its own side; with many, none can share a batch.
            return None if self.switch.once else side
        if request.expected is None:
            return self.switch.of_generation(len(self._model.encode(request.prompt)), request.max_new_tokens or 0)
        prompt, answer = self._encode_pair(request.prompt, request.expected, move_space=False)
        return self.switch.of_sequences([len(prompt), len(prompt) + len(answer)])

    def layouts(self, request: Request, *, packed: bool) -> list[Layout]:
        """The sequences to score for a request: one for each continuation, or `packed` into one where that is exact."""
        if request.expected is not None:
            prompt, answer = self._encode_pair(request.prompt, request.expected, move_space=False)
            return [lay_out(prompt, [[*answer, self._model.eos_ids[0]]])]
        pairs = [self._encode_pair(request.prompt, continuation) for continuation in request.continuations]
        prompts = {tuple(prompt) for prompt, _ in pairs}
        limit = shortest_window(self._model)
        total = len(pairs[0][0]) + sum(len(answer) for _, answer in pairs)
        if self.switch is not None:  # packed, an option would be on the side of the longest
            limit = min(limit or total, self.switch.length)
        if packed and len(prompts) == 1 and (limit is None or total <= limit):
            return [lay_out(pairs[0][0], [answer for _, answer in pairs])]
        return [lay_out(prompt, [answer]) for prompt, answer in pairs]

    def length(self, layout: Layout) -> int:
        """The length to which a sequence is padded; sequences of one length share batches."""
        tokens = len(layout.tokens)
        padded = padded_length(tokens)
        return padded if self.switch is None else self.switch.padded(tokens, padded)
