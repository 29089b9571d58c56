"""Damped loops and scaled slots as part of the language of chains: notation, JSON, edits, drawings."""

from __future__ import annotations

import copy
import json
import pickle
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skiploop.chains.chain import Chain
from skiploop.chains.drawing.svg import draw_svg
from skiploop.chains.drawing.text import draw_text
from skiploop.chains.edits import Edit
from skiploop.chains.from_svg import read_svg
from skiploop.chains.weights import DampedLoop, Step, damped, is_whole, scaled, steps, weight_text, without_loop
from skiploop.errors import InvalidInput

WEIGHTS = st.integers(0, 9999).map(lambda number: number / 10_000)


@st.composite
def weighted_chains(draw: st.DrawFn, max_layers: int = 9) -> Chain:
    """Plain stretches, scaled ones and damped loops in any order, next to each other and twice in a row."""
    total = draw(st.integers(1, max_layers))
    layer = st.integers(0, total - 1)
    stretch = st.one_of(
        st.lists(layer, min_size=1, max_size=4),
        st.tuples(layer, layer).map(lambda ends: list(range(min(ends), max(ends) + 1))),
    ).map(tuple)
    some = st.tuples(stretch, WEIGHTS).map(lambda pair: scaled(*pair))
    window = st.lists(st.one_of(stretch, some), min_size=1, max_size=2).map(lambda parts: sum(parts, ()))
    loop = st.tuples(window, st.integers(2, 4), WEIGHTS).map(lambda made: damped(*made))
    twice = loop.map(lambda slots: slots * 2)
    pieces = draw(st.lists(st.one_of(stretch, some, loop, twice), min_size=1, max_size=5))
    return Chain(sum(pieces, ()), total)


@given(weighted_chains())
def test_parse_after_format_is_the_identity(chain: Chain) -> None:
    assert Chain.parse(str(chain), chain.num_layers) == chain


@given(weighted_chains())
def test_json_pickle_and_copies_keep_the_weights(chain: Chain) -> None:
    assert Chain(json.loads(json.dumps(chain.to_json())), chain.num_layers) == chain
    assert pickle.loads(pickle.dumps(chain)) == chain
    assert copy.deepcopy(chain) == chain
    assert hash(copy.deepcopy(chain)) == hash(chain)


@given(weighted_chains())
def test_drawings_and_edits_of_any_weighted_chain(chain: Chain) -> None:
    assert read_svg(draw_svg(chain)) == chain
    assert draw_text(chain)
    assert " ".join(map(str, chain.edits())) is not None
    assert len(chain) == chain.depth == len(steps(chain.layers))


def test_the_notation_of_a_damped_loop() -> None:
    chain = Chain.parse("0-11 12-15x3~.5 16-29", 30)
    assert str(chain) == "0-11 12-15x3~.5 16-29"
    assert len(chain) == 38
    assert chain.layers[12].loop == DampedLoop(4, 3, 0.5)  # type: ignore[attr-defined]
    assert chain.looped == {12: 3, 13: 3, 14: 3, 15: 3}
    assert chain.skipped == ()
    assert [str(edit) for edit in chain.edits()] == ["loop 12-15 x3~.5"]
    assert chain.to_json()[11:13] == [11, "12~.5:4x3"]


@pytest.mark.parametrize(
    "text",
    [
        "(1 3)x2~.25",
        "2x2~0",
        "0 1-2*.7071 3",
        "(0 1*.5 2)x2~.1",
        "1*.5x2~.5 3",
        "1-2x2~.5 1-2x2~.5",
        "0 (1 3)*1.5 2",
        "(1x2 2)x2~.5",
    ],
)
def test_these_texts_are_canonical(text: str) -> None:
    assert str(Chain.parse(text, 4)) == text


def test_no_damping_and_one_run_are_the_plain_chain() -> None:
    assert Chain.parse("0 1-2x3~1 3", 4) == Chain.parse("0 1-2x3 3", 4)
    assert Chain.parse("0 1-2x1~.3 3", 4) == Chain.identity(4)
    assert Chain.parse("0-3*1", 4) == Chain.identity(4)
    assert not Chain.parse("0 1-2x1~.3 3", 4).has_weights


def test_a_damped_chain_is_another_chain_than_the_plain_one() -> None:
    plain, soft, softer = (Chain.parse(f"0 1-2x2{damping} 3", 4) for damping in ("", "~.5", "~.25"))
    assert len({plain, soft, softer}) == 3
    assert plain.layers != soft.layers
    assert len({plain.layers, soft.layers, softer.layers}) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1-2~.5", "unknown token"),
        ("1-2x2~1.5", "damping"),
        ("1-2x2~.12345", "decimals"),
        ("1-2x2~.", "damping"),
        ("(1x2~.5 2)x2~.5", "another one"),
        ("(1x2~.5)*.5", "whole"),
        ("(1*.5)*.5", "scale"),
        ("1*9", "scale"),
        ("[0, 12~.5:4x3]", "range"),
        ("[0, 1~.5:2x2]", "whole"),
    ],
)
def test_what_has_no_meaning_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Chain.parse(text, 4)


def test_edits_loop_with_a_damping_and_keep_loops_whole() -> None:
    chain = Chain.identity(6).loop(2, 2, 2, damping=0.5)
    assert str(chain) == "0-1 2-3x3~.5 4-5"
    assert str(chain.skip(2, 6)) == "0-1 4-5"
    assert str(chain.loop(0, 1)) == "0x2 1 2-3x3~.5 4-5"
    assert str(Edit("move", 0, 1, 1).apply(chain)) == "1 0 2-3x3~.5 4-5"
    assert str(chain.loop(2, 6)) == "0-1 2-3x3~.5 2-3x3~.5 4-5"
    for broken in (Edit("skip", 2, 2), Edit("loop", 2, 2, 1), Edit("move", 1, 1, 1), Edit("loop", 3, 1, 1, 0.5)):
        with pytest.raises(InvalidInput):
            broken.apply(chain)
    with pytest.raises(InvalidInput, match="no damping"):
        Edit("skip", 0, 1, 0, 0.5)


def test_drawings_name_the_damping() -> None:
    chain = Chain.parse("0-3 4-7x3~.5 8-9", 10)
    assert "×3~.5" in draw_text(chain)
    assert "x3~.5" in draw_text(chain, ascii_only=True)
    assert "×3~.5" in draw_text(Chain.parse("0-3 4-7x3~.5 8-99", 100), width=20)
    assert "×3~.5" in draw_svg(chain)


def test_steps_say_where_states_are_kept_and_mixed() -> None:
    found = steps(Chain.parse("0 1-2x2~.25 3*.5", 4).layers)
    assert found == (
        None,
        Step(opens=True),
        Step(times=2, first=True),
        Step(),
        Step(times=2, beta=0.25),
        Step(scale=0.5),
    )
    assert steps((0, 1, 1)) == (None, None, None)


def test_a_loop_that_is_cut_is_not_whole() -> None:
    slots = damped((1, 2), 3, 0.5)
    assert is_whole(slots) and is_whole(slots * 2) and is_whole((1, 2))
    assert not any(is_whole(slots[:end]) for end in range(1, len(slots)))
    assert without_loop(slots[:2]) == (1, 2)


def test_weights_have_a_short_exact_text() -> None:
    rng = random.Random(0)
    for _ in range(200):
        value = rng.randrange(40_001) / 10_000
        assert float(weight_text(value)) == value
    assert [weight_text(value) for value in (0.5, 0.0, 1.25, 2.0, 0.7071)] == [".5", "0", "1.25", "2", ".7071"]
