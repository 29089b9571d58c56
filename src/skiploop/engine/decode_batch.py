"""Generation for one batch of rows with different chains: prefill, then one token at a time.

Prefill is a prefix-shared pass (`skiploop.engine.prefix`) that keeps the keys and values of every layer call. For
decoding, the chains of all rows are merged into one sequence of layer calls (`skiploop.engine.call_order`), made
once and replayed for each token (`skiploop.engine.decode_calls`); on a GPU a whole step can be captured
(`skiploop.engine.captured_step`). Rows that are done leave the batch. In the token loop the host waits for the device
once for each token: to see which rows have ended.

Shapes: R rows, S tokens of the longest prompt (prompts are padded on the left), D width, V vocabulary.
"""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicCache

from skiploop.chains.policy import CachePolicy, decoding_layers, read_slots
from skiploop.chains.weights import steps
from skiploop.engine.captured_step import BufferSize, Capture, FixedStep, can_be_fixed, release
from skiploop.engine.cost import Cost
from skiploop.engine.decode_calls import ScheduledCall, Share, calls_for, entry_of, keep_rows, shares_of
from skiploop.engine.decode_steps import CallSteps, LoopStates
from skiploop.engine.preamble import Preamble
from skiploop.engine.prefix import Pass, PrefixCache, PrefixNode
from skiploop.engine.sampling import draw_token
from skiploop.models.layered import LayeredModel
from skiploop.models.out_of_memory import ran_out
from skiploop.models.recorded_calls import Recording, dimensions, head, record, selection, unmistakable
from skiploop.models.replay import Session, probing
from skiploop.models.slots import cache_argument, slot_view
from skiploop.models.stops import is_stopped

log = logging.getLogger("skiploop")

WORTH_CAPTURING = 8  # steps left for which capturing pays: the capture itself runs a step once and records it once


@dataclass(slots=True, eq=False)
class DecodeRow:
    """One prompt under one chain, and what it has generated."""

    prompt: tuple[int, ...]
    layers: tuple[int, ...]
    limit: int
    temperature: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()  # texts at which it ends
    stop_tokens: frozenset[int] = frozenset()  # those that are special tokens
    emitted: list[int] = field(default_factory=list)
    cache_policy: CachePolicy = "own"
    stopped: bool = False  # at one of them
    preamble: Preamble | None = None  # what its prompt begins with; the same for all rows of a batch
    trace: list[torch.Tensor] = field(default_factory=list)  # logits of each step, [V], if asked for

    @property
    def decoding_layers(self) -> tuple[int, ...]:
        """What is run for each token after the prompt."""
        return decoding_layers(self.layers, self.cache_policy)


