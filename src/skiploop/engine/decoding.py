"""Generation for many prompts under different chains: which rows run together, and their results.

How one batch of rows runs from prompt to end is the subject of `skiploop.engine.decode_batch`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import torch

from skiploop.engine.captured_step import Capture
from skiploop.engine.common_tokens import Tokens
from skiploop.engine.cost import Cost
from skiploop.engine.decode_batch import DecodeBatch, DecodeRow
from skiploop.engine.packing import padded_length, pieces
from skiploop.engine.preamble import Preamble, token_bytes
from skiploop.engine.request import Request, Result
from skiploop.models.layered import LayeredModel
from skiploop.models.stops import cut_at_stop, stop_tokens

ROW_STEP = 32  # prompts that are decoded together are padded to multiples of this at most

# (rows) -> preambles by prompt
FindPreambles = Callable[[Sequence[DecodeRow]], Mapping[Tokens, Preamble]]


def no_preambles(rows: Sequence[DecodeRow]) -> Mapping[Tokens, Preamble]:
    """Every prompt is computed whole."""
    return {}


class Decoder:
    """Generates for requests, in batches of rows that fit into memory."""

    def __init__(
        self,
        model: LayeredModel,
        *,
        max_batch_tokens: int,
        cache_bytes: int,
        ends: tuple[int, ...] | None = None,
        capture: Capture | None = None,
        preambles: FindPreambles = no_preambles,
    ) -> None:
        """A decoder that has run nothing yet.

        Args:
            model: the model.
            max_batch_tokens: of one layer call of the prefill.
            cache_bytes: half of what keys and values may take.
            ends: tokens that end a row, by default the model's.
            capture: see `skiploop.engine.captured_step`.
            preambles: which prompts begin with tokens that are computed once for all.
        """
        self.model = model
        self.max_batch_tokens = max_batch_tokens
        self.cache_bytes = cache_bytes
        self.ends = frozenset(model.eos_ids if ends is None else ends)
        self.capture = capture
        self.cost = Cost()
        self._preambles = preambles

    @property
    def layer_calls(self) -> int:
        """One layer on one sequence in one forward, executed so far."""
        return self.cost.layer_calls

    def run(self, requests: Sequence[Request]) -> list[Result]:
        """Texts (or verdicts, where a text is expected), in request order."""
        rows: dict[tuple[Any, ...], DecodeRow] = {}
        keys = []
        for request in requests:
            prompt, answer = self._tokens(request)
            limit = request.max_new_tokens or len(answer) + 1
            seed = request.seed if request.temperature else 0
            key = (prompt, request.chain.layers, limit, request.temperature, seed, request.stop, request.cache_policy)
            row = DecodeRow(prompt, request.chain.layers, limit, request.temperature, seed, request.stop)
            row.stop_tokens = stop_tokens(self.model.tokenizer, request.stop)
            row.cache_policy = request.cache_policy
            rows.setdefault(key, row)
            keys.append((key, answer))
        self.run_rows(list(rows.values()))
        return [self._result(request, rows[key], answer) for request, (key, answer) in zip(requests, keys, strict=True)]

    def _tokens(self, request: Request) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Prompt, and the expected answer where there is one."""
        if request.expected is None:
            return tuple(self.model.encode(request.prompt)), ()
        prompt, answer = self.model.encode_pair(request.prompt, request.expected, move_space=False)
        return tuple(prompt), tuple(answer)

    def _result(self, request: Request, row: DecodeRow, answer: tuple[int, ...]) -> Result:
        if request.expected is not None:
            ended = len(row.emitted) == len(answer) + 1 and row.emitted[-1] in self.ends
            return Result(matched=ended and tuple(row.emitted[:-1]) == answer)
        return Result(text=self._text(row))

    def _text(self, row: DecodeRow) -> str:
        ended = bool(row.emitted) and (row.emitted[-1] in self.ends or row.emitted[-1] in row.stop_tokens)
        text = self.model.decode_after(row.prompt, row.emitted[:-1] if ended else row.emitted)
        return cut_at_stop(text, row.stop)

    def run_rows(self, rows: list[DecodeRow], *, trace: bool = False) -> None:
        """Fill `emitted` (and with `trace` the logits) of every row."""
        found = self._preambles(rows)
        for row in rows:
            row.preamble = found.get(row.prompt)
        for chunk in self._chunks(rows):
            with torch.inference_mode():
                batch = DecodeBatch(
                    self.model,
                    chunk,
                    ends=self.ends,
                    max_batch_tokens=self.max_batch_tokens,
                    trace=trace,
                    capture=self.capture,
                )
                try:
                    batch.run()
                finally:
                    self.cost.include(batch.cost)
                    self.capture = batch.capture

    def _chunks(self, rows: list[DecodeRow]) -> Iterator[list[DecodeRow]]:
        """Rows of one preamble and similar prompt length whose keys and values fit into twice `cache_bytes`."""
        each = token_bytes(self.model)  # keys and values, and the hidden states of the prefill

        def need(row: DecodeRow) -> int:
            return len(row.layers) * (len(row.prompt) + row.limit) * each

        def kind(row: DecodeRow) -> tuple[Tokens, int]:
            return row.preamble.tokens if row.preamble else (), padded_length(len(row.prompt), ROW_STEP)

        ordered = sorted(rows, key=lambda row: (kind(row), len(row.prompt), row.prompt, row.layers))
        for _, similar in groupby(ordered, key=kind):
            yield from pieces(similar, need, 2 * self.cache_bytes)
