"""Can this model run chains exactly? A few forwards decide, in place of a list of architectures.

What can go wrong is behaviour, not a name: state that flows between layers besides the hidden states, state that is
kept in modules instead of the cache, a cache that can't be told apart by slot. Each of these shows when a few chains
are run on a short left-padded batch, with and without a cache.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedModel

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput, UnsupportedModel
from skiploop.models.out_of_memory import ran_out
from skiploop.models.replay import Session, StackFunction, chain_function, find_layers, probing, run_chain

# Cached and uncached attention multiply the same numbers in different shapes, so they round differently.
_TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-3, torch.float16: 6e-2, torch.bfloat16: 2e-1}
_PROMPT, _NEW_TOKENS = 6, 4


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `check_model` found about a model that it accepts."""

    model_class: str
    num_layers: int
    chains: tuple[str, ...]  # the chains that were run
    cached_generation: bool  # False: the model itself, without a chain, generates differently with a cache


def check_model(model: PreTrainedModel) -> CheckReport:
    """Refuse a model on which chains can't be exact.

    Runs some fifty forwards over two sequences of at most ten tokens.

    Raises:
        UnsupportedModel: with what was found, and where.
        InvalidInput: the model's own logits are not finite (a broken checkpoint or the wrong dtype).
    """
    num_layers = len(find_layers(model))
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            _check_finite(model)
            _check_identity(model, num_layers)
            # Bidirectional models have a `generate` too, and no cache can make it consistent.
            with _refusing(f"its own generation, without any chain{_misnumbered(model)}", model):
                consistent = model.can_generate() and _cache_error(model) <= _tolerance(model)
            chains = probe_chains(num_layers)
            for chain in chains:
                _check_chain(model, chain, cached=consistent)
            _check_identity(model, num_layers)  # again: a chain must leave nothing behind
    finally:
        model.train(was_training)
    return CheckReport(type(model).__name__, num_layers, tuple(map(str, chains)), consistent)


def probe_chains(num_layers: int) -> list[Chain]:
    """Chains that together skip every layer, loop blocks, run backwards, and leave out the first and the last layer."""
    last = num_layers - 1
    half = num_layers // 2
    candidates = [
        [*range(1, num_layers), *range(max(1, last - 1), num_layers)],
        [*range(half + 1), *range(half + 1)],
        list(reversed(range(num_layers))),
        [0, 0, 0],
        [last],
    ]
    return [Chain(layers, num_layers) for layers in candidates if layers]


