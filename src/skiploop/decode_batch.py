"""A chunk of rows from prompt to end: prefill, then one token at a time for rows with different chains.

Prefill is a prefix-shared pass (``skiploop.prefix``) that keeps the keys and values of every layer call. For decoding,
the chains of all rows are merged into one sequence of layer calls (``skiploop.schedule``), made once and replayed for
each token; each call has one buffer with the keys and values of the rows that take part in it. Rows that are done
leave. In the token loop the host waits for the device once for each token: to see which rows have ended.

Shapes: R rows, S tokens of the longest prompt (prompts are padded on the left), D width, V vocabulary.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from skiploop.cache import cache_argument, slot_view
from skiploop.errors import UnsupportedModel
from skiploop.growing import Growing
from skiploop.model import LayeredModel
from skiploop.prefix import Node, Pass, PrefixCache
from skiploop.recording import Recording, dimensions, head, record, unmistakable
from skiploop.replay import Session, probing
from skiploop.schedule import call_order


@dataclass(slots=True, eq=False)
class Row:
    """One prompt under one chain, and what it has generated."""

    prompt: tuple[int, ...]
    layers: tuple[int, ...]
    limit: int
    temperature: float = 0.0
    seed: int = 0
    emitted: list[int] = field(default_factory=list)
    trace: list[torch.Tensor] = field(default_factory=list)  # logits of each step, [V], when asked for


@dataclass(slots=True, eq=False)
class Call:
    """One scheduled layer call: the rows that take part, each with its slot, and their keys and values."""

    layer: int
    members: list[tuple[int, int]]  # (row, slot)
    rows: torch.Tensor | None = None  # [n] indices into the running rows; None: all of them, in order
    entry: Any = None
    view: Cache | None = None  # a cache that answers every layer index with the entry


def calls_for(chains: Sequence[tuple[int, ...]]) -> list[Call]:
    """The layer calls of one token, in order: every row runs its chain; rows that wait for a layer share its call."""
    position = [0] * len(chains)
    calls = []
    for layer in call_order(chains):
        members = [
            (row, position[row])
            for row, chain in enumerate(chains)
            if position[row] < len(chain) and chain[position[row]] == layer
        ]
        for row, _ in members:
            position[row] += 1
        calls.append(Call(layer, members))
    return calls


def draw_token(logits: torch.Tensor, temperature: float, generator: torch.Generator) -> int:
    """A token drawn from ``logits`` [V]; the arg-max where a chain has made them anything but numbers."""
    # On the CPU, so that a seed means the same on every device.
    weights = torch.softmax(logits.float().cpu() / temperature, -1)
    if not bool(weights.isfinite().all()):
        return int(logits.argmax())
    return int(torch.multinomial(weights, 1, generator=generator))


class DecodeBatch:
    """Rows that run together.

    Attributes:
        layer_calls: one layer on one row, executed so far.
    """

    def __init__(
        self, model: LayeredModel, rows: list[Row], *, ends: frozenset[int], max_batch_tokens: int, trace: bool
    ) -> None:
        """One chunk.

        Args:
            model: the model.
            rows: what to run.
            ends: tokens that end a row.
            max_batch_tokens: of one layer call of the prefill.
            trace: keep the logits of every step.
        """
        self.layer_calls = 0
        self._model = model
        self._device = model.device
        self._rows = rows
        self._ends = ends
        self._max_batch_tokens = max_batch_tokens
        self._trace = trace
        self._prompts = list(dict.fromkeys(row.prompt for row in rows))
        self._length = max(map(len, self._prompts))  # S
        self._padded = any(len(prompt) < self._length for prompt in self._prompts)
        self._padding = torch.tensor([self._length - len(row.prompt) for row in rows], device=self._device)  # [R]
        self._finished: torch.Tensor | None = None  # [R] bool, while rows that are done wait for others to leave
        self._generators = [torch.Generator().manual_seed(row.seed) if row.temperature > 0 else None for row in rows]
        self._calls: list[Call] = []
        self._ghosts: dict[tuple[type, int | None], Any] = {}
        self._cache = DynamicCache(config=model.hf.config.get_text_config(decoder=True))
        self._cache_name = cache_argument(model.hf)
        self._taken = dimensions(model.hf)

    def run(self) -> None:
        """Fill ``emitted`` of every row."""
        logits = self._prefill()
        with probing(self._model.hf, self._step_layers):
            self._decode(logits)

    def _decode(self, logits: torch.Tensor) -> None:
        """From the logits of the prompts' last tokens on, [R, V], with probes in the place of the layers."""
        total = self._length
        waiting = 0
        while True:
            tokens = self._choose(logits)
            done = self._emit(tokens, logits)
            if all(done):
                return
            if 4 * sum(done) >= len(done):
                tokens = self._leave(done, tokens)
                waiting = 0
            elif sum(done) > waiting:
                self._finished = torch.tensor(done, device=self._device)
                waiting = sum(done)
            total += 1
            logits = self._step(tokens, total)

    # --- prefill ------------------------------------------------------------------------------------------------

    def _prefill(self) -> torch.Tensor:
        """Logits of the last prompt token of each row, [R, V]; sets up the calls of the decoding schedule."""
        size = len(self._prompts)
        rows = unmistakable(size, self._taken | {self._length}) if size > 1 else 1
        filled = [*self._prompts, *([self._prompts[0]] * (rows - size))]
        pad = getattr(self._model.tokenizer, "pad_token_id", None) or 0
        ids = torch.full((rows, self._length), pad, dtype=torch.long)
        mask = torch.zeros((rows, self._length), dtype=torch.long)
        for i, prompt in enumerate(filled):
            ids[i, self._length - len(prompt) :] = torch.tensor(prompt)
            mask[i, self._length - len(prompt) :] = 1
        inputs: dict[str, Any] = {"input_ids": ids, "position_ids": (mask.cumsum(-1) - 1).clamp(min=0)}
        if self._padded:
            inputs["attention_mask"] = mask
        inputs = {name: tensor.to(self._device) for name, tensor in inputs.items()}
        recording = record(self._model.hf, {**inputs, self._cache_name: self._cache, "use_cache": True})
        return head(self._model.hf, self._prefill_layers(recording))

    def _prefill_layers(self, recording: Recording) -> torch.Tensor:
        """Hidden states of the last prompt token of each row, [R, D]; every layer call keeps its keys and values."""
        fresh = list(self._cache.layers)

        def run_layer(layer: int, states: torch.Tensor, inputs: list[int]) -> tuple[torch.Tensor, Any]:
            entry = copy.deepcopy(fresh[layer])
            view = slot_view(self._cache, entry, len(recording.layers))
            rows = torch.tensor(inputs, device=self._device)
            out = recording.run(layer, states, rows, view)
            recording.forget_picked()
            return out, entry

        index = {prompt: i for i, prompt in enumerate(self._prompts)}
        states = PrefixCache(2**62)
        work = Pass(states, run_layer, max_rows=max(1, self._max_batch_tokens // self._length))
        roots = [states.root(prompt) for prompt in self._prompts]
        ends = work.states(recording.entry, roots, [(index[row.prompt], row.layers) for row in self._rows])
        self.layer_calls += work.layer_calls
        self._lay_ghosts(fresh)
        self._set_calls(
            calls_for([row.layers for row in self._rows]),
            [_path(roots[index[row.prompt]], row.layers) for row in self._rows],
        )
        return torch.stack([ends[index[row.prompt], row.layers][-1] for row in self._rows])

    def _set_calls(self, calls: list[Call], paths: list[list[Node]]) -> None:
        """Give every call the keys and values of its rows' prompts; ``paths``: the nodes of each row's slots."""
        room = max(row.limit for row in self._rows)
        for call in calls:
            call.entry = _entry([paths[row][slot] for row, slot in call.members], room)
            call.view = slot_view(self._cache, call.entry, self._model.num_layers)
        self._calls = calls
        self._set_rows()

    def _set_rows(self) -> None:
        """The index tensor of every call; calls of the same rows share one, and what is picked for it in a step."""
        shared: dict[tuple[int, ...], torch.Tensor] = {}
        for call in self._calls:
            members = tuple(row for row, _ in call.members)
            if len(members) == len(self._rows):
                call.rows = None
                continue
            if members not in shared:
                shared[members] = torch.tensor(members, device=self._device)
            call.rows = shared[members]

    def _lay_ghosts(self, fresh: list[Any]) -> None:
        """Give the model's own cache entries that only count, one for each kind, so that its masks come out right."""
        for entry in fresh:
            self._ghosts.setdefault(_kind(entry), copy.deepcopy(entry))
        self._cache = copy.copy(self._cache)
        self._cache.layers = [self._ghosts[_kind(entry)] for entry in fresh]
        self._count(self._length)

    def _count(self, tokens: int) -> None:
        blank = torch.zeros((1, 1, tokens, 1), device=self._device)
        for ghost in self._ghosts.values():
            ghost.update(blank, blank)

    # --- decoding -----------------------------------------------------------------------------------------------

    def _step(self, tokens: torch.Tensor, total: int) -> torch.Tensor:
        """Logits [R, V] after one more token [R] of each row; ``total`` tokens (padding too) including it."""
        count = len(self._rows)
        size = unmistakable(count, self._taken | {total}) if count > 1 else 1
        padding = self._padding
        positions = total - 1 - padding
        if self._finished is not None:
            # A row that is done and waits for others to leave may be beyond the context; what it gets isn't looked at.
            positions = positions.masked_fill(self._finished, 0)
        if size > count:  # rows beyond the running ones repeat the first
            fill = torch.arange(size, device=self._device)
            fill[count:] = 0
            tokens, positions, padding = tokens[fill], positions[fill], padding[fill]
        inputs: dict[str, Any] = {
            "input_ids": tokens[:, None],
            "position_ids": positions[:, None],
            self._cache_name: self._cache,
            "use_cache": True,
        }
        if self._padded:
            columns = torch.arange(total, device=self._device)
            inputs["attention_mask"] = (columns[None] >= padding[:, None]).long()
        logits: torch.Tensor = self._model.hf(**inputs).logits
        return logits[:count, -1]

    def _step_layers(self, session: Session, hidden: torch.Tensor) -> tuple[torch.Tensor, Any]:
        recording = Recording(session.layers, session.calls, hidden, hidden.shape[0])
        count = len(self._rows)
        beyond = hidden[count:]
        everyone = torch.arange(count, device=self._device) if len(beyond) else None
        hidden = hidden[:count].clone()  # written to from here on
        for call in self._calls:
            if call.rows is None:
                hidden = recording.run(call.layer, hidden, everyone, call.view)
            else:
                out = recording.run(call.layer, hidden.index_select(0, call.rows), call.rows, call.view)
                hidden.index_copy_(0, call.rows, out)
            self.layer_calls += len(call.members)
        self._count(1)
        return torch.cat([hidden, beyond]) if len(beyond) else hidden, None

    def _choose(self, logits: torch.Tensor) -> torch.Tensor:
        """The next token of each row, [R]."""
        tokens = logits.argmax(-1)
        drawn = {i: generator for i, generator in enumerate(self._generators) if generator is not None}
        if drawn:
            logits = logits.cpu()
            picked = [draw_token(logits[i], self._rows[i].temperature, generator) for i, generator in drawn.items()]
            tokens[list(drawn)] = torch.tensor(picked, device=self._device)
        return tokens

    def _emit(self, tokens: torch.Tensor, logits: torch.Tensor) -> list[bool]:
        """Hand each row its token; True for rows that are done."""
        done = []
        for i, (row, token) in enumerate(zip(self._rows, tokens.tolist(), strict=True)):
            if not self._is_done(row):
                row.emitted.append(token)
                if self._trace:
                    row.trace.append(logits[i])
            done.append(self._is_done(row))
        return done

    def _is_done(self, row: Row) -> bool:
        return len(row.emitted) >= row.limit or (bool(row.emitted) and row.emitted[-1] in self._ends)

    def _leave(self, done: list[bool], tokens: torch.Tensor) -> torch.Tensor:
        """Drop the rows that are done from every call; the tokens of those that stay."""
        stay = [i for i, finished in enumerate(done) if not finished]
        place = {old: new for new, old in enumerate(stay)}
        self._rows = [self._rows[i] for i in stay]
        self._generators = [self._generators[i] for i in stay]
        self._finished = None
        kept = torch.tensor(stay, device=self._device)
        self._padding = self._padding.index_select(0, kept)
        calls = []
        for call in self._calls:
            inside = [i for i, (row, _) in enumerate(call.members) if row in place]
            if not inside:
                continue
            if len(inside) < len(call.members):
                _keep_rows(call.entry, torch.tensor(inside, device=self._device))
            call.members = [(place[call.members[i][0]], call.members[i][1]) for i in inside]
            calls.append(call)
        self._calls = calls
        self._set_rows()
        return tokens.index_select(0, kept)


def _kind(entry: Any) -> tuple[type, int | None]:
    """Entries of one kind report the same lengths, and so lead to the same masks."""
    return type(entry), getattr(entry, "sliding_window", None)


def _entry(nodes: list[Node], room: int) -> Any:
    """One cache entry with the keys and values of these nodes, [n, heads, S, D'], and room for so many tokens."""
    sources = [(node.batch.keep, node.row) for node in nodes if node.batch is not None]
    kind = type(sources[0][0])
    if kind not in (DynamicLayer, DynamicSlidingWindowLayer):
        raise UnsupportedModel(f"no batched decoding with cache entries of type {kind.__name__}")
    keys = torch.stack([entry.keys[row] for entry, row in sources])
    values = torch.stack([entry.values[row] for entry, row in sources])
    if kind is DynamicLayer:
        return Growing(keys, values, room)
    merged = copy.copy(sources[0][0])
    merged.keys, merged.values = keys, values
    return merged


def _keep_rows(entry: Any, rows: torch.Tensor) -> None:
    if isinstance(entry, Growing):
        entry.keep(rows)
    else:
        entry.keys, entry.values = entry.keys.index_select(0, rows), entry.values.index_select(0, rows)


def _path(node: Node, layers: tuple[int, ...]) -> list[Node]:
    """The nodes along a chain, one for each slot."""
    path = []
    for layer in layers:
        node = node.children[layer]
        path.append(node)
    return path
