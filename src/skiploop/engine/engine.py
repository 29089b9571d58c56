"""The engine: many chains on many inputs at once, exactly and fast.

    requests ──> layouts (tokens, positions to score) ──> groups of similar length
             ──> record (the model prepares masks and positions) ──> prefix-shared pass over the layers ──> head
             ──> log-likelihoods, verdicts

Scoring and exact-match verdicts need one pass over prompt and answer; generation goes through
`skiploop.engine.decoding`. Results agree with `run_chain` on each request alone, up to rounding, whichever requests
are run together.
"""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TypeVar

import torch

from skiploop.engine.allocator import keep_freed_memory
from skiploop.engine.captured_step import Capture, cuda_graph
from skiploop.engine.common_tokens import Tokens
from skiploop.engine.cost import Cost
from skiploop.engine.decoding import Decoder, FindPreambles, no_preambles
from skiploop.engine.packing import Layout, lay_out, padded_length, pieces
from skiploop.engine.plain import PlainEngine
from skiploop.engine.preamble import Preamble
from skiploop.engine.prefix import PrefixCache
from skiploop.engine.request import Request, Result
from skiploop.engine.rope import Side, find_switch
from skiploop.engine.score_batch import ScoreBatch
from skiploop.engine.scoring import Score, ScoringPair, compare
from skiploop.engine.selftest import TRIAL_PREAMBLE, batched_generation_is_exact, batched_scoring_is_exact
from skiploop.engine.sharing import KINDS, Sharing, shortest_window
from skiploop.engine.unconditional import with_unconditional
from skiploop.errors import InvalidInput
from skiploop.models.layered import LayeredModel
from skiploop.models.out_of_memory import ran_out
from skiploop.models.recorded_calls import Caller, call_layer, head

log = logging.getLogger("skiploop")
T = TypeVar("T")

_CPU_BATCH_TOKENS, _GPU_BATCH_TOKENS = 2048, 65536
_CPU_CACHE_CAP = 512 * 2**20
_LOGITS_BYTES = 256 * 2**20  # of one call of the head


@dataclass(frozen=True, slots=True)
class _Group:
    """What sequences have in common that are scored in one batch."""

    length: int  # they are padded to, preamble included
    packed: bool
    preamble: Preamble | None = None


@dataclass(slots=True)
class _Job:
    """One scoring request and its token sequences."""

    request: Request
    layouts: list[Layout]


