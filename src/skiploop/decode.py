"""Generation for many (prompt, chain) rows with different chains in one batch.

Prefill is a prefix-shared pass (``skiploop.prefix``) that keeps the keys and values of every layer call. For decoding,
the chains of all rows are merged into one sequence of layer calls (a greedy short common supersequence, ``schedule``),
made once and replayed for each token; each call has one buffer with the keys and values of the rows that take part in
it. Rows that are done leave.

Shapes: R rows, S tokens of the longest prompt (prompts are padded on the left), T tokens so far, D width, V vocabulary.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from skiploop.cache import cache_argument, slot_view
from skiploop.errors import UnsupportedModel
from skiploop.layout import padded_length
from skiploop.model import LayeredModel
from skiploop.prefix import Node, Pass, PrefixCache
from skiploop.recording import Recording, dimensions, head, record, unmistakable, with_runner
from skiploop.replay import Session
from skiploop.request import Request, Result


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


class Growing(DynamicLayer):  # type: ignore[misc]
    """Keys and values with room for the tokens to come, so that a new token doesn't copy the old ones."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, room: int) -> None:
        super().__init__()
        self.length = keys.shape[-2]
        self._buffers = tuple(_with_room(tensor, room) for tensor in (keys, values))
        self.is_initialized = True
        self._show()

    def _show(self) -> None:
        self.keys, self.values = (buffer[:, :, : self.length] for buffer in self._buffers)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append [R, heads, 1, D'] and return all, [R, heads, T, D']."""
        stop = self.length + key_states.shape[-2]
        for buffer, new in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[:, :, self.length : stop] = new
        self.length = stop
        self._show()
        return self.keys, self.values

    def keep(self, rows: torch.Tensor) -> None:
        """Drop all rows but these."""
        self._buffers = tuple(buffer.index_select(0, rows) for buffer in self._buffers)
        self._show()


def _with_room(tensor: torch.Tensor, room: int) -> torch.Tensor:
    rows, heads, length, width = tensor.shape
    buffer = tensor.new_empty((rows, heads, length + room, width))
    buffer[:, :, :length] = tensor
    return buffer


@dataclass(slots=True, eq=False)
class Call:
    """One scheduled layer call: the rows that take part, each with its slot, and their keys and values."""

    layer: int
    members: list[tuple[int, int]]  # (row, slot)
    rows: torch.Tensor | None = None  # [n] indices into the running rows; None: all of them, in order
    entry: Any = None


def schedule(chains: Sequence[tuple[int, ...]]) -> list[Call]:
    """A short sequence of layer calls that contains each chain; rows whose next layer is the same share a call.

    Greedy, the shorter of two: always the lowest layer that some row waits for, so that rows which loop catch
    up with the others (better for few rows); or the layer that the row with the most slots to go waits for.
    """

    def lowest(layer: int, _most_to_go: int) -> tuple[int, ...]:
        return (-layer,)

    def farthest(layer: int, most_to_go: int) -> tuple[int, ...]:
        return most_to_go, -layer

    return min((_merge(chains, lowest), _merge(chains, farthest)), key=len)


def _merge(chains: Sequence[tuple[int, ...]], rank: Callable[[int, int], tuple[int, ...]]) -> list[Call]:
    """Calls in the order of ``rank``: given a layer and the most slots to go of a row that waits for it."""
    position = [0] * len(chains)
    waiting: dict[int, list[int]] = {}
    for row, chain in enumerate(chains):
        waiting.setdefault(chain[0], []).append(row)
    calls = []
    while waiting:
        to_go = {layer: max(len(chains[r]) - position[r] for r in rows) for layer, rows in waiting.items()}
        layer = max(to_go, key=lambda each: rank(each, to_go[each]))
        rows = sorted(waiting.pop(layer))
        calls.append(Call(layer, [(row, position[row]) for row in rows]))
        for row in rows:
            position[row] += 1
            if position[row] < len(chains[row]):
                waiting.setdefault(chains[row][position[row]], []).append(row)
    return calls


class Decoder:
    """Runs rows to their ends."""

    def __init__(
        self,
        model: LayeredModel,
        *,
        max_batch_tokens: int,
        cache_bytes: int,
        ends: tuple[int, ...] | None = None,
    ) -> None:
        """``ends``: tokens that end a row; default those of the model."""
        self.model = model
        self.max_batch_tokens = max_batch_tokens
        self.cache_bytes = cache_bytes
        self.ends = frozenset(model.eos_ids if ends is None else ends)
        self.layer_calls = 0

    def run(self, requests: Sequence[Request]) -> list[Result]:
        """Texts (or verdicts, where a text is expected), in request order."""
        rows: dict[tuple[Any, ...], Row] = {}
        keys = []
        for request in requests:
            prompt, answer = self._tokens(request)
            limit = request.max_new_tokens or len(answer) + 1
            key = (prompt, request.chain.layers, limit, request.temperature, request.temperature and request.seed)
            rows.setdefault(key, Row(prompt, request.chain.layers, limit, request.temperature, request.seed))
            keys.append((key, answer))
        self.run_rows(list(rows.values()))
        return [self._result(request, rows[key], answer) for request, (key, answer) in zip(requests, keys, strict=True)]

    def _tokens(self, request: Request) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Prompt, and the expected answer where there is one."""
        if request.expected is None:
            return tuple(self.model.encode(request.prompt)), ()
        prompt, answer = self.model.encode_pair(request.prompt, request.expected)
        return tuple(prompt), tuple(answer)

    def _result(self, request: Request, row: Row, answer: tuple[int, ...]) -> Result:
        if request.expected is not None:
            ended = len(row.emitted) == len(answer) + 1 and row.emitted[-1] in self.ends
            return Result(matched=ended and tuple(row.emitted[:-1]) == answer)
        ended = bool(row.emitted) and row.emitted[-1] in self.ends
        return Result(text=self.model.decode_after(row.prompt, row.emitted[:-1] if ended else row.emitted))

    def run_rows(self, rows: list[Row], *, trace: bool = False) -> None:
        """Fill ``emitted`` (and with ``trace`` the logits) of every row."""
        for chunk in self._chunks(rows):
            with torch.inference_mode():
                _Batch(self, chunk, trace=trace).run()

    def _chunks(self, rows: list[Row]) -> Iterator[list[Row]]:
        """Rows of similar prompt length whose keys and values fit into twice ``cache_bytes``."""
        config = self.model.hf.config.get_text_config()
        heads: int = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        # Keys and values, and the hidden states of the prefill.
        token_bytes = (2 * heads * head_dim + config.hidden_size) * self.model.dtype.itemsize
        chunk: list[Row] = []
        used = 0
        for row in sorted(rows, key=lambda row: (len(row.prompt), row.prompt, row.layers)):
            need = len(row.layers) * (len(row.prompt) + row.limit) * token_bytes
            apart = bool(chunk) and padded_length(len(row.prompt), 32) != padded_length(len(chunk[0].prompt), 32)
            if chunk and (used + need > 2 * self.cache_bytes or apart):
                yield chunk
                chunk, used = [], 0
            chunk.append(row)
            used += need
        if chunk:
            yield chunk


