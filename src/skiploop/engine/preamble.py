"""Keys and values of the tokens that many prompts begin with, computed once for all of them.

A preamble is an input of its own: its states form a trie along depth (`skiploop.engine.prefix`), whose every node also
keeps the keys and values that its layer made of the preamble. The rest of each prompt is another input, and a layer
that runs on it is given the keys and values of the preamble after the same layers:

    preamble [p tokens]   0 ── 1 ── 2 ── 2 ── 3        once for each prefix of layers, for all inputs
                          │    │    │    │    │        keys and values
    rest of input i       0 ── 1 ── 2 ── 2 ── 3        for each input

They are computed when the first rest asks for them, and kept within the limit of the cache, across calls of the engine.
This is exact where attention is causal and a layer keeps nothing but keys and values of all tokens, which
`skiploop.engine.selftest` finds out. The engine keeps it to sequences within the shortest attention window, and below
the length at which rotary embeddings change.

Shapes: p tokens of the preamble, n rows of one layer call, D' width of a head.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from skiploop.engine.common_tokens import Tokens
from skiploop.engine.decode_calls import KeyValueBuffer
from skiploop.engine.prefix import Pass, PrefixCache, PrefixNode
from skiploop.errors import UnsupportedModel
from skiploop.models.layered import LayeredModel
from skiploop.models.recorded_calls import Recording, record
from skiploop.models.slots import cache_argument, slot_view

_LEAST_STATES = 8  # that must fit into the cache for a preamble to be kept at all: a chain needs a few at a time

KeysValues = tuple[torch.Tensor, torch.Tensor]  # of one row, [heads, T, D'] each


class Preamble:
    """The tokens that prompts begin with, and their keys and values for any prefix of layers.

    Attributes:
        tokens: [p].
        layer_calls: one layer on the preamble, executed so far.
    """

    def __init__(self, model: LayeredModel, tokens: Tokens, states: PrefixCache, *, max_batch_tokens: int) -> None:
        """`states`: where they are kept; `max_batch_tokens`: of one layer call."""
        self.tokens = tokens
        self.layer_calls = 0
        self._model = model
        self._states = states
        self._max_rows = max(1, max_batch_tokens // len(tokens))
        self._made: tuple[Recording, Cache] | None = None

    def __len__(self) -> int:
        """p."""
        return len(self.tokens)

    def state_bytes(self) -> int:
        """Of one node: its hidden states, keys and values."""
        return len(self.tokens) * token_bytes(self._model)

    def has_room(self) -> bool:
        """Whether what a chain needs at a time fits into the cache; else it would be computed again and again."""
        return self._states.cache_bytes >= _LEAST_STATES * self.state_bytes()

    def ghosts(self, tokens: int) -> Cache:
        """A cache without content that says it holds `tokens` tokens, for the model's masks and positions."""
        self._recording()  # first: on a new model the layers are tried out, and on this cache they couldn't run
        cache = self._empty_cache()
        blank = torch.zeros((1, 1, tokens, 1), device=self._model.device)
        for entry in cache.layers:
            entry.update(blank, blank)
        return cache

    def entry(self, nodes: Sequence[PrefixNode], shown: Sequence[int], *, room: int) -> KeyValueBuffer:
        """A cache entry with the keys and values of the preamble after the layers of each row's node.

        Args:
            nodes: of the rests' own tries, [n]; all of one layer.
            shown: the first of the preamble's tokens that each row is shown, [n]; with fewer than p, zeros come before
                them, as with padding on the left.
            room: further tokens that will follow.
        """
        found = self._keys_and_values([node.layers() for node in nodes])
        width = len(self.tokens)
        keys, values = (
            torch.stack([_shown(pair[which], count, width) for pair, count in zip(found, shown, strict=True)])
            for which in (0, 1)
        )
        return KeyValueBuffer(keys, values, room)

    def _keys_and_values(self, paths: Sequence[tuple[int, ...]]) -> list[KeysValues]:
        recording, fresh = self._recording()

        def run_layer(
            layer: int, states: torch.Tensor, inputs: list[int], nodes: list[PrefixNode]
        ) -> tuple[torch.Tensor, DynamicLayer]:
            entry = copy.deepcopy(fresh.layers[layer])
            if type(entry) not in (DynamicLayer, DynamicSlidingWindowLayer):
                raise UnsupportedModel(f"no shared preamble with cache entries of type {type(entry).__name__}")
            out = recording.run(layer, states, None, slot_view(fresh, entry, self._model.num_layers))
            return out, entry

        root = self._states.root(("preamble", self.tokens))
        work = Pass(self._states, run_layer, max_rows=self._max_rows, take=_keys_and_values_of)
        found = work.run(recording.entry, [root], [(0, path) for path in paths])
        self.layer_calls += work.layer_calls
        return [found[0, path] for path in paths]

    def _recording(self) -> tuple[Recording, Cache]:
        if self._made is None:
            cache = self._empty_cache()
            ids = torch.tensor([self.tokens], device=self._model.device)
            inputs = {"input_ids": ids, cache_argument(self._model.hf): cache, "use_cache": True}
            self._made = record(self._model.hf, inputs), cache
        return self._made

    def _empty_cache(self) -> Cache:
        return DynamicCache(config=self._model.hf.config.get_text_config(decoder=True))


def token_bytes(model: LayeredModel) -> int:
    """Memory of one token's hidden state, keys and values at one node."""
    config = model.hf.config.get_text_config()
    attending = getattr(config, "num_attention_heads", None) or 1
    heads: int = getattr(config, "num_key_value_heads", None) or attending
    head_dim: int = getattr(config, "head_dim", None) or config.hidden_size // attending
    size: int = (2 * heads * head_dim + config.hidden_size) * model.dtype.itemsize
    return size


def _keys_and_values_of(node: PrefixNode, _source: int) -> KeysValues:
    assert node.output is not None
    return node.output.keep.keys[node.row], node.output.keep.values[node.row]


def _shown(tensor: torch.Tensor, count: int, width: int) -> torch.Tensor:
    """[heads, width, D'] with the first `count` tokens of [heads, p, D'] at the right."""
    return F.pad(tensor[:, :count], (0, 0, width - count, 0))
