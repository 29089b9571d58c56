"""Spaces: what is numbered, counted and sampled is what the edits reach, in full on small models."""

from __future__ import annotations

import random
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skiploop.chains.chain import Chain
from skiploop.chains.edits import Edit, edited
from skiploop.chains.weights import has_loop
from skiploop.errors import InvalidInput
from skiploop.spaces.named import SPACES, make_space, per_layer
from skiploop.spaces.space import Space

SMALL = [make_space(name, total) for name in SPACES for total in (1, 2, 3, 4)] + [
    make_space("cola", 5, max_block=3, max_repeats=1, max_length=6),
    make_space("cola", 4, max_block=2, max_repeats=2, max_length=10),
    make_space("cola", 3, max_block=9, max_repeats=9, max_length=9),
    make_space("cola", 5, max_length=5),
    make_space("skip", 6, max_block=2),
    make_space("loop", 5, max_block=3, max_repeats=2, max_length=11),
    make_space("early-exit", 7, max_block=3),
    make_space("segments", 5, max_block=2),
    make_space("block", 6),
    make_space("permute", 5, max_block=3),
    make_space("cola", 4, max_block=2, max_repeats=2, damping=(1, 0.5)),
    make_space("damped", 4, max_repeats=2, damping=(0.5, 0)),
    per_layer(5, counts=(0, 1, 2)),
    per_layer(4, counts=(1, 2)),
]
small = pytest.mark.parametrize("space", SMALL, ids=repr)
KINDS = {
    "cola": {"skip", "loop"},
    "skip": {"skip"},
    "loop": {"loop"},
    "early-exit": {"skip"},
    "per-layer": {"skip", "loop"},
    "segments": {"skip", "loop"},
    "block": {"loop"},
    "damped": {"loop"},
    "permute": {"move"},
    "composed": {"skip", "loop", "move"},
}


def all_edits(chain: Chain, space: Space) -> list[Edit]:
    """Every skip and loop of a block of slots within the limits, legal or not."""
    found = []
    for size in range(1, space.limits.max_block + 1):
        for start in range(len(chain) - size + 1):
            found += [Edit("skip", start, size)] if size < len(chain) else []
            for damping in space.limits.dampings:
                if damping == 1 or not has_loop(chain.layers[start : start + size]):
                    extras = range(1, space.limits.max_repeats + 1)
                    found += [Edit("loop", start, size, extra, damping) for extra in extras]
            most = min(space.limits.max_block, len(chain) - start - size)
            found += [Edit("move", start, size, places) for places in range(1, most + 1)]
    return found


@small
def test_edits_from_the_identity_reach_exactly_the_space(space: Space) -> None:
    listed = list(space.enumerate())
    reached, waiting = {space.identity}, [space.identity]
    while waiting:
        for child in space.children(waiting.pop()):
            if child not in reached:
                reached.add(child)
                waiting.append(child)
    assert len(listed) == len(set(listed)) == space.count()
    assert set(listed) == reached
    assert all(chain in space and len(chain) <= space.max_length for chain in listed)


@small
def test_legal_edits_are_all_that_stay_in_the_space(space: Space) -> None:
    kinds = KINDS[space.name]
    for chain in space.enumerate():
        every = [edit for edit in all_edits(chain, space) if edit.kind in kinds]
        want = {Chain.unchecked(edited(chain.layers, edit), chain.num_layers) for edit in every}
        want = {result for result in want if result in space and result != chain}
        edits = space.edits(chain)
        results = [edit.apply(chain) for edit in edits]
        assert len(results) == len(set(results)), "two edits, one result"
        assert set(results) == want == set(space.children(chain))
        assert all(edit.size <= space.limits.max_block for edit in edits)
        assert [space.apply(chain, edit) for edit in edits] == results


@pytest.mark.parametrize("total", [1, 2, 3])
def test_membership_against_the_definition(total: int) -> None:
    """Builds the cola space from its definition: kept sets, cut into groups, each run some times."""
    space = make_space("cola", total, max_block=2, max_repeats=2, max_length=5)

    def groupings(kept: tuple[int, ...]) -> list[tuple[int, ...]]:
        if not kept:
            return [()]
        found = [kept[:1] + rest for rest in groupings(kept[1:])]
        for size in range(1, min(2, len(kept)) + 1):
            found += [kept[:size] * times + rest for times in (2, 3) for rest in groupings(kept[size:])]
        return found

    subsets = [tuple(i for i in range(total) if bits >> i & 1) for bits in range(1, 2**total)]
    want = [layers for kept in subsets for layers in groupings(kept) if len(layers) <= max(5, total)]
    assert len(want) == len(set(want)), "the definition is one to one"
    assert {chain.layers for chain in space.enumerate()} == set(want)