def _batch(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """Two sequences, the second left-padded by two; [2, 6]."""
    vocabulary = getattr(model.config.get_text_config(), "vocab_size", None)
    if not isinstance(vocabulary, int):
        raise UnsupportedModel(f"{type(model).__name__} has no vocabulary of tokens; chains are for language models")
    generator = torch.Generator().manual_seed(0)
    # Away from the first ids, where special tokens usually are (a padding id inside a text changes some models).
    low = min(8, vocabulary - 1)
    input_ids = torch.randint(low, vocabulary, (2, _PROMPT), generator=generator)
    mask = torch.ones(2, _PROMPT, dtype=torch.long)
    mask[1, :2] = 0
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    with _refusing("on tokens", model):
        device = model.get_input_embeddings().weight.device
    batch = {"input_ids": input_ids.to(device), "attention_mask": mask.to(device)}
    if "position_ids" in inspect.signature(model.forward).parameters:
        batch["position_ids"] = positions.to(device)
    return batch


def _check_finite(model: PreTrainedModel) -> None:
    """A row of the embeddings that isn't finite spoils only the texts with that token, and shows in no other."""
    for name, weight in model.named_parameters():
        if weight.dtype in _TOLERANCE and not weight.is_meta and not bool(torch.isfinite(weight).all()):
            raise InvalidInput(
                f"the weights {name} are not finite (NaN or infinite) in {weight.dtype}; the checkpoint may be "
                "damaged, or the dtype too narrow: try --dtype float32 or bfloat16"
            )


def _misnumbered(model: PreTrainedModel) -> str:
    """A hint where layers were taken out and the others kept their numbers, by which a cache finds its entries."""
    for place, layer in enumerate(find_layers(model)):
        given = [getattr(module, "layer_idx", None) for module in layer.modules()]
        numbers = {number for number in given if isinstance(number, int)}
        if numbers and place not in numbers:
            return f" (layer {place} has the layer_idx {min(numbers)}; where layers were removed, renumber the others)"
    return ""


def _logits(output: Any) -> torch.Tensor:
    logits = output.logits if hasattr(output, "logits") else output.last_hidden_state
    if not isinstance(logits, torch.Tensor):
        raise UnsupportedModel(f"the model returns {type(output).__name__} without logits or last hidden states")
    return logits


def _check_identity(model: PreTrainedModel, num_layers: int) -> None:
    batch = _batch(model)
    with _refusing(f"its own forward, without any chain{_misnumbered(model)}", model):
        own = _logits(model(**batch))
    if not bool(torch.isfinite(own).all()):
        raise InvalidInput(
            f"the model's own logits are not finite (NaN or infinite) in {own.dtype}; the checkpoint may be damaged, "
            "or the dtype too narrow: try --dtype float32 or bfloat16"
        )
    with _refusing("the identity chain", model), probing(model, _watching_flows(Chain.identity(num_layers))):
        identity = _logits(model(**batch))
    if not torch.equal(own, identity):
        raise UnsupportedModel(
            f"{type(model).__name__}: the identity chain differs from the model itself by "
            f"{(own - identity).abs().max().item():.2g}; something flows between the layers besides the hidden states"
        )


def _watching_flows(chain: Chain) -> StackFunction:
    """`chain_function`, but it refuses layers that write to a list or dict which other layers receive too."""
    run = chain_function(chain)

    def watch(session: Session, hidden: torch.Tensor) -> tuple[torch.Tensor, Any]:
        shared = {id(value): value for call in session.calls for value in call.containers()}
        before = {key: len(value) for key, value in shared.items()}
        result = run(session, hidden)
        if any(len(value) != before[key] for key, value in shared.items()):
            raise UnsupportedModel(
                "layers hand state to later layers besides the hidden states (shared keys and values, or residuals of "
                "earlier blocks); a chain that leaves out or repeats one of them would have no defined meaning"
            )
        return result

    return watch


def _check_chain(model: PreTrainedModel, chain: Chain, *, cached: bool) -> None:
    """The chain runs, and generation under it gives the same logits with and without a cache."""
    with _refusing(f"the chain {chain}", model), run_chain(model, chain):
        model(**_batch(model))
        error = _cache_error(model) if cached else 0.0
    if not error <= _tolerance(model):
        raise UnsupportedModel(
            f"{type(model).__name__}: under the chain {chain} logits with and without a cache differ by "
            f"{error:.2g} of the largest; the layers keep state that the cache doesn't hold for each slot"
        )


def _tolerance(model: PreTrainedModel) -> float:
    return _TOLERANCE.get(model.dtype, 2e-1)


def _cache_error(model: PreTrainedModel) -> float:
    """Largest difference between logits generated with and without a cache, relative to the largest logit."""
    batch = _batch(model)
    tokens, logits = _generate(model, batch, use_cache=False)
    cached_tokens, cached_logits = _generate(model, batch, use_cache=True)
    # Where rounding decides between two tokens the texts diverge, and what follows can't be compared.
    same = (tokens == cached_tokens).long().cumprod(-1)  # [2, 4]
    comparable = torch.cat([torch.ones_like(same[:, :1]), same[:, :-1]], dim=1).bool()
    whole, stepwise = logits[comparable], cached_logits[comparable]
    if not bool(torch.isfinite(whole).all()):
        return 0.0  # a loop may overflow in a narrow dtype; that is the chain's true value
    scale = whole.abs().max().clamp(min=1e-3)
    error = float(((whole - stepwise).abs().max() / scale).item())
    return error if error == error else float("inf")


def _generate(
    model: PreTrainedModel, batch: dict[str, torch.Tensor], *, use_cache: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Greedy continuation, [2, 4], and its logits, [2, 4, V]."""
    config = GenerationConfig(
        do_sample=False,
        max_new_tokens=_NEW_TOKENS,
        min_new_tokens=_NEW_TOKENS,
        use_cache=use_cache,
        return_dict_in_generate=True,
        output_logits=True,
        pad_token_id=0,
        eos_token_id=1,
    )
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    output = model.generate(**inputs, generation_config=config)
    return output.sequences[:, _PROMPT:], torch.stack(output.logits, dim=1)


class _refusing:  # noqa: N801 - reads as a phrase where it is used
    """Turn whatever a model raises under a chain into `UnsupportedModel`, with the cause."""

    def __init__(self, what: str, model: PreTrainedModel) -> None:
        self._message = f"{type(model).__name__} can't run {what}"

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if error is None or isinstance(error, UnsupportedModel | InvalidInput) or ran_out(error):
            return
        if isinstance(error, Exception):
            raise UnsupportedModel(f"{self._message}: {type(error).__name__}: {error}") from error
