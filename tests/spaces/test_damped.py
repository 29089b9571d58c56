"""Spaces with damped loops: CoLa's with a choice of dampings, and one damped window for all."""

from __future__ import annotations

import random

import pytest

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.spaces.named import make_space
from skiploop.spaces.space import Space


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("cola", {"damping": (1, 0.5)}),
        ("cola", {"damping": (0.5,), "max_repeats": 2}),
        ("loop", {"damping": (1, 0.5, 0.25), "max_block": 2}),
        ("damped", {"damping": (0.5, 0), "max_repeats": 2}),
        ("block", {"damping": (1, 0.5)}),
    ],
    ids=str,
)
def test_numbers_questions_and_edits_agree(name: str, settings: dict) -> None:
    space = make_space(name, 4, **{"max_block": 3, **settings})
    chains = list(space.enumerate())
    assert len(chains) == len(set(chains)) == space.count()
    assert any(chain.has_weights for chain in chains)
    for chain in random.Random(0).sample(chains, min(len(chains), 150)):
        assert chain in space
        assert Chain.parse(str(chain), 4) == chain
        assert chain.layers in {other.layers for other in chains}
        for edit in space.edits(chain):
            assert space.apply(chain, edit) in space
        children = list(space.children(chain))
        assert len(children) == len(set(children))
        assert chain not in children
    assert make_space(**space.settings).settings == space.settings
    assert list(make_space(**space.settings).enumerate()) == chains


@pytest.mark.parametrize("damping", [(1.0, 0.5), (0.5,)])
def test_edits_listed_directly_are_those_found_by_trying(damping: tuple[float, ...]) -> None:
    space = make_space("cola", 4, max_block=2, max_repeats=2, damping=damping)
    for chain in space.enumerate():
        direct = {child.layers for child in space.children(chain)}
        tried = {space.apply(chain, edit).layers for edit in Space.edits(space, chain)}
        assert direct == tried


def test_ryss_map_is_the_damped_space_with_damping_1_and_two_runs() -> None:
    rys = {chain.layers for chain in make_space("block", 6).enumerate()}
    assert rys == {
        chain.layers for chain in make_space("damped", 6, damping=(1,), max_block=6, max_repeats=1).enumerate()
    }


def test_every_chain_of_a_small_damped_space_is_reached_by_edits() -> None:
    space = make_space("cola", 3, max_block=2, max_repeats=2, damping=(1, 0.5))
    found, new = {space.identity}, [space.identity]
    while new:
        for child in space.children(new.pop()):
            if child not in found:
                found.add(child)
                new.append(child)
    assert found == set(space.enumerate())


def test_composed_spaces_keep_their_dampings() -> None:
    space = make_space("cola", 3, max_block=2, max_repeats=2, damping=(1, 0.5))
    composed = make_space("composed", 3, max_block=2, max_repeats=2, damping=(1, 0.5), word=space.word.to_json())
    assert set(composed.enumerate()) == set(space.enumerate())


@pytest.mark.parametrize(
    ("name", "damping", "message"),
    [("skip", (0.5,), "no damped loops"), ("cola", (0.5, 0.5), "different"), ("cola", (2,), "damping")],
)
def test_dampings_that_make_no_sense_are_refused(name: str, damping: tuple[float, ...], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make_space(name, 4, damping=damping)
