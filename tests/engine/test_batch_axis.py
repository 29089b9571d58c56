"""Rows of a tensor are picked only where its first dimension is the batch, however many inputs there are.

A layer is also given tensors that belong to no input: rotary tables, biases by head. If a batch has as many inputs as
such a tensor has rows, one can't be told from the other, and rows of the wrong tensor would be picked, often without an
error.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import nn
from transformers import PreTrainedModel

from skiploop.engine.decode_batch import DecodeRow
from skiploop.engine.decoding import Decoder
from skiploop.engine.engine import Engine
from skiploop.engine.packing import Layout, lay_out, padded_length
from skiploop.engine.targets import ScoringPair
from skiploop.models.layered import LayeredModel
from skiploop.models.recorded_calls import Recording, dimensions, unmistakable
from skiploop.models.replay import LayerCall, find_layers
from tests.conformance.tiny import VOCABULARY, tiny_model
from tests.engine.alone import logits_alone, scores_alone

# Not the identity alone: rows are picked only where layer calls have other rows than the batch, or in another order.
CHAINS = ((0, 1, 2, 3), (0, 2, 1, 1, 3), (1, 0, 3))


def layouts_of(count: int, tokens: int) -> list[Layout]:
    """`count` inputs of `tokens` tokens each, the last target not among them."""
    rng = random.Random(count)
    drawn = [[rng.randrange(8, VOCABULARY) for _ in range(tokens + 1)] for _ in range(count)]
    return [lay_out(each[:-3], [each[-3:]]) for each in drawn]


class AddBatch(nn.Module):
    """An attention that gets rotary tables without a batch dimension, around one that needs it."""

    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, *args: Any, position_embeddings: tuple[torch.Tensor, ...], **kwargs: Any) -> Any:
        assert all(table.dim() == 2 for table in position_embeddings)
        return self.attention(*args, position_embeddings=tuple(t[None] for t in position_embeddings), **kwargs)


def with_tables_by_position(name: str) -> PreTrainedModel:
    """A tiny model that hands its layers rotary tables of [S, D], as much code outside of transformers does."""
    model = tiny_model(name)

    def drop_batch(_module: nn.Module, _inputs: Any, tables: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return tuple(table[0] for table in tables)

    (rotary,) = (module for path, module in model.named_modules() if path.endswith("rotary_emb"))
    rotary.register_forward_hook(drop_batch)
    for layer in find_layers(model):
        place = "attention" if name == "gpt_neox" else "self_attn"
        setattr(layer, place, AddBatch(getattr(layer, place)))
    return model


def under_every_chain(layouts: list[Layout]) -> list[ScoringPair]:
    return [(layout, layers) for layout in layouts for layers in CHAINS]


def assert_scores_are_those_alone(model: PreTrainedModel, pairs: list[ScoringPair], **limits: int) -> None:
    with torch.inference_mode():
        found = Engine(LayeredModel(model), **limits).score_layouts(pairs)
    for layout, layers in pairs:
        assert found[layout, layers][1] == pytest.approx(scores_alone(model, layout, layers), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("count", [8, 16])  # 8 is the width of a head as well, 16 nothing but the number of tokens
@pytest.mark.parametrize("name", ["llama", "qwen3", "gemma", "olmo2", "mistral", "phi", "gpt_neox"])
def test_as_many_inputs_as_tokens_score_as_if_alone(name: str, count: int) -> None:
    layouts = layouts_of(count, count)
    assert {padded_length(len(layout.tokens)) for layout in layouts} == {count}
    assert_scores_are_those_alone(with_tables_by_position(name), under_every_chain(layouts))


def one_that_loops(layouts: list[Layout]) -> list[ScoringPair]:
    """All under the identity and one, not the first, under a loop as well: a call of its row alone."""
    return [*((layout, (0, 1, 2, 3)) for layout in layouts), (layouts[2], (0, 1, 1, 2, 3))]


# With that many tokens at once, calls have as many rows as there are inputs, or one: what is picked by mistake for one
# row, the table of one position or the bias of one head, is broadcast to all of them, and no error tells of it.


@pytest.mark.parametrize("name", ["llama", "qwen3", "gpt_neox"])
def test_a_row_alone_gets_the_tables_of_all_positions(name: str) -> None:
    pairs = one_that_loops(layouts_of(16, 16))
    assert_scores_are_those_alone(with_tables_by_position(name), pairs, max_batch_tokens=16 * 16)


def test_a_row_alone_gets_the_biases_of_all_heads() -> None:
    pairs = one_that_loops(layouts_of(4, 8))
    assert_scores_are_those_alone(tiny_model("mpt"), pairs, max_batch_tokens=4 * 8)


@pytest.mark.parametrize("tokens", [4, 8])
def test_as_many_inputs_as_heads_score_as_if_alone(tokens: int) -> None:
    """MPT hands its layers a bias of [heads, 1, T], with four heads here."""
    assert_scores_are_those_alone(tiny_model("mpt"), under_every_chain(layouts_of(4, tokens)))


def test_as_many_generating_rows_as_heads_have_the_logits_of_each_alone() -> None:
    model, rng = tiny_model("mpt"), random.Random(0)
    rows = [DecodeRow(tuple(rng.randrange(8, VOCABULARY) for _ in range(6)), CHAINS[i % 3], 5) for i in range(4)]
    Decoder(LayeredModel(model), max_batch_tokens=4096, cache_bytes=2**24, ends=()).run_rows(rows, trace=True)
    for row in rows:
        assert len(row.trace) == 5
        for step, logits in enumerate(row.trace):
            alone = logits_alone(model, [*row.prompt, *row.emitted[:step]], row.layers)[-1]
            torch.testing.assert_close(logits, alone, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("size", "taken", "expected"),
    [(8, {1, 2, 3, 8}, 9), (4, {1, 2, 3, 4, 5, 8}, 6), (7, {1, 2, 3, 8}, 7), (2, set(range(1, 40)), 40)],
)
def test_a_batch_grows_to_a_size_that_no_other_dimension_has(size: int, taken: set[int], expected: int) -> None:
    assert unmistakable(size, taken) == expected


def test_heads_and_widths_of_a_model_are_sizes_that_a_batch_must_not_have() -> None:
    assert dimensions(tiny_model("llama")) >= {4, 2, 8, 32}  # heads, heads of keys, width of a head, width
    assert dimensions(tiny_model("mpt")) >= {4, 32}
    assert dimensions(tiny_model("mixtral", num_local_experts=6, num_experts=6)) >= {6}


def test_rows_are_picked_of_tensors_with_one_row_for_each_input_alone() -> None:
    class Sum(nn.Module):
        def forward(self, hidden: torch.Tensor, *, table: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
            return hidden + table + own

    table, own, entry = torch.arange(6.0).reshape(3, 2), torch.arange(4.0)[:, None, None] * 100, torch.zeros(4, 3, 2)
    recording = Recording([Sum()], [LayerCall((), {"table": table, "own": own}, None)], entry, 4)
    inputs = torch.tensor([2, 0, 3])
    torch.testing.assert_close(recording.run(0, entry[inputs], inputs), table + own[inputs])
