"""The language of spaces: every word against a list made by brute force, from its definition."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.spaces.decisions import Decisions
from skiploop.spaces.language import Blocks, Choice, Concat, Loop, Run, Window, Word, from_json, optional
from skiploop.spaces.named import SPACES, compose, make_space, per_layer
from skiploop.spaces.space import Space


def listed(word: Word) -> list[tuple[int, ...]]:
    """All that a word can give, once for each way to say it."""
    match word:
        case Run():
            return [word.layers]
        case Concat():
            return [sum(parts, ()) for parts in itertools.product(*map(listed, word.words))]
        case Choice():
            return [layers for each in word.words for layers in listed(each)]
        case Loop():
            run = [layers * times for layers in listed(word.word) for times in word.counts if times]
            return [*run, *[()] * (0 in word.counts)]  # what isn't run isn't asked about
        case Window():
            near = [
                order
                for order in itertools.permutations(range(len(word.layers)))
                if all(abs(place - given) < word.width for place, given in enumerate(order))
            ]
            return [tuple([word.layers[given] for given in order]) for order in near]
        case Blocks():
            return blocks(word.layers, dict(word.shapes), gaps=word.gaps)
    raise AssertionError(word)


def blocks(layers: tuple[int, ...], shapes: dict[int, tuple[int, ...]], *, gaps: bool) -> list[tuple[int, ...]]:
    if gaps:
        run = {size: tuple(count for count in counts if count) for size, counts in shapes.items()}
        kept = [s for size in range(len(layers) + 1) for s in itertools.combinations(layers, size)]
        return [found for subset in kept for found in blocks(subset, run, gaps=False)]
    if not layers:
        return [()]
    return [
        layers[:size] * times + rest
        for size, counts in shapes.items()
        if size <= len(layers)
        for times in counts
        for rest in blocks(layers[size:], shapes, gaps=False)
    ]


counts = st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True)
layer_lists = st.lists(st.integers(0, 4), max_size=3).map(tuple)
distinct = st.permutations(range(4)).flatmap(lambda order: st.integers(0, 4).map(lambda n: tuple(order[:n])))
block_words = st.builds(
    lambda layers, once, pairs, gaps: Blocks(
        layers, {1: tuple({*once, 0} if gaps else once)} | ({2: tuple(pairs)} if pairs else {}), gaps
    ),
    distinct,
    counts,
    st.lists(st.integers(2, 3), max_size=2, unique=True),
    st.booleans(),
)
leaves = st.one_of(layer_lists.map(Run), st.builds(Window, distinct, st.integers(1, 3)), block_words)
words = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=2).map(lambda parts: Concat(tuple(parts))),
        st.lists(inner, min_size=1, max_size=2).map(lambda parts: Choice(tuple(parts))),
        st.builds(Loop, inner, counts),
    ),
    max_leaves=3,
)


@settings(max_examples=150)
@given(words, st.integers(1, 3), st.integers(3, 8))
@example(Concat((Run((0,)), Loop(Window((0, 1), 2), (0,)))), 1, 3)
def test_every_way_is_counted_once_and_has_its_number(word: Word, least: int, longest: int) -> None:
    want = Counter(layers for layers in listed(word) if least <= len(layers) <= longest)
    tree = Decisions(word, least, longest)
    assert tree.count == want.total()
    if tree.count <= 2000:
        assert Counter(tree.layers_at(rank) for rank in range(tree.count)) == want


@settings(max_examples=150)
@given(words, st.randoms(use_true_random=False), layer_lists)
@example(Concat((Run((0,)), Loop(Run(()), (2,)))), random.Random(0), ())  # a loop with nothing in it
def test_what_is_read_is_what_can_be_said(word: Word, rng: random.Random, other: tuple[int, ...]) -> None:
    tree = Decisions(word, 1, 8)
    said = {layers for layers in listed(word) if 1 <= len(layers) <= 8}
    for layers in [*rng.sample(sorted(said), min(5, len(said))), other]:
        assert tree.accepts(layers) == (layers in said)
        assert (tree.read(layers) is not None) == (layers in said)


@settings(max_examples=60)
@given(words)
def test_words_come_back_from_json(word: Word) -> None:
    assert from_json(json.loads(json.dumps(word.to_json()))) == word


SPACES_TO_ASK = [
    *[make_space(name, 5) for name in SPACES],
    per_layer(5, counts=(0, 1, 2)),
    make_space("cola", 5, max_block=3, max_repeats=1, max_length=6),
    make_space("cola", 28),
    make_space("segments", 28),
    compose(Concat((Run((0,)), Blocks(range(1, 6), {1: (0, 1)}), Run((6,)))), 7),
]


@pytest.mark.parametrize("space", SPACES_TO_ASK, ids=repr)
def test_answers_lead_to_a_chain_and_back(space: Space) -> None:
    rng = random.Random(0)
    for _ in range(40):
        asked: list[tuple[str, tuple[str, ...], int]] = []

        def choose(name: str, labels: tuple[str, ...], asked: list[tuple[str, tuple[str, ...], int]] = asked) -> int:
            asked.append((name, labels, rng.randrange(len(labels))))
            return asked[-1][2]

        chain = space.decide(choose)
        assert chain in space
        assert [tuple(decision) for decision in space.decisions(chain)] == asked
        assert all(len(set(labels)) == len(labels) > 1 for _, labels, _ in asked)
        assert len({name for name, _, _ in asked}) == len(asked), "a question is asked once"
        answers = iter([pick for _, _, pick in asked])
        assert space.decide(lambda name, labels: next(answers)) == chain  # noqa: B023


@pytest.mark.parametrize("space", SPACES_TO_ASK, ids=repr)
def test_a_space_comes_back_from_its_settings(space: Space) -> None:
    again = make_space(**json.loads(json.dumps(space.settings)))
    assert again.settings == space.settings
    assert again.count() == space.count()
    assert [again.chain_at(r) for r in range(5)] == [space.chain_at(r) for r in range(5)]


def known(space: Space) -> set[str]:
    return {str(chain) for chain in space.enumerate()}


def test_small_spaces_by_hand() -> None:
    assert known(per_layer(2, counts=(0, 1, 2))) == {"0", "1", "0x2", "1x2", "0-1", "0x2 1", "0 1x2", "0x2 1x2"}
    assert known(make_space("block", 3)) == {"0-2", "0x2 1-2", "0-1x2 2", "0-2x2", "0 1x2 2", "0 1-2x2", "0-1 2x2"}
    assert known(make_space("permute", 3, max_block=2)) == {"0-2", "1 0 2", "0 2 1"}
    assert known(make_space("segments", 2)) == {"0", "1", "0x2", "1x2", "0-1", "0x2 1", "0 1x2", "0x2 1x2", "0-1x2"}
    assert per_layer(6, counts=(0, 1, 2)).count() == 3**6 - 1
    assert make_space("permute", 30, max_block=2).count() == 1346269, "Fibonacci"


def test_the_first_and_last_layer_can_be_kept() -> None:
    inner = make_space("cola", 6).word
    assert isinstance(inner, Blocks)
    word = Concat((Run((0,)), Blocks(range(1, 5), dict(inner.shapes), gaps=True), Run((5,))))
    space = compose(word, 6)
    chains = [space.sample(random.Random(seed)) for seed in range(50)]
    assert all(chain.layers[0] == 0 and chain.layers[-1] == 5 for chain in chains)
    assert all(len(edits) > 0 for edits in map(space.edits, chains[:5]))


TWICE: Sequence[Word] = [
    Choice((Run((0, 1, 2)), Run((0, 1, 2)))),
    Concat((optional(Run((0,))), optional(Run((0,))), Run((0, 1, 2)))),
    Concat((Loop(Run((0,)), (1, 2)), Loop(Run((0,)), (0, 1)), Run((1, 2)))),
    Concat((Run((0, 1, 2)), Loop(optional(Run((2,))), (1, 2)))),
]


@pytest.mark.parametrize("word", TWICE, ids=repr)
def test_a_chain_with_two_derivations_is_refused(word: Word) -> None:
    with pytest.raises(InvalidInput, match="two derivations"):
        compose(word, 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: compose(Run((0, 2)), 3), "identity 0-2 isn't in this space"),
        (lambda: compose(Choice((Run((0, 1)), Run((0, 5)))), 2), "runs layer 5"),
        (lambda: Blocks((0, 1), {2: (1,)}), "can't be run 1 times here"),
        (lambda: Blocks((0, 0), {1: (1,)}), "each layer once"),
        (lambda: Blocks((0, 1), {1: (1,)}, gaps=True), "count 0 for size 1"),
        (lambda: Window((0, 1), 9), "too large"),
        (lambda: Choice(()), "at least one word"),
        (lambda: Concat((3,)), "takes words"),  # type: ignore[arg-type]
        (lambda: from_json({"word": "dance"}), "isn't a word of a space"),
        (lambda: from_json({"word": "loop", "of": {"word": "run", "layers": [0]}}), "incomplete"),
        (lambda: make_space("composed", 4), "needs a word"),
        (lambda: make_space("cola", 4, word={}), "needs a word"),
        (lambda: per_layer(3).decide(lambda name, labels: 7), "isn't one of 0..2"),
        (lambda: per_layer(3).decisions(Chain((1, 0), 3)), "isn't in the space"),
    ],
)
def test_what_cannot_be_is_refused(make: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()  # type: ignore[operator]
