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
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import torch

from skiploop.engine.allocator import keep_freed_memory
from skiploop.engine.captured_step import Capture, cuda_graph
from skiploop.engine.common_tokens import Tokens
from skiploop.engine.cost import Cost
from skiploop.engine.decoding import Decoder, FindPreambles, no_preambles
from skiploop.engine.packing import Layout
from skiploop.engine.plain import PlainEngine
from skiploop.engine.preamble import Preamble
from skiploop.engine.prefix import PrefixCache
from skiploop.engine.request import Request, Result
from skiploop.engine.rope import Side
from skiploop.engine.scoring import FindLayoutPreambles, SequenceScorer
from skiploop.engine.selftest import TRIAL_PREAMBLE, batched_generation_is_exact, batched_scoring_is_exact
from skiploop.engine.sequences import Sequences
from skiploop.engine.sharing import KINDS, Sharing
from skiploop.engine.targets import Score, ScoringPair
from skiploop.engine.unconditional import with_unconditional
from skiploop.errors import InvalidInput
from skiploop.models.layered import LayeredModel
from skiploop.models.out_of_memory import ran_out
from skiploop.models.recorded_calls import Caller, call_layer

log = logging.getLogger("skiploop")
T = TypeVar("T")

_CPU_BATCH_TOKENS, _GPU_BATCH_TOKENS = 2048, 65536
_CPU_CACHE_CAP = 512 * 2**20


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
        self._sequences = Sequences(model)
        self._sharing = Sharing(model, self._states, self._sequences.switch)
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
            kinds[self._kind(request), self._sequences.side(request)].append(index)
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
        whole = partial(self._score_pairs, preambles=lambda _: {})
        exact = batched_scoring_is_exact(self.model, whole, packed=kind == "packed")
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

        def find(lengths: Mapping[Layout, int]) -> dict[Layout, Preamble]:
            forced = self._trial_preamble([layout.tokens for layout in lengths])
            return {layout: forced[layout.tokens] for layout in lengths}

        score = partial(self._score_pairs, preambles=find)
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

    def score_layouts(self, pairs: Iterable[ScoringPair]) -> dict[ScoringPair, Score]:
        """For each (layout, layers): whether each target is the arg-max, and its log-likelihood."""
        return self._score_pairs(pairs, preambles=self._shared)

    def _score_pairs(self, pairs: Iterable[ScoringPair], *, preambles: FindLayoutPreambles) -> dict[ScoringPair, Score]:
        with self._scorer(preambles) as scorer:
            return scorer.run_pairs(pairs)

    def _score(self, requests: list[Request], *, packed: bool) -> list[Result]:
        with self._scorer(self._shared) as scorer:
            return scorer.run(requests, packed=packed)

    def _shared(self, lengths: Mapping[Layout, int]) -> dict[Layout, Preamble]:
        return self._sharing.of_layouts(lengths, max_batch_tokens=self.max_batch_tokens, passes=self._exact)

    @contextmanager
    def _scorer(self, preambles: FindLayoutPreambles) -> Iterator[SequenceScorer]:
        scorer = SequenceScorer(
            self.model,
            self._sequences,
            self._states,
            max_batch_tokens=self.max_batch_tokens,
            compiled=self._compiled,
            preambles=preambles,
        )
        try:
            yield scorer
        finally:
            self._cost.include(scorer.cost)


def _default_cache_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return max(1, free // 4)
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        free = _CPU_CACHE_CAP
    return max(2**20, min(_CPU_CACHE_CAP, free // 4))
