"""Chains: notation, edits in slots, and the shortest list of edits against the identity."""

from __future__ import annotations

import copy
import pickle
import random
import time
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skiploop.chains.chain import Chain
from skiploop.chains.edits import Edit, LayerEdit
from skiploop.errors import InvalidInput


def joined(pieces: list[list[int]]) -> list[int]:
    return [layer for piece in pieces for layer in piece]


@st.composite
def chains(draw: st.DrawFn, max_layers: int = 12, max_slots: int = 30) -> Chain:
    """Any chain; with ranges, descending runs and repeats, so that the notation has something to find."""
    total = draw(st.integers(1, max_layers))
    layer = st.integers(0, total - 1)
    piece = st.one_of(
        st.lists(layer, min_size=1, max_size=5),
        st.tuples(layer, layer).map(lambda ends: list(range(min(ends), max(ends) + 1))),
        st.tuples(layer, layer).map(lambda ends: list(range(max(ends), min(ends) - 1, -1))),
    )
    times = st.integers(1, 4)
    repeated = st.tuples(piece, times).map(lambda pair: pair[0] * pair[1])
    nested = st.tuples(st.lists(repeated, min_size=1, max_size=2), times).map(lambda pair: joined(pair[0]) * pair[1])
    layers = joined(draw(st.lists(nested, min_size=1, max_size=4)))[:max_slots]
    return Chain(layers, total)


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("4", (4,)),
        ("0-3", (0, 1, 2, 3)),
        ("0-3 4-5x2 6-9", (0, 1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9)),
        ("1-2x5", (1, 2) * 5),
        ("5x3", (5, 5, 5)),
        ("(1 3)x2", (1, 3, 1, 3)),
        ("0 (1 3)x2 4", (0, 1, 3, 1, 3, 4)),
        ("(1x2 3)x2", (1, 1, 3, 1, 1, 3)),
        ("3 2 1 0", (3, 2, 1, 0)),
        ("8-9 9", (8, 9, 9)),
    ],
)
def test_notation_is_read_as_documented(text: str, layers: tuple[int, ...]) -> None:
    assert Chain.parse(text, 10).layers == layers


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        (range(10), "0-9"),
        ((0, 1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9), "0-3 4-5x2 6-9"),
        ((1, 2) * 5, "1-2x5"),
        ((1, 3, 1, 3), "(1 3)x2"),
        ((0, 1, 3, 1, 3, 4), "0 (1 3)x2 4"),
        ((8, 9, 9), "8 9x2"),
        ((3, 2, 1, 0), "3 2 1 0"),
        ((3, 2, 1, 0) * 3, "(3 2 1 0)x3"),
        ((1, 1, 2, 1, 2, 1, 2), "1 1-2x3"),
        ((1, 1, 3, 1, 1, 3), "(1x2 3)x2"),
        ((8, 9, 9, 7, 8, 9), "8 9x2 7-9"),
        ((0, 2, 4), "0 2 4"),
    ],
)
def test_notation_is_canonical_and_finds_loops(layers: tuple[int, ...], text: str) -> None:
    assert str(Chain(layers, 10)) == text


@given(chains())
def test_parse_after_format_is_the_identity(chain: Chain) -> None:
    assert Chain.parse(str(chain), chain.num_layers) == chain


@given(st.lists(st.integers(0, 2), min_size=1, max_size=40))
def test_parse_after_format_is_the_identity_on_few_layers(layers: list[int]) -> None:
    assert Chain.parse(str(Chain(layers, 3)), 3).layers == tuple(layers)


@given(chains())
def test_a_list_is_read_too(chain: Chain) -> None:
    assert Chain.parse(str(list(chain)), chain.num_layers) == chain
    assert Chain(list(chain), chain.num_layers) == chain


def test_separators_and_redundant_forms_give_the_same_chain() -> None:
    want = Chain((0, 1, 2, 2), 4)
    for text in ("0-2 2", "0-2,2", " 0 , 1\t2x2\n", "(0-1)(2)x2", "0x1 1 2 2", "[0,1,2,2]", "[ 0 1 2 2 ]"):
        assert Chain.parse(text, 4) == want


def test_long_chains_are_written_in_reasonable_time() -> None:
    rng = random.Random(0)
    cases = [[0] * 500, [0, 1] * 250, list(range(500)), list(range(500))[::-1], rng.choices(range(3), k=500)]
    start = time.process_time()
    for layers in cases:
        chain = Chain(layers, 500)
        assert Chain.parse(str(chain), 500) == chain
        chain.edits()
    assert time.process_time() - start < 5


