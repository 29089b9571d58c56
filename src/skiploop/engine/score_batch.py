"""One batch of sequences to score: what the model prepares for them, and their hidden states under each chain.

Where the sequences begin with a common preamble (`skiploop.engine.preamble`), only the rest of each is run.

Shapes: B sequences, S tokens they are padded to (without the preamble), D width, n rows of one layer call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from skiploop.engine.packing import Layout, batch_inputs
from skiploop.engine.preamble import Preamble
from skiploop.engine.prefix import Pass, PrefixCache, PrefixNode, RunLayer
from skiploop.engine.targets import ScoringPair
from skiploop.models.layered import LayeredModel
from skiploop.models.recorded_calls import Caller, Recording, dimensions, record, selection, unmistakable
from skiploop.models.slots import cache_argument, slot_view

_SHOWN_PER_TOKEN = 8  # tokens of a preamble that a row is shown count as one that is run, when a call is filled


class ScoreBatch:
    """Sequences of one kind (packed or not) and one padded length.

    Attributes:
        layer_calls: one layer on one of these sequences, or on its rest after the preamble, executed so far.
        width: S.
    """

    def __init__(
        self, model: LayeredModel, layouts: Sequence[Layout], length: int, *, preamble: Preamble | None = None
    ) -> None:
        """A batch that hasn't run; `length`: what the sequences are padded to, preamble included."""
        self.layer_calls = 0
        self._model = model
        self._preamble = preamble
        self._past = len(preamble) if preamble is not None else 0
        self.width = length - self._past
        self._index = {layout: i for i, layout in enumerate(layouts)}
        self._rests = [layout.rest(self._past) for layout in layouts]

    def states(
        self, pairs: Sequence[ScoringPair], cache: PrefixCache, *, max_batch_tokens: int, compiled: Caller | None
    ) -> list[torch.Tensor]:
        """Hidden states at the positions that each pair's targets need, [targets, D].

        Args:
            pairs: what to run; their layouts are those of the batch.
            cache: where states are kept.
            max_batch_tokens: of one layer call.
            compiled: in place of plain layer calls, for sequences without a preamble.
        """
        recording = self._record()
        recording.compiled = compiled
        roots = [cache.root(self._key(rest)) for rest in self._rests]
        rows = max(1, max_batch_tokens // (self.width + self._past // _SHOWN_PER_TOKEN))
        work = Pass(cache, self._layer_runner(recording), max_rows=rows, take=self._taker())
        try:
            found = work.run(recording.entry, roots, [(self._index[layout], layers) for layout, layers in pairs])
        finally:
            self.layer_calls += work.layer_calls
        return [found[self._index[layout], layers] for layout, layers in pairs]

    def _taker(self) -> Callable[[PrefixNode, int], torch.Tensor]:
        """Copies the states [targets, D] at the positions that an input's targets need."""
        positions = selection([at for rest in self._rests for at in rest.positions], self._model.device)
        wanted = torch.split(positions, [len(rest.positions) for rest in self._rests])
        return lambda node, source: node.state().index_select(0, wanted[source])

    def _key(self, rest: Layout) -> tuple[Any, ...]:
        """Everything that the states of a rest depend on."""
        before = self._preamble.tokens if self._preamble is not None else ()
        return before, rest.tokens, rest.prompt_length, rest.branches, self.width

    def _layer_runner(self, recording: Recording) -> RunLayer:
        device, preamble = recording.entry.device, self._preamble
        ghosts = next((cache for call in recording.calls if (cache := call.cache()) is not None), None)

        def run_layer(
            layer: int, hidden: torch.Tensor, inputs: list[int], nodes: list[PrefixNode]
        ) -> tuple[torch.Tensor, None]:
            view = None
            if preamble is not None and ghosts is not None:
                entry = preamble.entry(nodes, [self._past] * len(nodes), room=self.width)
                view = slot_view(ghosts, entry, len(recording.layers))
            states = recording.run(layer, hidden, selection(inputs, device), view)
            recording.forget_picked()
            return states, None

        return run_layer

    def _record(self) -> Recording:
        taken = dimensions(self._model.hf) | {self.width, self.width + self._past}
        rows = unmistakable(len(self._rests), taken) if len(self._rests) > 1 else 1
        pad = getattr(self._model.tokenizer, "pad_token_id", None)
        inputs = batch_inputs(self._rests, self.width, rows=rows, pad_id=pad or 0, past=self._past)
        if "attention_mask" in inputs:
            allowed = inputs["attention_mask"]
            # Additive: every attention implementation takes such a mask, only some take a boolean one.
            blocked = torch.full_like(allowed, torch.finfo(self._model.dtype).min, dtype=self._model.dtype)
            inputs["attention_mask"] = blocked.masked_fill_(allowed, 0.0)
        given: dict[str, Any] = {name: tensor.to(self._model.device) for name, tensor in inputs.items()}
        given["use_cache"] = self._preamble is not None
        if self._preamble is not None:
            given[cache_argument(self._model.hf)] = self._preamble.ghosts(self._past)
        return record(self._model.hf, given)
