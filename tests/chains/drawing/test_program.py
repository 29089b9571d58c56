"""The program of a chain: properly nested loops that expand to the chain."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skiploop.chains.chain import Chain
from skiploop.chains.drawing.arrangement import arrange
from skiploop.chains.drawing.program import Repeat, Span, _from_edits, _from_notation, expand, program, steps
from tests.chains.test_chain import chains


@given(chains())
def test_a_program_expands_to_its_chain(chain: Chain) -> None:
    assert expand(program(chain)) == expand(_from_edits(chain)) == expand(_from_notation(chain)) == list(chain)


@given(chains())
def test_loops_are_properly_nested_and_inner_ones_come_first(chain: Chain) -> None:
    layers, spans = steps(program(chain))
    for i, inner in enumerate(spans):
        assert 0 <= inner.first <= inner.last < len(layers) and inner.times >= 2
        for outer in spans[i + 1 :]:
            apart = outer.first > inner.last or outer.last < inner.first
            assert apart or outer.first <= inner.first <= inner.last <= outer.last


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("0-2", (0, 1, 2)),
        ("0 1x2 2", (0, Repeat((1,), 2), 2)),
        ("0-1 2-3x2", (0, 1, Repeat((2, 3), 2))),
        ("(1x2 3)x2", (Repeat((Repeat((1,), 2), 3), 2),)),
        ("1 1 3 1 3", (1, Repeat((1, 3), 2))),  # the second loop begins at the second run of 1
        ("1 2 1 2 3 2 3", (1, 2, 1, Repeat((2, 3), 2))),
    ],
)
def test_edits_as_programs(text: str, items: tuple[object, ...]) -> None:
    assert _from_edits(Chain.parse(text, 4)) == items


def test_the_simpler_of_notation_and_edits_is_drawn() -> None:
    chain = Chain.parse("0-1 5-6x2 5", 8)
    assert _from_edits(chain) == (0, 1, 5, Repeat((6, 5), 2))  # a loop with a jump in it
    assert program(chain) == _from_notation(chain) == (0, 1, Repeat((5, 6), 2), 5)
    chain = Chain.parse("1 (4 2-3)x2 4", 5)
    assert _from_notation(chain) == (1, Repeat((4, 2, 3), 2), 4)
    assert program(chain) == _from_edits(chain) == (1, 4, Repeat((2, 3, 4), 2))


def test_steps_hold_each_body_once() -> None:
    layers, spans = steps((0, Repeat((Repeat((1,), 2), 3), 4)))
    assert layers == [0, 1, 3] and spans == [Span(1, 1, 2), Span(1, 2, 4)]


@given(chains(), st.integers(1, 40))
def test_columns_are_all_layers_once_and_every_box_runs_its_whole_column(chain: Chain, most: int) -> None:
    arrangement = arrange(chain, most)
    covered = [layer for column in arrangement.columns for layer in range(column.first, column.last + 1)]
    assert covered == list(range(chain.num_layers))
    columns = [arrangement.columns[box.column] for box in arrangement.boxes]
    run = {layer for column in columns for layer in range(column.first, column.last + 1)}
    assert run == set(chain)
    for row, boxes in enumerate(arrangement.by_row()):
        assert boxes and all(box.row == row for box in boxes)
        assert all(a.column < b.column for a, b in pairwise(boxes))


@pytest.mark.parametrize(
    ("text", "num_layers", "most", "columns"),
    [
        ("0-7", 8, 8, "0 1 2 3 4 5 6 7"),
        ("0-7", 8, 7, "0 1–6 7"),
        ("0-7", 8, 2, "0–7"),
        ("0-9 12-15x2 16-79", 80, 32, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17–78 79"),
        ("0-9 60-79", 80, 40, "0 1 2 3 4 5 6 7 8 9 10–59 60 61 62 63 64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79"),
        ("0 2 4 6", 8, 2, "0 1 2 3 4 5 6 7"),  # nothing there is plain
    ],
)
def test_only_as_much_is_compressed_as_is_needed(text: str, num_layers: int, most: int, columns: str) -> None:
    assert " ".join(each.text for each in arrange(Chain.parse(text, num_layers), most).columns) == columns