def test_properties_of_a_chain() -> None:
    chain = Chain.parse("0-1 3x3 4", 6)
    assert chain.layers == tuple(chain) == (0, 1, 3, 3, 3, 4)
    assert len(chain) == chain.depth == 6
    assert chain.relative_depth == 1.0
    assert chain.skipped == (2, 5)
    assert chain.looped == {3: 3}
    assert not chain.is_identity
    identity = Chain.identity(6)
    assert identity.is_identity and identity.skipped == () and identity.looped == {}
    assert repr(chain) == "Chain.parse('0-1 3x3 4', num_layers=6)"


def test_chains_are_values() -> None:
    chain = Chain([0, 1], 3)
    assert chain == Chain((0, 1), 3) and hash(chain) == hash(Chain((0, 1), 3))
    assert chain != Chain((0, 1), 2) and chain != (0, 1)
    assert Chain.unchecked((0, 1), 3) == chain
    assert pickle.loads(pickle.dumps(chain)) == chain == copy.deepcopy(chain)
    with pytest.raises(AttributeError):
        chain.layers = (0,)  # type: ignore[misc]


class Five:
    """Stands for the integers of other libraries."""

    def __index__(self) -> int:
        return 5


def test_integers_of_other_libraries_become_int() -> None:
    assert type(Chain([Five()], 6).layers[0]) is int  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("layers", "total", "says"),
    [
        ([], 4, "empty"),
        ([0, 4], 4, "layer 4 is out of range: the model has 4 layers, 0..3"),
        ([-1], 4, "layer -1 is out of range"),
        ([True], 4, "layer True"),
        ([1.0], 4, "layer 1.0"),
        (["1"], 4, "layer '1'"),
        ([None], 4, "layer None"),
        (3, 4, "not 3"),
        ("0-3", 4, "Chain.parse"),
        ([0], 0, "num_layers=0"),
        ([0], True, "num_layers=True"),
        ([0], 2.0, "num_layers=2.0"),
    ],
)
def test_bad_layers_are_refused_by_name(layers: list[int], total: int, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Chain(layers, total)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        (" , ", "empty"),
        ("[]", "empty"),
        ("0-9 4", "layer 9 is out of range: the model has 8 layers, 0..7"),
        ("0-999999999", "out of range"),
        ("0 foo 2", "'foo'"),
        ("0-2y", "'0-2y'"),
        ("-3", "'-3'"),
        ("1.5", "'1.5'"),
        ("²", "'²'"),
        ("0 x2", "'x2'"),
        ("(0 1)y2", "')y2'"),
        ("5-2", "'5-2' descends"),
        ("1x0", "repeat count 0"),
        ("(0 1)x0", "repeat count 0"),
        ("(0 1", "without its ')'"),
        ("0 1)x2", "no '('"),
        ("()x2", "nothing stands"),
        ("[0, 1.5]", "'1.5'"),
        ("[0-1]", "'0-1'"),
        ("0x999999999", "999999999 slots"),
        ("((((0x999)x999)x999)x999)", "slots"),
        ("1" * 5000, "unknown token"),
    ],
)
def test_bad_text_is_refused_by_token(text: str, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Chain.parse(text, 8)
    assert says in str(caught.value)


def test_text_must_be_text() -> None:
    with pytest.raises(InvalidInput, match=r"Chain\(layers"):
        Chain.parse([0, 1], 4)  # type: ignore[arg-type]


def test_max_length_is_a_cap() -> None:
    assert len(Chain.parse("0x5", 2, max_length=5)) == 5
    for make in (lambda: Chain([0] * 6, 2, max_length=5), lambda: Chain.parse("0x6", 2, max_length=5)):
        with pytest.raises(InvalidInput, match="6 slots, 5 are allowed"):
            make()
    with pytest.raises(InvalidInput, match="max_length=0"):
        Chain([0], 2, max_length=0)


def test_edits_in_slots() -> None:
    chain = Chain.parse("0-5", 6)
    assert str(chain.skip(2, 3)) == "0-1 5"
    assert str(chain.loop(2, 2, 3)) == "0-1 2-3x4 4-5"
    assert str(chain.skip(1, 1).loop(0, 2, 1)) == "(0 2)x2 3-5"
    assert Edit("skip", 2, 3).apply(chain) == chain.skip(2, 3)
    assert Edit("loop", 2, 2, 3).apply(chain) == chain.loop(2, 2, 3)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda c: c.skip(0, 4), "empty"),
        (lambda c: c.skip(2, 3), "slots 2..4"),
        (lambda c: c.skip(-1, 1), "start=-1"),
        (lambda c: c.skip(0, 0), "size=0"),
        (lambda c: c.loop(4, 1, 1), "slots 0..3"),
        (lambda c: c.loop(0, 1, 0), "extra=0"),
        (lambda c: c.loop(0, 1, 1.0), "extra=1.0"),
        (lambda c: c.loop(0, 1, 10**9), "slots"),
        (lambda c: Edit("skip", 0, 1, 1), "extra=1"),
        (lambda c: Edit("jump", 0, 1), "'jump'"),
    ],
)
def test_bad_edits_are_refused(edit: object, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        edit(Chain.identity(4))  # type: ignore[operator]
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "edits"),
    [
        ("0-9", []),
        ("0-3 6-9", ["skip 4-5"]),
        ("1-9", ["skip 0"]),
        ("0-6", ["skip 7-9"]),
        ("0-3 2-9", ["loop 2-3 x2"]),
        ("0 1x2 2-9", ["loop 1 x2"]),
        ("0 1x3 2-9", ["loop 1 x3"]),
        ("0-5 2 8-9", ["jump 5->2", "skip 3-7"]),
        ("0-5 2-4 8-9", ["jump 5->2", "skip 5-7"]),
        ("0 (1 3)x3 4-9", ["skip 2", "loop (1 3) x3"]),
        ("9 0-8", ["skip 0-8", "jump 9->0", "skip 9"]),
        ("2 1 0", ["skip 0-1", "jump 2->1", "jump 1->0", "skip 1-9"]),
        ("0-2 1-2 1-2 5-9", ["loop 1-2 x3", "skip 3-4"]),
    ],
)
def test_edits_against_the_identity(text: str, edits: list[str]) -> None:
    assert [str(edit) for edit in Chain.parse(text, 10).edits()] == edits


