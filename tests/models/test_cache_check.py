"""A model that gives NaN with a cache, and numbers without one, doesn't agree with itself: no check may pass it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from torch import nn
from transformers import PreTrainedModel

from skiploop.errors import UnsupportedModel
from skiploop.models.check import check_model
from skiploop.models.replay import find_layers
from tests.conformance.tiny import tiny_model


def broken_when_cached(*, from_run: int, value: float = math.nan) -> PreTrainedModel:
    """A tiny model whose layer 0 adds `value` to single tokens, from its so-many-th run in one forward on.

    Only with a cache do layers get single tokens; only under a chain does a layer run more than once in a forward.
    """
    model = tiny_model("llama")
    runs = [0]

    def begin(*_: Any) -> None:
        runs[0] = 0

    def spoil(_layer: nn.Module, _inputs: Any, output: Any) -> Any:
        runs[0] += 1
        hidden = output[0] if isinstance(output, tuple) else output
        if hidden.shape[-2] > 1 or runs[0] < from_run:
            return output
        return (hidden + value, *output[1:]) if isinstance(output, tuple) else hidden + value

    model.get_input_embeddings().register_forward_pre_hook(begin)
    find_layers(model)[0].register_forward_hook(spoil)
    return model


def test_a_model_without_faults_generates_consistently_with_a_cache() -> None:
    assert check_model(broken_when_cached(from_run=1, value=0.0)).cached_generation


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_nan_with_a_cache_is_a_difference_of_the_model_itself(value: float) -> None:
    assert not check_model(broken_when_cached(from_run=1, value=value)).cached_generation


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_nan_with_a_cache_under_a_chain_refuses_the_model(value: float) -> None:
    with pytest.raises(UnsupportedModel, match="with and without a cache differ by inf"):
        check_model(broken_when_cached(from_run=2, value=value))
