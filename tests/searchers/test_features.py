"""What a learned model is told of a chain."""

from __future__ import annotations

import random

import numpy as np
import pytest

from skiploop.errors import InvalidInput
from skiploop.searchers.features import OPS, Features
from skiploop.spaces.named import SPACES, make_space


@pytest.mark.parametrize("space_name", SPACES)
def test_only_equal_chains_have_equal_rows(space_name: str) -> None:
    space = make_space(space_name, {"early-exit": 30, "block": 12}.get(space_name, 4))
    chains = [chain.layers for chain in space.enumerate()]
    rows = Features(space.num_layers).rows(chains)
    assert len(np.unique(rows, axis=0)) == len(chains) == space.count()


def test_each_layer_has_one_operation_and_its_count() -> None:
    features = Features(5)
    (row,) = features.rows([(0, 1, 1, 3, 3, 3, 3)])
    named = dict(zip(features.names, row, strict=True))
    ops = [[op for op in OPS if named[f"{op} {layer}"]] for layer in range(5)]
    assert ops == [["once"], ["twice"], ["skipped"], ["more"], ["skipped"]]
    assert [named[f"runs {layer}"] for layer in range(5)] == [1, 2, 0, 4, 0]
    assert named["depth"] == 7 / 5


def test_jumps_are_counted_where_they_leave() -> None:
    features = Features(5)
    (row,) = features.rows([(1, 2, 1, 4, 4)])
    named = {name: value for name, value in zip(features.names, row, strict=True) if value and name.split()[0] in (
        "back", "ahead")}  # fmt: skip
    assert named == {"ahead start": 1, "back 2": 2, "ahead 1": 2, "back 4": 1, "back": 3, "ahead": 3}


def test_the_identity_jumps_nowhere() -> None:
    features = Features(6)
    (row,) = features.rows([tuple(range(6))])
    assert {name for name, value in zip(features.names, row, strict=True) if value} == {
        *[f"once {layer}" for layer in range(6)], *[f"runs {layer}" for layer in range(6)], "depth"
    }  # fmt: skip


def test_a_row_does_not_depend_on_the_others() -> None:
    space, rng = make_space("cola", 7), random.Random(0)
    chains = [space.sample(rng).layers for _ in range(40)]
    features = Features(7)
    assert np.array_equal(features.rows(chains), np.concatenate([features.rows([each]) for each in chains]))
    assert features.rows([]).shape == (0, len(features.names))


def test_features_of_the_input_are_appended() -> None:
    features = Features(3, of_input=[0.5, -2])
    rows = features.rows([(0, 1, 2), (2,)])
    assert features.names[-2:] == ("input 0", "input 1")
    assert rows[:, -2:].tolist() == [[0.5, -2], [0.5, -2]]
    assert np.array_equal(rows[:, :-2], Features(3).rows([(0, 1, 2), (2,)]))


def test_features_that_are_not_finite_are_refused() -> None:
    with pytest.raises(InvalidInput, match="finite"):
        Features(3, of_input=[float("nan")])