class DecodeBatch:
    """Rows that run together.

    Attributes:
        cost: what was executed so far.
        capture: as given; None once it has failed.
    """

    def __init__(
        self,
        model: LayeredModel,
        rows: list[DecodeRow],
        *,
        ends: frozenset[int],
        max_batch_tokens: int,
        trace: bool,
        capture: Capture | None = None,
    ) -> None:
        """A batch that hasn't started.

        Args:
            model: the model.
            rows: what to run.
            ends: tokens that end a row.
            max_batch_tokens: tokens of one layer call of the prefill.
            trace: keep the logits of every step.
            capture: turns a decoding step into one that is launched as a whole, see `skiploop.engine.captured_step`.
        """
        self.cost = Cost()
        self.capture = capture
        self._model = model
        self._device = model.device
        self._rows = rows
        self._ends = ends
        self._max_batch_tokens = max_batch_tokens
        self._trace = trace
        self._prompts = list(dict.fromkeys(row.prompt for row in rows))
        self._length = max(map(len, self._prompts))  # S
        self._preamble = rows[0].preamble
        self._past = len(self._preamble) if self._preamble is not None else 0  # tokens that the prefill doesn't run
        self._padded = any(len(prompt) < self._length for prompt in self._prompts)
        self._padding = torch.tensor([self._length - len(row.prompt) for row in rows], device=self._device)  # [R]
        self._finished = torch.zeros_like(self._padding, dtype=torch.bool)  # [R] done, but still in the batch
        self._generators = [torch.Generator().manual_seed(row.seed) if row.temperature > 0 else None for row in rows]
        self._room = max(row.limit for row in rows)
        self._calls: list[ScheduledCall] = []
        self._shares: list[Share] = []
        self._fixed: FixedStep | None = None
        self._ghosts: dict[tuple[type, int | None], Any] = {}
        self._cache = DynamicCache(config=model.hf.config.get_text_config(decoder=True))
        self._cache_name = cache_argument(model.hf)
        self._taken = dimensions(model.hf)

    def run(self) -> None:
        """Fill `emitted` of every row."""
        logits = self._prefill()
        with probing(self._model.hf, self._step_layers):
            self._decode(logits)

    def _decode(self, logits: torch.Tensor) -> None:
        """Every token from the logits [R, V] of the prompts' last tokens on; probes stand in place of the layers."""
        seen = self._length  # tokens whose keys and values every layer call holds
        waiting = 0
        while True:
            tokens = self._choose(logits)
            done = self._emit(tokens, logits)
            if all(done):
                return
            # When rows leave, a captured step has to be captured again.
            if (2 if self._fixed else 4) * sum(done) >= len(done):
                tokens = self._leave(done, tokens)
                waiting = 0
            elif sum(done) > waiting:
                self._finished.copy_(torch.tensor(done))
                waiting = sum(done)
            logits = self._step(tokens, seen)
            seen += 1

    # --- prefill ------------------------------------------------------------------------------------------------

    def _prefill(self) -> torch.Tensor:
        """Logits of the last prompt token of each row, [R, V]; sets up the layer calls of a decoding step."""
        size = len(self._prompts)
        taken = self._taken | {self._length, self._length - self._past}
        rows = unmistakable(size, taken) if size > 1 else 1
        filled = [*self._prompts, *([self._prompts[0]] * (rows - size))]
        pad = getattr(self._model.tokenizer, "pad_token_id", None) or 0
        ids = torch.full((rows, self._length), pad, dtype=torch.long)
        mask = torch.zeros((rows, self._length), dtype=torch.long)
        for i, prompt in enumerate(filled):
            ids[i, self._length - len(prompt) :] = torch.tensor(prompt)
            mask[i, self._length - len(prompt) :] = 1
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        inputs: dict[str, Any] = {"input_ids": ids[:, self._past :], "position_ids": positions[:, self._past :]}
        if self._padded:
            inputs["attention_mask"] = mask
        inputs = {name: tensor.to(self._device) for name, tensor in inputs.items()}
        cache = self._cache if self._preamble is None else self._preamble.ghosts(self._past)
        recording = record(self._model.hf, {**inputs, self._cache_name: cache, "use_cache": True})
        return head(self._model.hf, self._prefill_layers(recording))

    def _prefill_layers(self, recording: Recording) -> torch.Tensor:
        """Hidden states of the last prompt token of each row, [R, D]; every layer call keeps its keys and values.

        Of prompts with a preamble only the last tokens are run, as many as the longest has after it. So a shorter one
        is shown less of the preamble, and runs the last of the preamble's tokens itself.
        """
        fresh = list(self._cache.layers)
        width = self._length - self._past

        def run_layer(
            layer: int, states: torch.Tensor, inputs: list[int], nodes: list[PrefixNode]
        ) -> tuple[torch.Tensor, Any]:
            if self._preamble is None:
                entry = copy.deepcopy(fresh[layer])
            else:
                shown = [len(self._prompts[i]) - width for i in inputs]
                entry = self._preamble.entry(nodes, shown, room=width)
            view = slot_view(self._cache, entry, len(recording.layers))
            out = recording.run(layer, states, selection(inputs, self._device), view)
            recording.forget_picked()
            return out, entry

        index = {prompt: i for i, prompt in enumerate(self._prompts)}
        states = PrefixCache(2**62)
        most = max(1, self._max_batch_tokens // width)
        work = Pass(states, run_layer, max_rows=most, take=lambda node, _: node.state()[-1].clone())
        roots = [states.root(prompt) for prompt in self._prompts]
        before = self._preamble.layer_calls if self._preamble is not None else 0
        ends = work.run(recording.entry, roots, [(index[row.prompt], row.layers) for row in self._rows])
        self.cost.add(work.layer_calls, width, of=self._length)
        if self._preamble is not None:
            self.cost.add(self._preamble.layer_calls - before, self._past, of=self._length)
        self._lay_ghosts(fresh)
        self._set_calls(
            calls_for([row.decoding_layers for row in self._rows]),
            [_path(roots[index[row.prompt]], row.layers) for row in self._rows],
        )
        return torch.stack([ends[index[row.prompt], row.layers] for row in self._rows])

    def _set_calls(self, calls: list[ScheduledCall], paths: list[list[PrefixNode]]) -> None:
        """Give every call the keys and values of its rows' prompts; `paths`: the nodes of each row's slots."""
        read = [read_slots(row.layers, row.cache_policy) for row in self._rows]
        for call in calls:
            call.entry = entry_of([paths[row][read[row][slot]] for row, slot in call.members], self._room)
            call.view = slot_view(self._cache, call.entry, self._model.num_layers)
        self._calls = calls
        self._set_rows()

    def _set_rows(self) -> None:
        """The index tensor of every call; calls of the same rows share it, and with it the tensors picked in a step."""
        shared: dict[tuple[int, ...], torch.Tensor] = {}
        for call in self._calls:
            members = tuple(row for row, _ in call.members)
            if len(members) == len(self._rows):
                call.rows = None
                continue
            if members not in shared:
                shared[members] = torch.tensor(members, device=self._device)
            call.rows = shared[members]
        self._set_steps()

    def _set_steps(self) -> None:
        """What weights of chains do after each call, and what cache policies do after each step."""
        like = torch.empty(0, device=self._device, dtype=self._model.dtype)
        found = [steps(row.decoding_layers) for row in self._rows]
        for call in self._calls:
            call.steps = CallSteps.of([(row, found[row][slot]) for row, slot in call.members], like)
        self._shares = shares_of(self._calls, [(row.layers, row.cache_policy) for row in self._rows], self._device)

    def _lay_ghosts(self, fresh: list[Any]) -> None:
        """Give the model's own cache entries that only count tokens, one for each kind, so that its masks are right."""
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

    def _step(self, tokens: torch.Tensor, seen: int) -> torch.Tensor:
        """Logits [R, V] after one more token [R] of each row; `seen` tokens (padding too) came before it."""
        self.cost.add(sum(len(call.members) for call in self._calls), 1, of=1)
        if self._fixed is None and self.capture is not None and self._is_worth_capturing():
            self._fix(self.capture, tokens, seen)
        if self._fixed is not None:
            return self._fixed.run(tokens)
        logits = self._forward(tokens, seen, seen + 1, self._cache)
        for share in self._shares:
            share.copy()
        self._count(1)
        return logits

    def _forward(self, tokens: torch.Tensor, seen: int | torch.Tensor, total: int, cache: Cache) -> torch.Tensor:
        """Logits [R, V] of the model's forward, with probes in place; `total`: tokens that its mask covers."""
        count = len(self._rows)
        size = unmistakable(count, self._taken | {total}) if count > 1 else 1
        padding = self._padding
        # A row that is done but still in the batch may be beyond the context; its logits aren't looked at.
        positions = (seen - padding).masked_fill(self._finished, 0)
        if size > count:  # rows beyond the running ones repeat the first
            fill = torch.arange(size, device=self._device)
            fill = fill.masked_fill(fill >= count, 0)
            tokens, positions, padding = tokens[fill], positions[fill], padding[fill]
        inputs: dict[str, Any] = {
            "input_ids": tokens[:, None],
            "position_ids": positions[:, None],
            self._cache_name: cache,
            "use_cache": True,
        }
        if self._padded or cache is not self._cache:  # without a mask some models inspect their input on the host
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
        memory = LoopStates.like(hidden) if any(call.steps for call in self._calls) else None
        for call in self._calls:
            given = hidden if call.rows is None else hidden.index_select(0, call.rows)
            out = recording.run(call.layer, given, everyone if call.rows is None else call.rows, call.view)
            if call.steps is not None and memory is not None:
                out = call.steps.apply(given, out, memory)
            if call.rows is None:
                hidden = out
            else:
                hidden.index_copy_(0, call.rows, out)
        return torch.cat([hidden, beyond]) if len(beyond) else hidden, None

    def _is_worth_capturing(self) -> bool:
        to_come = max(row.limit - len(row.emitted) for row in self._rows if not self._is_done(row))
        if self._shares:  # copied from call to call between steps, at a place that grows
            return False
        return to_come >= WORTH_CAPTURING and can_be_fixed(self._calls, self._model.attn_implementation)

    def _fix(self, capture: Capture, tokens: torch.Tensor, seen: int) -> None:
        """Capture the step; warn and go on without where this model's step can't be captured."""
        room = self._length + self._room
        try:
            self._fixed = FixedStep(
                self._forward, self._calls, self._cache, tokens, size=BufferSize(seen, room), capture=capture
            )
        except Exception as error:  # a step that can't be captured may raise anything
            if ran_out(error):
                raise
            log.warning("%s: decoding steps can't be captured, going on without (%s)", self._model.name, error)
            self.capture = None
            release(self._calls, self._cache, 0)

    def _choose(self, logits: torch.Tensor) -> torch.Tensor:
        """The next token of each row, [R]."""
        tokens = logits.argmax(-1)
        sampled = {i: generator for i, generator in enumerate(self._generators) if generator is not None}
        if sampled:
            logits = logits.cpu()
            picked = [draw_token(logits[i], self._rows[i].temperature, generator) for i, generator in sampled.items()]
            tokens[list(sampled)] = torch.tensor(picked, device=self._device)
        return tokens

    def _emit(self, tokens: torch.Tensor, logits: torch.Tensor) -> list[bool]:
        """Hand each row its token; True for rows that are done."""
        done = []
        for i, (row, token) in enumerate(zip(self._rows, tokens.tolist(), strict=True)):
            if not self._is_done(row):
                row.emitted.append(token)
                row.stopped = is_stopped(self._model, row.prompt, row.emitted, row.stop)
                if self._trace:
                    row.trace.append(logits[i].clone())
            done.append(self._is_done(row))
        return done

    def _is_done(self, row: DecodeRow) -> bool:
        if row.stopped or len(row.emitted) >= row.limit:
            return True
        return bool(row.emitted) and (row.emitted[-1] in self._ends or row.emitted[-1] in row.stop_tokens)

    def _leave(self, done: list[bool], tokens: torch.Tensor) -> torch.Tensor:
        """Drop the rows that are done from every call; returns the tokens of those that stay."""
        if self._fixed is not None:
            release(self._calls, self._cache, self._fixed.steps)
            self._count(self._fixed.steps)
            self._fixed = None
        stay = [i for i, finished in enumerate(done) if not finished]
        place = {old: new for new, old in enumerate(stay)}
        self._rows = [self._rows[i] for i in stay]
        self._generators = [self._generators[i] for i in stay]
        kept = torch.tensor(stay, device=self._device)
        self._padding = self._padding.index_select(0, kept)
        self._finished = torch.zeros_like(self._padding, dtype=torch.bool)
        calls = []
        for call in self._calls:
            inside = [i for i, (row, _) in enumerate(call.members) if row in place]
            if not inside:
                continue
            if len(inside) < len(call.members):
                keep_rows(call.entry, torch.tensor(inside, device=self._device))
            call.members = [(place[call.members[i][0]], call.members[i][1]) for i in inside]
            calls.append(call)
        self._calls = calls
        self._set_rows()
        return tokens.index_select(0, kept)


def _kind(entry: Any) -> tuple[type, int | None]:
    """Entries of one kind report the same lengths, so they lead to the same masks."""
    return type(entry), getattr(entry, "sliding_window", None)


def _path(node: PrefixNode, layers: tuple[int, ...]) -> list[PrefixNode]:
    """The nodes along a chain, one for each slot."""
    path = []
    for layer in layers:
        node = node.children[layer]
        path.append(node)
    return path