def replay(edits: tuple[LayerEdit, ...], total: int) -> list[int]:
    """The layers that the edits stand for, by the grammar in `Chain.edits`; each must fit its slot."""
    layers: list[int] = []
    expected = 0
    for edit in edits:
        assert edit.slot - len(layers) >= 0
        layers += range(expected, expected + edit.slot - len(layers))
        expected = layers[-1] + 1 if layers else 0
        if edit.kind == "loop":
            assert layers[-len(edit.layers) :] == list(edit.layers)
            layers += list(edit.layers) * edit.extra
        elif edit.kind == "jump":
            assert edit.layers[0] == layers[-1] >= edit.layers[1]
            expected = edit.layers[1]
        else:
            assert edit.layers[0] == expected
            expected = edit.layers[-1] + 1
        if edit.kind != "loop" and expected < total:
            layers.append(expected)
            expected += 1
    return layers + list(range(expected, total))


@given(chains())
def test_the_edits_give_the_chain_back(chain: Chain) -> None:
    assert replay(chain.edits(), chain.num_layers) == list(chain)


def fewest_edits(layers: tuple[int, ...], total: int) -> int:
    """The same minimum by trying everything, straight from the grammar."""

    @cache
    def rest(done: int) -> int:
        if done == len(layers):
            return int(layers[-1] != total - 1)
        expected = layers[done - 1] + 1 if done else 0
        best = int(layers[done] != expected) + rest(done + 1)
        for size in range(1, done + 1):
            block = layers[done - size : done]
            extra = 1
            while layers[done + size * (extra - 1) : done + size * extra] == block:
                best = min(best, 1 + rest(done + size * extra))
                extra += 1
        return best

    return rest(0)


@given(chains(max_layers=5, max_slots=18))
def test_no_shorter_list_of_edits_exists(chain: Chain) -> None:
    assert len(chain.edits()) == fewest_edits(chain.layers, chain.num_layers)


@given(chains(), st.integers(0, 40), st.integers(1, 5), st.integers(1, 3))
def test_edits_do_what_they_say(chain: Chain, start: int, size: int, extra: int) -> None:
    start = min(start, len(chain) - 1)
    size = min(size, len(chain) - start)
    before, block, after = (
        chain.layers[:start],
        chain.layers[start : start + size],
        chain.layers[start + size :],
    )
    assert chain.loop(start, size, extra).layers == before + block * (1 + extra) + after
    if size < len(chain):
        assert chain.skip(start, size).layers == before + after


def test_a_notebook_shows_a_drawing() -> None:
    from skiploop.chains.from_svg import read_svg

    chain = Chain.parse("0-1 3x2", 5)
    assert read_svg(chain._repr_svg_() or "") == chain
    assert Chain([0] * 1001, 1)._repr_svg_() is None
