"""Chains as ranges of layers, and back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skiploop import Chain, InvalidInput


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("0-4", [[0, 5]]),
        ("0-3 2-4", [[0, 4], [2, 5]]),
        ("0-1 3-4", [[0, 2], [3, 5]]),
        ("0 1x3 2-4", [[0, 2], [1, 2], [1, 5]]),
        ("4 3", [[4, 5], [3, 4]]),
    ],
)
def test_ranges_are_the_fewest(text: str, ranges: list[list[int]]) -> None:
    chain = Chain.parse(text, 5)
    assert chain.to_layer_replication() == ranges
    assert Chain.from_layer_replication(ranges, 5) == chain


@given(st.lists(st.integers(0, 6), min_size=1, max_size=30))
def test_every_plain_chain_comes_back(layers: list[int]) -> None:
    chain = Chain(layers, 7)
    assert Chain.from_layer_replication(chain.to_layer_replication(), 7) == chain


@pytest.mark.parametrize("text", ["0 1*.5 2-4", "0 1-2x2~.5 3-4"])
def test_weights_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="run_chain"):
        Chain.parse(text, 5).to_layer_replication()


@pytest.mark.parametrize(
    "ranges",
    [[[0, 6]], [[2, 2]], [[3, 1]], [[-1, 3]], [[0, 2, 3]], [3], [["0", "3"]], [[0.0, 3.0]], [[False, True]], 5],
)
def test_what_is_no_range_is_refused(ranges: Any) -> None:
    with pytest.raises(InvalidInput, match="layer_replication"):
        Chain.from_layer_replication(ranges, 5)
