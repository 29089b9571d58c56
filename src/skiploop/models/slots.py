"""Key-value slots for chains: one cache entry for each slot of the chain.

A Hugging Face `Cache` holds one entry per layer of the model and each layer addresses its own by `layer_idx`.
A chain may run a layer twice, so that one entry would be written twice in one forward: the second run would read
the first run's keys and values and compute something that no stack of layers computes. Here every slot gets an
entry of its own:

- the first slot of layer `l` keeps `cache.layers[l]`; entries of its further slots are appended behind the model's
  `L` entries, in slot order. Code that walks over `cache.layers` (beam reordering, cropping, repetition) finds
  all of them, each once, and a deep copy of the cache stays usable;
- a layer that is skipped keeps its entry as a *ghost*: the entry's own code is run on keys of width one, so that
  the length and the mask sizes it reports are those of a layer that ran. The model asks the first entry for its
  position count and the first sliding entry for its mask, whether these layers are in the chain or not;
- while a layer runs for slot `n` it sees a *view* of the cache that answers every index with slot `n`'s entry.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import (
    Cache,
    CacheLayerMixin,
    DynamicLayer,
    DynamicSlidingWindowLayer,
    EncoderDecoderCache,
    LinearAttentionCacheLayerMixin,
)

from skiploop.chains.policy import CachePolicy, first_runs, kept_slots
from skiploop.chains.weights import indices
from skiploop.errors import InvalidInput, UnsupportedModel

_MARK = "_skiploop_chain"  # on the cache object: the chain its entries belong to


class _EveryIndex:
    """Stands in for `Cache.layers`: answers every layer index with the same entry."""

    def __init__(self, entry: Any, num_layers: int) -> None:
        self._entry = entry
        self._num_layers = num_layers

    def __getitem__(self, index: int) -> Any:
        return self._entry

    def __len__(self) -> int:
        return self._num_layers

    def __iter__(self) -> Iterator[Any]:
        return iter([self._entry] * self._num_layers)


def slot_view(cache: Cache, entry: Any, num_layers: int) -> Cache:
    """A cache of the same class and settings whose every layer index is `entry`."""
    view = copy.copy(cache)
    view.layers = _EveryIndex(entry, num_layers)
    view.layer_class_to_replicate = None  # otherwise `update` would append entries to the stand-in
    return view


def is_empty(cache: Cache) -> bool:
    """Whether no entry of the cache holds a token or a state yet."""
    return not any(_holds_state(entry) for entry in cache.layers)


def _holds_state(entry: Any) -> bool:
    if isinstance(entry, LinearAttentionCacheLayerMixin) and any(entry.has_previous_state.values()):
        return True
    return isinstance(entry, CacheLayerMixin) and bool(entry.get_seq_length() > 0)


def slot_positions(layers: tuple[int, ...], num_layers: int) -> list[int]:
    """Index into `cache.layers` of each slot: `l` for the first slot of layer `l`, `L, L+1, ...` for further ones."""
    seen: set[int] = set()
    positions = []
    extra = num_layers
    for layer in layers:
        index = int(layer)  # without the weights of the slot
        if index in seen:
            positions.append(extra)
            extra += 1
        else:
            seen.add(index)
            positions.append(index)
    return positions


def bind(cache: Cache, layers: tuple[int, ...], num_layers: int) -> list[Any]:
    """Arrange the entries of `cache` for a chain (once, while it is empty) and return that of each slot, [N].

    Raises:
        InvalidInput: the cache already holds tokens of another chain, or of the model without one.
        UnsupportedModel: a cache that doesn't have one entry per layer.
    """
    if isinstance(cache, EncoderDecoderCache):
        raise UnsupportedModel("encoder-decoder caches hold cross-attention states; skiploop runs decoder-only models")
    bound = getattr(cache, _MARK, None)
    if bound is None:
        _lay_out(cache, layers, num_layers)
    elif bound != layers:
        raise InvalidInput(
            "this cache was filled under another chain, and keys and values of one chain mean nothing to another; "
            "start with an empty cache for each chain"
        )
    return [cache.layers[position] for position in slot_positions(layers, num_layers)]


def bind_shared(
    cache: Cache, layers: tuple[int, ...], num_layers: int, policy: CachePolicy
) -> tuple[tuple[int, ...], list[Any]]:
    """What `bind` does where the slots of a layer leave one entry only: the slots of this forward, and their entries.

    Of the slots of a layer, one writes to the layer's entry; each of the others reads a copy made before this forward,
    which is thrown away with the forward.

    Raises:
        InvalidInput: the cache already holds tokens of another chain or policy, or can't be copied for a forward.
        UnsupportedModel: a cache that doesn't have one entry per layer.
    """
    if isinstance(cache, EncoderDecoderCache):
        raise UnsupportedModel("encoder-decoder caches hold cross-attention states; skiploop runs decoder-only models")
    bound = getattr(cache, _MARK, None)
    if bound is None:
        _lay_out(cache, indices(first_runs(layers)), num_layers)
        setattr(cache, _MARK, (layers, policy))
    elif bound != (layers, policy):
        raise InvalidInput(
            "this cache was filled under another chain or cache policy, and its keys and values mean nothing to this "
            "one; start with an empty cache for each"
        )
    elif policy == "prefill":
        layers = first_runs(layers)
    kept = kept_slots(layers, policy)
    own = [cache.layers[layer] for layer in layers]
    return layers, [entry if kept[slot] == slot else _copied(entry) for slot, entry in enumerate(own)]


def _copied(entry: Any) -> Any:
    """An entry that a layer can update without changing the original."""
    if type(entry) in (DynamicLayer, DynamicSlidingWindowLayer):  # these replace their tensors
        return copy.copy(entry)
    return copy.deepcopy(entry)


def _lay_out(cache: Cache, layers: tuple[int, ...], num_layers: int) -> None:
    if not is_empty(cache):
        raise InvalidInput(
            "this cache was filled without the chain that is active now; start with an empty cache for each chain"
        )
    if cache.layer_class_to_replicate is not None:
        while len(cache.layers) < num_layers:
            cache.layers.append(cache.layer_class_to_replicate())
        cache.layer_class_to_replicate = None
    if len(cache.layers) < num_layers:
        raise UnsupportedModel(
            f"the cache ({type(cache).__name__}) has {len(cache.layers)} entries for {num_layers} layers, "
            "so that the slots of a layer can't be told apart"
        )
    del cache.layers[num_layers:]
    positions = slot_positions(layers, num_layers)
    repeats = [layer for layer, position in zip(layers, positions, strict=True) if position >= num_layers]
    cache.layers.extend([copy.deepcopy(cache.layers[layer]) for layer in repeats])
    setattr(cache, _MARK, layers)


def advance_ghosts(cache: Cache, skipped: tuple[int, ...], hidden: torch.Tensor) -> None:
    """Let the entries of skipped layers count the tokens of this forward; `hidden` is `[..., B, S, D]`."""
    for layer in skipped:
        entry = cache.layers[layer]
        if isinstance(entry, LinearAttentionCacheLayerMixin):
            entry.has_previous_state = dict.fromkeys(entry.has_previous_state, True)
        if isinstance(entry, CacheLayerMixin):
            # Not width zero: an entry without elements reports a length of zero.
            blank = hidden.new_zeros((hidden.shape[-3], 1, hidden.shape[-2], 1))
            entry.update(blank, blank)


def cache_argument(model: PreTrainedModel) -> str:
    """The name of the cache argument of the model's forward; transformers 5.24 renamed `past_key_values` to `cache`."""
    taken = inspect.signature(type(model).forward).parameters
    return next((name for name in ("cache", "past_key_values", "cache_params") if name in taken), "past_key_values")