def draw_token(logits: torch.Tensor, temperature: float, generator: torch.Generator) -> int:
    """A token drawn from ``logits`` [V]; the arg-max where a chain has made them anything but numbers."""
    # On the CPU, so that a seed means the same on every device.
    weights = torch.softmax(logits.float().cpu() / temperature, -1)
    if not bool(weights.isfinite().all()):
        return int(logits.argmax())
    return int(torch.multinomial(weights, 1, generator=generator))


class _Batch:
    """The rows of one chunk, from prompt to end."""

    def __init__(self, decoder: Decoder, rows: list[Row], *, trace: bool) -> None:
        self.decoder = decoder
        self.model = decoder.model
        self.device = decoder.model.device
        self.rows = rows
        self.trace = trace
        self.prompts = list(dict.fromkeys(row.prompt for row in rows))
        self.length = max(map(len, self.prompts))  # S
        self.padding = torch.tensor([self.length - len(row.prompt) for row in rows], device=self.device)  # [R]
        self.generators = [
            torch.Generator().manual_seed(row.seed) if row.temperature > 0 else None for row in rows
        ]
        self.calls: list[Call] = []
        self.ghosts: dict[tuple[type, int | None], Any] = {}
        self.cache = DynamicCache(config=self.model.hf.config.get_text_config(decoder=True))
        self.cache_name = cache_argument(self.model.hf)
        self.taken = dimensions(self.model.hf)

    def run(self) -> None:
        logits = self._prefill()
        steps = 0
        while True:
            tokens = self._choose(logits)
            done = self._emit(tokens, logits)
            steps += 1
            if all(done):
                return
            if 4 * sum(done) >= len(done):
                tokens = self._leave(done, tokens)
            logits = self._step(tokens, self.length + steps)

    # --- prefill ------------------------------------------------------------------------------------------------

    def _prefill(self) -> torch.Tensor:
        """Logits of the last prompt token of each row, [R, V]; sets up the calls of the decoding schedule."""
        size = len(self.prompts)
        taken = dimensions(self.model.hf) | {self.length}
        rows = unmistakable(size, taken) if size > 1 else 1
        filled = [*self.prompts, *([self.prompts[0]] * (rows - size))]
        pad = getattr(self.model.tokenizer, "pad_token_id", None) or 0
        ids = torch.full((rows, self.length), pad, dtype=torch.long)
        mask = torch.zeros((rows, self.length), dtype=torch.long)
        for i, prompt in enumerate(filled):
            ids[i, self.length - len(prompt) :] = torch.tensor(prompt)
            mask[i, self.length - len(prompt) :] = 1
        inputs: dict[str, Any] = {"input_ids": ids, "position_ids": (mask.cumsum(-1) - 1).clamp(min=0)}
        if not bool(mask.all()):
            inputs["attention_mask"] = mask
        inputs = {name: tensor.to(self.device) for name, tensor in inputs.items()}
        recording = record(self.model.hf, {**inputs, self.cache_name: self.cache, "use_cache": True})
        return head(self.model.hf, self._prefill_layers(recording))

    def _prefill_layers(self, recording: Recording) -> torch.Tensor:
        """Hidden states of the last prompt token of each row, [R, D]; every layer call keeps its keys and values."""
        fresh = list(self.cache.layers)

        def run_layer(layer: int, states: torch.Tensor, inputs: list[int]) -> tuple[torch.Tensor, Any]:
            entry = copy.deepcopy(fresh[layer])
            view = slot_view(self.cache, entry, len(recording.layers))
            rows = torch.tensor(inputs, device=self.device)
            out = recording.run(layer, states, rows, view)
            recording.forget_picked()
            return out, entry

        index = {prompt: i for i, prompt in enumerate(self.prompts)}
        states = PrefixCache(2**62)
        work = Pass(states, run_layer, max_rows=max(1, self.decoder.max_batch_tokens // self.length))
        roots = [states.root(prompt) for prompt in self.prompts]
        ends = work.states(recording.entry, roots, [(index[row.prompt], row.layers) for row in self.rows])
        self.decoder.layer_calls += work.layer_calls
        self.calls = schedule([row.layers for row in self.rows])
        paths = [_path(roots[index[row.prompt]], row.layers) for row in self.rows]
        for call in self.calls:
            call.entry = self._entry([paths[row][slot] for row, slot in call.members])
            members = [row for row, _ in call.members]
            call.rows = None if len(members) == len(self.rows) else torch.tensor(members, device=self.device)
        self._lay_ghosts(fresh)
        return torch.stack([ends[index[row.prompt], row.layers][-1] for row in self.rows])

    def _entry(self, nodes: list[Node]) -> Any:
        """One cache entry with the keys and values of these nodes, [n, heads, S, D']."""
        sources = [(node.batch.keep, node.row) for node in nodes if node.batch is not None]
        kind = type(sources[0][0])
        if kind not in (DynamicLayer, DynamicSlidingWindowLayer):
            raise UnsupportedModel(f"no batched decoding with cache entries of type {kind.__name__}")
        keys = torch.stack([entry.keys[row] for entry, row in sources])
        values = torch.stack([entry.values[row] for entry, row in sources])
        if kind is DynamicLayer:
            return Growing(keys, values, max(row.limit for row in self.rows))
        merged = copy.copy(sources[0][0])
        merged.keys, merged.values = keys, values
        return merged

    def _lay_ghosts(self, fresh: list[Any]) -> None:
        """Give the model's own cache entries that only count, one for each kind, so that its masks come out right."""
        for entry in fresh:
            key = (type(entry), getattr(entry, "sliding_window", None))
            if key not in self.ghosts:
                self.ghosts[key] = copy.deepcopy(entry)
        self.cache = copy.copy(self.cache)
        self.cache.layers = [self.ghosts[type(e), getattr(e, "sliding_window", None)] for e in fresh]
        self._count(self.length)

    def _count(self, tokens: int) -> None:
        blank = torch.zeros((1, 1, tokens, 1), device=self.device)
        for ghost in self.ghosts.values():
            ghost.update(blank, blank)

    # --- decoding -----------------------------------------------------------------------------------------------

    def _step(self, tokens: torch.Tensor, total: int) -> torch.Tensor:
        """Logits [R, V] after one more token [R] of each row; ``total`` tokens (padding too) including it."""
        count = len(self.rows)
        size = unmistakable(count, self.taken | {total}) if count > 1 else 1
        fill = torch.arange(size, device=self.device)
        fill[count:] = 0  # rows beyond the running ones repeat the first
        padding = self.padding[fill]
        # A row that is done and waits for others to leave may be beyond the context; what it gets isn't looked at.
        done = torch.tensor([self._is_done(row) for row in self.rows], device=self.device)[fill]
        inputs: dict[str, Any] = {
            "input_ids": tokens[fill][:, None],
            "position_ids": (total - 1 - padding).masked_fill(done, 0)[:, None],
            self.cache_name: self.cache,
            "use_cache": True,
        }
        if bool(self._padded):
            columns = torch.arange(total, device=self.device)
            inputs["attention_mask"] = (columns[None] >= padding[:, None]).long()
        return with_runner(self.model.hf, inputs, self._step_layers)[:count, -1]

    @property
    def _padded(self) -> bool:
        return any(len(row.prompt) < self.length for row in self.rows)

    def _step_layers(self, session: Session, hidden: torch.Tensor) -> tuple[torch.Tensor, Any]:
        recording = Recording(session.layers, session.calls, hidden, hidden.shape[0])
        num_layers = len(session.layers)
        count = len(self.rows)
        beyond = hidden[count:]
        everyone = torch.arange(count, device=self.device) if len(beyond) else None
        hidden = hidden[:count]
        for call in self.calls:
            view = slot_view(self.cache, call.entry, num_layers)
            if call.rows is None:
                hidden = recording.run(call.layer, hidden, everyone, view)
            else:
                out = recording.run(call.layer, hidden.index_select(0, call.rows), call.rows, view)
                hidden = hidden.index_copy(0, call.rows, out)
            self.decoder.layer_calls += len(call.members)
        self._count(1)
        return torch.cat([hidden, beyond]) if len(beyond) else hidden, None

    def _choose(self, logits: torch.Tensor) -> torch.Tensor:
        """The next token of each row, [R]."""
        tokens = logits.argmax(-1)
        for i, (row, generator) in enumerate(zip(self.rows, self.generators, strict=True)):
            if generator is not None:
                tokens[i] = draw_token(logits[i], row.temperature, generator)
        return tokens

    def _emit(self, tokens: torch.Tensor, logits: torch.Tensor) -> list[bool]:
        """Hand each row its token; True for rows that are done."""
        done = []
        for i, (row, token) in enumerate(zip(self.rows, tokens.tolist(), strict=True)):
            if not self._is_done(row):
                row.emitted.append(token)
                if self.trace:
                    row.trace.append(logits[i])
            done.append(self._is_done(row))
        return done

    def _is_done(self, row: Row) -> bool:
        return len(row.emitted) >= row.limit or (bool(row.emitted) and row.emitted[-1] in self.decoder.ends)

    def _leave(self, done: list[bool], tokens: torch.Tensor) -> torch.Tensor:
        """Drop the rows that are done from every call; the tokens of those that stay."""
        stay = [i for i, finished in enumerate(done) if not finished]
        place = {old: new for new, old in enumerate(stay)}
        self.rows = [self.rows[i] for i in stay]
        self.generators = [self.generators[i] for i in stay]
        kept = torch.tensor(stay, device=self.device)
        self.padding = self.padding.index_select(0, kept)
        calls = []
        for call in self.calls:
            inside = [i for i, (row, _) in enumerate(call.members) if row in place]
            if not inside:
                continue
            call.members = [(place[call.members[i][0]], call.members[i][1]) for i in inside]
            _keep_rows(call.entry, torch.tensor(inside, device=self.device))
            whole = len(call.members) == len(stay)
            call.rows = None if whole else torch.tensor([row for row, _ in call.members], device=self.device)
            calls.append(call)
        self.calls = calls
        return tokens.index_select(0, kept)


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
