"""Log-likelihoods and verdicts for many sequences under different chains: which run together, and their results.

How one batch goes through the layers is the subject of `skiploop.engine.score_batch`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from skiploop.engine.cost import Cost
from skiploop.engine.packing import Layout, pieces
from skiploop.engine.preamble import Preamble
from skiploop.engine.prefix import PrefixCache
from skiploop.engine.request import Request, Result
from skiploop.engine.score_batch import ScoreBatch
from skiploop.engine.sequences import Sequences
from skiploop.engine.targets import Score, ScoringPair, compare
from skiploop.models.layered import LayeredModel
from skiploop.models.recorded_calls import Caller, head

_LOGITS_BYTES = 256 * 2**20  # of one call of the head

# (padded length by sequence) -> preambles by sequence
FindLayoutPreambles = Callable[[Mapping[Layout, int]], Mapping[Layout, Preamble]]


@dataclass(frozen=True, slots=True)
class _Group:
    """What sequences have in common that are scored in one batch."""

    length: int  # they are padded to, preamble included
    packed: bool
    preamble: Preamble | None = None


class SequenceScorer:
    """Scores requests, in batches of sequences whose states fit into memory."""

    def __init__(
        self,
        model: LayeredModel,
        sequences: Sequences,
        states: PrefixCache,
        *,
        max_batch_tokens: int,
        compiled: Caller | None = None,
        preambles: FindLayoutPreambles,
    ) -> None:
        """A scorer that has run nothing yet.

        Args:
            model: the model.
            sequences: its encoder.
            states: where states of common prefixes of chains are kept.
            max_batch_tokens: of one layer call.
            compiled: calls a compiled layer.
            preambles: which sequences begin with tokens that are computed once for all.
        """
        self.cost = Cost()
        self._model = model
        self._sequences = sequences
        self._states = states
        self._max_batch_tokens = max_batch_tokens
        self._compiled = compiled
        self._preambles = preambles

    def run(self, requests: Sequence[Request], *, packed: bool) -> list[Result]:
        """Log-likelihoods or verdicts, in request order; `packed`: options share their prompt in one sequence."""
        jobs = [(request, self._sequences.layouts(request, packed=packed)) for request in requests]
        scored = self.run_pairs((layout, request.chain.layers) for request, layouts in jobs for layout in layouts)
        return [
            _result(request, layouts, [scored[layout, request.chain.layers] for layout in layouts])
            for request, layouts in jobs
        ]

    def run_pairs(self, pairs: Iterable[ScoringPair]) -> dict[ScoringPair, Score]:
        """For each (layout, layers): whether each target is the arg-max, and its log-likelihood."""
        pairs = list(pairs)
        lengths = {layout: self._sequences.length(layout) for layout, _ in pairs}
        preambles = self._preambles(lengths)
        groups: dict[_Group, dict[ScoringPair, None]] = defaultdict(dict)
        for pair in pairs:
            layout = pair[0]
            groups[_Group(lengths[layout], layout.packed, preambles.get(layout))][pair] = None
        scored: dict[ScoringPair, Score] = {}
        for group, members in groups.items():
            for chunk in self._chunks(list(members), group):
                scored.update(self._run_chunk(chunk, group))
        return scored

    def _chunks(self, pairs: list[ScoringPair], group: _Group) -> Iterator[list[ScoringPair]]:
        """Pieces whose states fit into half of the cache: each pair holds one while it waits.

        With a preamble each chain holds one of the preamble's, too, so that the pairs of a chain stay together.
        """
        width = self._model.hf.get_input_embeddings().weight.shape[-1]
        preamble = group.preamble
        state_bytes = (group.length - (len(preamble) if preamble else 0)) * width * self._model.dtype.itemsize
        room = self._states.cache_bytes // 2
        if preamble is None:
            pairs.sort(key=lambda pair: (pair[0].tokens, pair[1]))
            yield from pieces(pairs, lambda _: state_bytes, room)
            return
        pairs.sort(key=lambda pair: (pair[1], pair[0].tokens))
        first = {layers: layout for layout, layers in reversed(pairs)}  # the first pair of each chain
        shared_bytes = preamble.state_bytes()
        yield from pieces(pairs, lambda pair: state_bytes + (shared_bytes if first[pair[1]] is pair[0] else 0), room)

    def _run_chunk(self, pairs: list[ScoringPair], group: _Group) -> dict[ScoringPair, Score]:
        """For each pair: whether each target is the arg-max, and its log-likelihood."""
        batch = ScoreBatch(
            self._model, list(dict.fromkeys(layout for layout, _ in pairs)), group.length, preamble=group.preamble
        )
        before = group.preamble.layer_calls if group.preamble is not None else 0
        states = batch.states(pairs, self._states, max_batch_tokens=self._max_batch_tokens, compiled=self._compiled)
        self.cost.add(batch.layer_calls, batch.width, of=group.length)
        if group.preamble is not None:
            self.cost.add(group.preamble.layer_calls - before, len(group.preamble), of=group.length)
        ends = torch.tensor(self._model.eos_ids or (-1,), device=self._model.device)
        scored: dict[ScoringPair, Score] = {}
        for part in pieces(zip(pairs, states, strict=True), lambda item: len(item[1]), self._head_positions()):
            hidden = torch.cat([state for _, state in part])
            compared = [pair for pair, _ in part]
            targets = torch.tensor([token for layout, _ in compared for token in layout.targets], device=hidden.device)
            scored.update(zip(compared, compare(head(self._model.hf, hidden), targets, compared, ends), strict=True))
        return scored

    def _head_positions(self) -> int:
        vocabulary: int = self._model.hf.config.get_text_config().vocab_size
        return max(1, _LOGITS_BYTES // (4 * vocabulary))


def _result(request: Request, layouts: list[Layout], scores: list[Score]) -> Result:
    if request.expected is not None:
        return _verdict(scores[0], request.with_loglikelihood)
    tokens = [each for score in scores for each in score.loglikelihoods]
    hits = [hit for score in scores for hit in score.hits]
    lengths = [length for layout in layouts for length in layout.lengths]
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
