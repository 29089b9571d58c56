"""Is a batched path of the engine exact on this model? Tested on a few short random inputs before it is used."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

import torch

from skiploop.chains.chain import Chain
from skiploop.engine.decode_batch import WORTH_CAPTURING, DecodeRow
from skiploop.engine.decoding import Decoder
from skiploop.engine.packing import Layout, lay_out
from skiploop.engine.plain import loglikelihoods
from skiploop.engine.targets import Score, ScoringPair
from skiploop.models.check import probe_chains
from skiploop.models.layered import LayeredModel
from skiploop.models.out_of_memory import ran_out
from skiploop.models.replay import run_chain

log = logging.getLogger("skiploop")

TRIAL_PREAMBLE = 19  # tokens; with what follows them fewer than in any sequence that has a preamble

# Relative to the largest value: the same sums, rounded in another order.
_TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-3, torch.float16: 3e-2, torch.bfloat16: 1e-1}


def batched_scoring_is_exact(
    model: LayeredModel,
    score_layouts: Callable[[Iterable[ScoringPair]], dict[ScoringPair, Score]],
    *,
    packed: bool,
    preamble: int = 0,
) -> bool:
    """Log-likelihoods from `score_layouts` against one forward for each continuation under `run_chain`.

    `preamble`: tokens that all prompts begin with; then fewer chains and inputs do, for the model has passed without.
    """
    draw = _tokens(model)
    continuations = (3, 4, 2) if packed else (4,)
    common = draw(preamble)
    lengths = (4, 11) if preamble else (4, 6, 7, 11)
    layouts = [lay_out([*common, *draw(length)], [draw(n) for n in continuations]) for length in lengths]
    chains = _chains(model, few=preamble > 0)
    pairs = [(layout, chain.layers) for layout in layouts for chain in chains]
    try:
        batched = score_layouts(pairs)
        single = score_layouts(pairs[:2])
    except Exception as error:  # a model may raise anything when it is called in a way that it doesn't support
        if ran_out(error):
            raise
        log.debug("batched scoring fails", exc_info=True)
        return False
    for layout, layers in pairs:
        alone = _scores_alone(model, layout, Chain(layers, model.num_layers))
        runs = [scored[layout, layers][1] for scored in (batched, single) if (layout, layers) in scored]
        if not all(_close(torch.tensor(scores), alone, model.dtype) for scores in runs):
            return False
    return True


def batched_generation_is_exact(decoder: Decoder, *, preamble: int = 0) -> bool:
    """Logits of a few generated tokens against a full forward under `run_chain`, prompt by prompt.

    `preamble`: tokens that all prompts begin with; then fewer chains and inputs do, for the model has passed without.
    """
    model = decoder.model
    if not model.hf.can_generate():
        return False
    draw = _tokens(model)
    chains = _chains(model, few=preamble > 0)
    steps = 4 if decoder.capture is None else 4 + WORTH_CAPTURING
    common = draw(preamble)
    prompts = [(*common, *draw(length)) for length in ((4, 9) if preamble else (4, 6, 9))]
    rows = [DecodeRow(prompt, chain.layers, steps) for prompt in prompts for chain in chains]
    try:
        decoder.run_rows(rows, trace=True)
    except Exception as error:
        if ran_out(error):
            raise
        log.debug("batched generation fails", exc_info=True)
        return False
    return all(_generates_exactly(model, row) for row in rows)


def _generates_exactly(model: LayeredModel, row: DecodeRow) -> bool:
    ids = torch.tensor([row.prompt], device=model.device)
    for step, logits in enumerate(row.trace):
        # The tokens emitted so far are given, so that one near-tie doesn't affect everything that follows.
        given = torch.tensor([row.emitted[:step]], device=model.device, dtype=torch.long)
        with run_chain(model.hf, Chain(row.layers, model.num_layers)):
            alone = model.hf(input_ids=torch.cat([ids, given], dim=1), use_cache=False).logits[0, -1]
        if not _close(logits, alone, model.dtype):
            return False
    return len(row.trace) == row.limit


def _scores_alone(model: LayeredModel, layout: Layout, chain: Chain) -> torch.Tensor:
    """Log-likelihoods of the targets, one forward for each continuation."""
    prompt = layout.tokens[: layout.prompt_length]
    with run_chain(model.hf, chain):
        return torch.cat([loglikelihoods(model, prompt, continuation) for continuation in layout.continuations()])


def _chains(model: LayeredModel, *, few: bool) -> list[Chain]:
    """The identity and chains that skip, loop and reorder; `few`: one that skips and loops, and one that repeats."""
    probes = probe_chains(model.num_layers)
    return [Chain.identity(model.num_layers), *(probes[:2] if few else probes)]


def _tokens(model: LayeredModel) -> Callable[[int], list[int]]:
    vocabulary = model.hf.config.get_text_config().vocab_size
    generator = torch.Generator().manual_seed(0)

    def draw(count: int) -> list[int]:
        tokens: list[int] = torch.randint(min(8, vocabulary - 1), vocabulary, (count,), generator=generator).tolist()
        return tokens

    return draw


def _close(batched: torch.Tensor, alone: torch.Tensor, dtype: torch.dtype) -> bool:
    batched, alone = batched.float().cpu(), alone.float().cpu()
    if not bool(alone.isfinite().all()):
        return not bool(batched.isfinite().all())
    scale = alone.abs().max().clamp(min=1e-3)
    return bool(((batched - alone).abs().max() / scale) <= _TOLERANCE.get(dtype, 1e-1))