def test_counts_known_in_closed_form() -> None:
    assert make_space("skip", 10).count() == 2**10 - 1
    assert make_space("early-exit", 10).count() == 10
    assert make_space("loop", 10, max_block=1, max_repeats=2, max_length=30).count() == 3**10
    assert make_space("cola", 10, max_block=1, max_repeats=1, max_length=20).count() == 3**10 - 1
    assert make_space("cola", 6, max_length=6, max_block=1, max_repeats=1).count() == sum(
        1 for n in range(1, 3**6) if sum(n // 3**i % 3 for i in range(6)) <= 6
    )


def test_the_root_has_530_edits_at_28_layers() -> None:
    space = make_space("cola", 28)
    kinds = Counter(edit.kind for edit in space.edits(space.identity))
    assert kinds == {"skip": 106, "loop": 4 * 106}
    assert len(make_space("skip", 28).edits(Chain.identity(28))) == 106
    assert len(make_space("loop", 28).edits(Chain.identity(28))) == 424
    assert len(make_space("early-exit", 28).edits(Chain.identity(28))) == 4


def test_the_cap_limits_loops() -> None:
    space = make_space("cola", 6, max_length=8)
    assert {edit.size * edit.extra for edit in space.edits(space.identity) if edit.kind == "loop"} == {1, 2}


@pytest.mark.parametrize(
    ("text", "legal"),
    [
        ("0-7", True),
        ("0-1 4-7", True),
        ("(1 3)x2 5", True),
        ("0x5", True),
        ("0x6", False),
        ("0-3x2", True),
        ("0-4x2", False),
        ("1 0", False),
        ("0-2 2-3", True),
        ("0-2 1-3", True),
        ("0-3 1 5", False),
        ("(0x2 1)x2", False),
        ("0-1 0 2", False),
        ("0-3x5", False),
        ("(1 0)x2", False),
    ],
)
def test_examples_of_the_cola_space(text: str, legal: bool) -> None:
    assert (Chain.parse(text, 8) in make_space("cola", 8)) is legal


def test_membership_minds_the_model() -> None:
    space = make_space("cola", 8)
    assert Chain.identity(7) not in space
    assert "0-7" not in space
    assert Chain.parse("0x2 1-7", 8) not in make_space("skip", 8)
    assert Chain.parse("0-6", 8) not in make_space("loop", 8)
    assert Chain.parse("1-7", 8) not in make_space("early-exit", 8)


def chi_square(counts: list[int]) -> float:
    expected = sum(counts) / len(counts)
    return sum((count - expected) ** 2 / expected for count in counts)


@pytest.mark.parametrize("name", ["cola", "loop", "skip", "early-exit"])
def test_samples_are_uniform(name: str) -> None:
    space = make_space(name, 3)
    rng = random.Random(7)
    hits = Counter(space.sample(rng) for _ in range(100 * space.count()))
    assert set(hits) == set(space.enumerate())
    free = space.count() - 1
    assert chi_square(list(hits.values())) < free + 4 * (2 * free) ** 0.5  # mean + 4 standard deviations


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.sampled_from(sorted(SPACES)), st.integers(1, 40))
def test_samples_and_their_children_are_legal(seed: int, name: str, total: int) -> None:
    space, rng = make_space(name, total), random.Random(seed)
    chain = space.sample(rng)
    Chain(chain.layers, total, max_length=space.max_length)
    assert chain in space
    edits = space.edits(chain)
    for edit in rng.sample(edits, min(5, len(edits))):
        assert edit.apply(chain) in space


def test_samples_depend_on_the_generator_only() -> None:
    space = make_space("cola", 20)
    first = [space.sample(random.Random(5)) for _ in range(2)]
    assert first[0] == first[1] == make_space("cola", 20).sample(random.Random(5))
    assert len({space.sample(random.Random(seed)) for seed in range(20)}) == 20


def test_settings_rebuild_the_space() -> None:
    space = make_space("cola", 6, max_block=3, max_repeats=2, max_length=9)
    assert space.settings == {
        "name": "cola",
        "num_layers": 6,
        "max_block": 3,
        "max_repeats": 2,
        "max_length": 9,
    }
    again = make_space(**space.settings)  # type: ignore[arg-type]
    assert again.settings == space.settings and again.count() == space.count()
    assert make_space("cola", 6).settings["max_length"] == 12


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"name": "polar"}, "'polar'; use one of cola, skip, loop, early-exit"),
        ({"num_layers": 0}, "num_layers=0"),
        ({"num_layers": True}, "num_layers=True"),
        ({"max_block": 0}, "max_block=0"),
        ({"max_repeats": 0}, "max_repeats=0"),
        ({"max_repeats": 1.5}, "max_repeats=1.5"),
        ({"max_length": 0}, "max_length=0"),
        ({"max_length": 7}, "max_length=7"),
        ({"max_length": 10**9}, "max_length=1000000000"),
    ],
)
def test_bad_spaces_are_refused(arguments: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        make_space(**({"name": "cola", "num_layers": 8} | arguments))  # type: ignore[arg-type]
    assert says in str(caught.value)


@pytest.mark.parametrize("name", SPACES)
def test_what_is_outside_is_refused(name: str) -> None:
    space = make_space(name, 4)
    with pytest.raises(InvalidInput, match="isn't in the space"):
        space.edits(Chain((3, 0), 4))
    with pytest.raises(InvalidInput, match="isn't in the space"):
        space.edits(Chain.identity(5))
    with pytest.raises(InvalidInput, match="out of make_space"):
        space.apply(space.identity, Edit("loop", 0, 4, 7))
    with pytest.raises(InvalidInput, match="too large"):
        space.chain_at(space.count())
    with pytest.raises(InvalidInput, match="rank=-1"):
        space.chain_at(-1)


def test_edits_and_samples_are_fast_enough_for_a_search() -> None:
    space, rng = make_space("cola", 32), random.Random(0)
    sampled = [space.sample(rng) for _ in range(200)]
    start = time.process_time()
    for chain in sampled:
        space.edits(chain)
        space.edits(space.identity)
    assert (time.process_time() - start) / 400 < 0.002  # about 0.0001 on an idle core