class Engine:
    """Runs requests in batches across inputs and chains, sharing common prefixes of layers and of tokens.

    Attributes:
        layer_calls: one layer on one sequence, executed so far.
    """

    def __init__(
        self,
        model: LayeredModel,
        *,
        max_batch_tokens: int | None = None,
        cache_bytes: int | None = None,
        compile: bool = False,
    ) -> None:
        """An engine on a loaded model.

        Args:
            model: the model; nothing else may run its layers while `run` is at work.
            max_batch_tokens: tokens of one layer call; default 2048 on CPU, 65536 on GPU. Halved when memory runs out.
            cache_bytes: states kept between calls; default a quarter of the free memory, on CPU 512 MiB at most.
            compile: compile layers with `torch.compile` for scoring and exact-match checks (not for generation, where
                it doesn't pay); on a GPU, capture the steps of generation in CUDA graphs. The first calls then take
                some ten seconds; results agree up to rounding. Where either fails or isn't exact, the engine warns
                and goes on without it.

        On a CPU, glibc is told to keep freed memory for the rest of the process (see `skiploop.engine.allocator`, which
        also says how to opt out).

        Raises:
            InvalidInput: a limit below 1.
        """
        for name, value in (("max_batch_tokens", max_batch_tokens), ("cache_bytes", cache_bytes)):
            if value is not None and value < 1:
                raise InvalidInput(f"{name} is {value}; it must be at least 1")
        on_gpu = model.device.type == "cuda"
        if model.device.type == "cpu":
            keep_freed_memory()
        self.model = model
        self.max_batch_tokens = max_batch_tokens or (_GPU_BATCH_TOKENS if on_gpu else _CPU_BATCH_TOKENS)
        self._cost = Cost()
        self._plain = PlainEngine(model)
        self._states = PrefixCache(cache_bytes or _default_cache_bytes(model.device))
        self._batched: dict[str, bool] = {}  # kind of work -> whether the batched path is exact on this model
        self._encode_pair = lru_cache(maxsize=65536)(model.encode_pair)
        self._switch = find_switch(model.hf.config)
        self._sharing = Sharing(model, self._states, self._switch)
        self._compiled: Caller | None = torch.compile(call_layer, dynamic=True) if compile else None
        self._capture: Capture | None = cuda_graph if compile and on_gpu else None

    @property
    def cache_bytes(self) -> int:
        """Memory for states between calls; halved when memory runs out."""
        return self._states.cache_bytes

    @property
    def layer_calls(self) -> int:
        """One layer on one sequence in one forward, executed so far.

        Part of a sequence counts by its share of the tokens, see `skiploop.engine.cost`.
        """
        return self._cost.layer_calls + self._plain.layer_calls

    @property
    def layer_tokens(self) -> int:
        """One layer on one token, padding included, executed so far in batches."""
        return self._cost.tokens

    def batched_paths(self) -> dict[str, bool]:
        """Which kinds of work have a batched path that is exact on this model; the others run one by one.

        Kinds: `score`, single continuations and exact-match checks; `packed`, options that share their prompt in one
        sequence; `generate`.
        """
        with torch.inference_mode():
            return {kind: self._retrying(partial(self._exact, kind)) for kind in ("score", "packed", "generate")}

    def run(self, requests: Sequence[Request]) -> list[Result]:
        """The results, in request order; they don't depend on which requests are run together."""
        return with_unconditional(self._run_all, self.model, requests)

    def _run_all(self, requests: Sequence[Request]) -> list[Result]:
        results: list[Result | None] = [None] * len(requests)
        kinds: dict[tuple[str, Side | None], list[int]] = defaultdict(list)
        for index, request in enumerate(requests):
            kinds[self._kind(request), self._side(request)].append(index)
        with torch.inference_mode():
            for (kind, side), members in kinds.items():
                run = self._plain.run if side is Side.ALONE else partial(self._run_kind, kind)
                answers = run([requests[i] for i in members])
                for index, result in zip(members, answers, strict=True):
                    results[index] = result
        return [result for result in results if result is not None]

    def run_alone(self, request: Request) -> Result:
        """The result of one request by itself: states computed alongside other requests are forgotten."""
        self.forget()
        return self.run([request])[0]

    def forget(self) -> None:
        """Forget all states that were computed before, so that what follows costs what it costs by itself."""
        self._states.clear()
        self._sharing.clear()

    def _kind(self, request: Request) -> str:
        if request.continuations:
            return "packed" if self._exact("packed") else "score"
        if request.expected is not None and self.model.eos_ids and request.cache_policy == "own":
            return "score"  # with another policy a forced pass isn't what generation does
        return "generate"

    def _side(self, request: Request) -> Side | None:
        """Which side of the model's switch of rotary frequencies a request is on; None: there is none."""
        if self._switch is None:
            return None
        if request.continuations:
            pairs = [self._encode_pair(request.prompt, continuation) for continuation in request.continuations]
            side = self._switch.of_sequences([len(prompt) + len(answer) - 1 for prompt, answer in pairs])
            # With one change, each sequence is padded on its own side; with many, none can share a batch.
            return None if self._switch.once else side
        if request.expected is None:
            return self._switch.of_generation(len(self.model.encode(request.prompt)), request.max_new_tokens or 0)
        prompt, answer = self._encode_pair(request.prompt, request.expected, move_space=False)
        return self._switch.of_sequences([len(prompt), len(prompt) + len(answer)])

    def _run_kind(self, kind: str, requests: list[Request]) -> list[Result]:
        if not self._retrying(lambda: self._exact(kind)):
            return self._plain.run(requests)
        if kind == "generate":
            return self._retrying(lambda: self._generate(requests))
        return self._retrying(lambda: self._score(requests, packed=kind == "packed"))

    def _exact(self, kind: str) -> bool:
        """Whether the batched path is exact on this model; tested once, on a few short inputs."""
        if kind not in self._batched:
            self._batched[kind] = self._trial(kind)
            self._states.clear()
            if not self._batched[kind] and kind in ("score", "generate"):
                log.warning("%s: no batched path for %s, one request after another", self.model.name, kind)
        return self._batched[kind]

    def _trial(self, kind: str) -> bool:
        if kind == "generate":
            decoder = self._decoder(ends=())
            exact = batched_generation_is_exact(decoder)
            if not exact and self._capture is not None:
                log.warning("%s: captured decoding steps aren't exact, going on without", self.model.name)
                self._capture = None
                return self._trial(kind)
            self._capture = decoder.capture
            return exact
        if kind in KINDS.values():
            return self._shares_exactly(kind)
        exact = batched_scoring_is_exact(self.model, partial(self._score_after, {}), packed=kind == "packed")
        if not exact and self._compiled is not None:
            log.warning("%s: compiled layers fail or aren't exact, going on without", self.model.name)
            self._compiled = None
            self._states.clear()
            return self._trial(kind)
        return exact

    def _shares_exactly(self, kind: str) -> bool:
        if kind == KINDS["generate"]:
            decoder = self._decoder(ends=(), preambles=lambda rows: self._trial_preamble([row.prompt for row in rows]))
            decoder.capture = None  # makes no difference: the steps come after the preamble
            return batched_generation_is_exact(decoder, preamble=TRIAL_PREAMBLE)

        def score(pairs: Iterable[ScoringPair]) -> dict[ScoringPair, Score]:
            pairs = list(pairs)
            forced = self._trial_preamble([layout.tokens for layout, _ in pairs])
            return self._score_after({layout: forced[layout.tokens] for layout, _ in pairs}, pairs)

        return batched_scoring_is_exact(self.model, score, packed=kind == KINDS["packed"], preamble=TRIAL_PREAMBLE)

    def _trial_preamble(self, sequences: Sequence[Tokens]) -> dict[Tokens, Preamble]:
        return dict.fromkeys(sequences, self._sharing.preamble(sequences[0][:TRIAL_PREAMBLE], self.max_batch_tokens))

    def _retrying(self, work: Callable[[], T]) -> T:
        """Do `work`; when memory runs out, again with batches and states half as large."""
        while True:
            try:
                return work()
            except BaseException as error:
                self._states.clear()  # an interrupted pass leaves its tries incomplete
                if not ran_out(error):
                    raise
                if self.max_batch_tokens < 64:
                    raise InvalidInput(
                        f"memory ran out even with {self.max_batch_tokens} tokens in a batch; use a narrower dtype "
                        "(--dtype bfloat16), a smaller model or a machine with more memory. What was evaluated is "
                        "kept: the same command goes on from there"
                    ) from error
            self.max_batch_tokens //= 2
            self._states.cache_bytes = max(1, self._states.cache_bytes // 2)
            log.warning("out of memory: going on with max_batch_tokens=%d", self.max_batch_tokens)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    # --- generation ---------------------------------------------------------------------------------------------

    def _generate(self, requests: list[Request]) -> list[Result]:
        limit = self.max_batch_tokens
        decoder = self._decoder(preambles=partial(self._sharing.of_rows, max_batch_tokens=limit, passes=self._exact))
        try:
            return decoder.run(requests)
        finally:
            self._cost.include(decoder.cost)
            self._capture = decoder.capture

    def _decoder(self, ends: tuple[int, ...] | None = None, *, preambles: FindPreambles = no_preambles) -> Decoder:
        return Decoder(
            self.model,
            max_batch_tokens=self.max_batch_tokens,
            cache_bytes=self.cache_bytes,
            ends=ends,
            capture=self._capture,
            preambles=preambles,
        )

    # --- scoring ------------------------------------------------------------------------------------------------

    def _score(self, requests: list[Request], *, packed: bool) -> list[Result]:
        jobs = [_Job(request, self._layouts(request, packed=packed)) for request in requests]
        pairs = [(layout, job.request.chain.layers) for job in jobs for layout in job.layouts]
        scored = self.score_layouts(pairs)
        return [self._result(job, scored) for job in jobs]

    def score_layouts(self, pairs: Iterable[ScoringPair]) -> dict[ScoringPair, Score]:
        """For each (layout, layers): whether each target is the arg-max, and its log-likelihood."""
        pairs = list(pairs)
        lengths = {layout: self._length(layout) for layout, _ in pairs}
        preambles = self._sharing.of_layouts(lengths, max_batch_tokens=self.max_batch_tokens, passes=self._exact)
        return self._score_after(preambles, pairs)

    def _score_after(
        self, preambles: Mapping[Layout, Preamble], pairs: Iterable[ScoringPair]
    ) -> dict[ScoringPair, Score]:
        """The same, where `preambles` says with which shared tokens some layouts begin."""
        groups: dict[_Group, dict[ScoringPair, None]] = defaultdict(dict)
        for pair in pairs:
            group = _Group(self._length(pair[0]), pair[0].packed, preambles.get(pair[0]))
            groups[group][pair] = None
        scored: dict[ScoringPair, Score] = {}
        for group, members in groups.items():
            for chunk in self._chunks(list(members), group):
                scored.update(self._score_chunk(chunk, group))
        return scored

    def _length(self, layout: Layout) -> int:
        """The length to which a sequence is padded; sequences of one length share batches."""
        tokens = len(layout.tokens)
        padded = padded_length(tokens)
        return padded if self._switch is None else self._switch.padded(tokens, padded)

    def _layouts(self, request: Request, *, packed: bool) -> list[Layout]:
        if request.expected is not None:
            prompt, answer = self._encode_pair(request.prompt, request.expected, move_space=False)
            return [lay_out(prompt, [[*answer, self.model.eos_ids[0]]])]
        pairs = [self._encode_pair(request.prompt, continuation) for continuation in request.continuations]
        prompts = {tuple(prompt) for prompt, _ in pairs}
        limit = shortest_window(self.model)
        total = len(pairs[0][0]) + sum(len(answer) for _, answer in pairs)
        if self._switch is not None:  # packed, an option would be on the side of the longest
            limit = min(limit or total, self._switch.length)
        if packed and len(prompts) == 1 and (limit is None or total <= limit):
            return [lay_out(pairs[0][0], [answer for _, answer in pairs])]
        return [lay_out(prompt, [answer]) for prompt, answer in pairs]

    def _chunks(self, pairs: list[ScoringPair], group: _Group) -> Iterator[list[ScoringPair]]:
        """Pieces whose states fit into half of the cache: each pair holds one while it waits.

        With a preamble each chain holds one of the preamble's, too, so that the pairs of a chain stay together.
        """
        width = self.model.hf.get_input_embeddings().weight.shape[-1]
        preamble = group.preamble
        state_bytes = (group.length - (len(preamble) if preamble else 0)) * width * self.model.dtype.itemsize
        if preamble is None:
            pairs.sort(key=lambda pair: (pair[0].tokens, pair[1]))
            yield from pieces(pairs, lambda _: state_bytes, self._states.cache_bytes // 2)
            return
        pairs.sort(key=lambda pair: (pair[1], pair[0].tokens))
        first = {layers: layout for layout, layers in reversed(pairs)}  # the first pair of each chain
        shared_bytes = preamble.state_bytes()
        yield from pieces(
            pairs,
            lambda pair: state_bytes + (shared_bytes if first[pair[1]] is pair[0] else 0),
            self._states.cache_bytes // 2,
        )

    def _score_chunk(self, pairs: list[ScoringPair], group: _Group) -> dict[ScoringPair, Score]:
        """For each pair: whether each target is the arg-max, and its log-likelihood."""
        batch = ScoreBatch(
            self.model, list(dict.fromkeys(layout for layout, _ in pairs)), group.length, preamble=group.preamble
        )
        before = group.preamble.layer_calls if group.preamble is not None else 0
        states = batch.states(pairs, self._states, max_batch_tokens=self.max_batch_tokens, compiled=self._compiled)
        self._cost.add(batch.layer_calls, batch.width, of=group.length)
        if group.preamble is not None:
            self._cost.add(group.preamble.layer_calls - before, len(group.preamble), of=group.length)
        scored: dict[ScoringPair, Score] = {}
        for part in pieces(zip(pairs, states, strict=True), lambda item: len(item[1]), self._head_positions()):
            hidden = torch.cat([state for _, state in part])
            compared = [pair for pair, _ in part]
            targets = torch.tensor([token for layout, _ in compared for token in layout.targets], device=hidden.device)
            scored.update(
                zip(compared, compare(head(self.model.hf, hidden), targets, compared, self._ends()), strict=True)
            )
        return scored

    def _ends(self) -> torch.Tensor:
        return torch.tensor(self.model.eos_ids or (-1,), device=self.model.device)

    def _head_positions(self) -> int:
        vocabulary: int = self.model.hf.config.get_text_config().vocab_size
        return max(1, _LOGITS_BYTES // (4 * vocabulary))

    def _result(self, job: _Job, scored: dict[ScoringPair, Score]) -> Result:
        scores_of = [scored[layout, job.request.chain.layers] for layout in job.layouts]
        if job.request.expected is not None:
            return _verdict(scores_of[0], job.request.with_loglikelihood)
        tokens = [score for each in scores_of for score in each.loglikelihoods]
        hits = [hit for each in scores_of for hit in each.hits]
        lengths = [length for layout in job.layouts for length in layout.lengths]
        sums, greedy, start = [], [], 0
        for length in lengths:
            sums.append(float(sum(tokens[start : start + length])))
            greedy.append(all(hits[start : start + length]))
            start += length
        return Result(loglikelihoods=tuple(sums), num_tokens=tuple(lengths), greedy=tuple(greedy))


def _verdict(score: Score, with_loglikelihood: bool) -> Result:
    """Of an expected text."""
    if not with_loglikelihood:
        return Result(matched=score.matched)
    tokens = score.loglikelihoods
    return Result(loglikelihoods=(float(sum(tokens)),), num_tokens=(len(tokens),), matched=score.matched)


def _default_cache_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return max(1, free // 4)
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        free = _CPU_CACHE_CAP
    return max(2**20, min(_CPU_CACHE_CAP, free // 4))
