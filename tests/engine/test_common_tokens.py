"""Which beginnings of prompts are worth computing once: those that save the most tokens, and the same ones again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skiploop.engine.common_tokens import SHORTEST, Preambles, Tokens, common_beginnings, common_length

EXAMPLES = tuple(range(100, 100 + SHORTEST))

PROMPTS = st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=7).map(tuple), min_size=1, max_size=9)


def most_saved(prompts: list[Tokens], shortest: int) -> int:
    """By trying, at every node of the tree of prompts, its beginning against the best below it."""
    if len(prompts) < 2:
        return 0
    length = min(common_length(prompts[0], prompt) for prompt in prompts)
    branches: dict[Tokens, list[Tokens]] = {}
    for prompt in prompts:
        if len(prompt) > length:
            branches.setdefault(prompt[: length + 1], []).append(prompt)
    whole = (len(prompts) - 1) * length if length >= shortest else 0
    return max(whole, sum(most_saved(branch, shortest) for branch in branches.values()))


@settings(max_examples=300)
@given(prompts=PROMPTS, shortest=st.integers(1, 4))
def test_the_beginnings_found_save_the_most_tokens(prompts: list[Tokens], shortest: int) -> None:
    found = common_beginnings(prompts, shortest)
    users = [[prompt for prompt in prompts if prompt[: len(each)] == each] for each in found]
    saved = sum((len(prompts_of) - 1) * len(each) for each, prompts_of in zip(found, users, strict=True))
    assert saved == most_saved(prompts, shortest)
    assert all(len(each) >= shortest for each in found)
    assert sum(map(len, users)) <= len(prompts)  # no prompt has two


@pytest.mark.parametrize("length, shared", [(SHORTEST - 1, False), (SHORTEST, True)])
def test_a_preamble_has_enough_tokens(length: int, shared: bool) -> None:
    assert bool(Preambles().assign([(*EXAMPLES[:length], 1, 5), (*EXAMPLES[:length], 2, 5)])) is shared


def test_a_token_of_the_prompt_follows_the_preamble_always() -> None:
    """Also where one prompt is the beginning of another: its last token is run, for its logits are wanted."""
    short, long = (*EXAMPLES, 1), (*EXAMPLES, 1, 2)
    assert Preambles().assign([short, long]) == {short: EXAMPLES, long: EXAMPLES}
    assert Preambles().assign([EXAMPLES, long]) == {}  # one token too short now


def test_one_prompt_alone_has_none_until_others_have_shown_it() -> None:
    preambles, prompt = Preambles(), (*EXAMPLES, 7, 8)
    assert preambles.assign([prompt]) == preambles.assign([prompt, prompt]) == {}
    preambles.assign([(*EXAMPLES, 1, 5), (*EXAMPLES, 2, 5)])
    assert preambles.assign([prompt]) == {prompt: EXAMPLES}
    preambles.clear()
    assert preambles.assign([prompt]) == {}


def test_a_token_more_in_common_by_chance_makes_no_other_preamble() -> None:
    """What was computed for one batch is to serve the next: the preamble of more prompts wins."""
    chance = [(*EXAMPLES, 1, 2), (*EXAMPLES, 1, 3)]
    preambles = Preambles()
    assert set(preambles.assign(chance).values()) == {(*EXAMPLES, 1)}
    assert set(preambles.assign([*chance, (*EXAMPLES, 4, 2)]).values()) == {EXAMPLES}
    assert set(preambles.assign(chance).values()) == {EXAMPLES}


def test_much_longer_preambles_replace_a_short_one() -> None:
    system, rest = EXAMPLES, tuple(range(300, 500))
    preambles = Preambles()
    preambles.assign([(*system, 1, 5), (*system, 2, 5)])
    assert set(preambles.assign([(*system, *rest, 1, 5), (*system, *rest, 2, 5)]).values()) == {(*system, *rest)}


def test_only_so_many_are_remembered() -> None:
    preambles = Preambles()
    for first in range(200):
        preambles.assign([(first, *EXAMPLES, 1, 5), (first, *EXAMPLES, 2, 5)])
    assert preambles.assign([(0, *EXAMPLES, 3, 5)]) == {}
    assert preambles.assign([(199, *EXAMPLES, 3, 5)]) != {}
    assert len(preambles._known) <= 64
