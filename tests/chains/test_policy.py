"""Cache policies of loops: which slot's keys and values stay, written out for a chain that shows every case."""

from __future__ import annotations

import pytest

from skiploop.chains.chain import Chain
from skiploop.chains.policy import POLICIES, checked_policy, decoding_layers, first_runs, kept_slots, read_slots
from skiploop.errors import InvalidInput

LOOPED = Chain.parse("0 1-2x2~.5 3 2*.5", 4).layers  # layers 0 1 2 1 2 3 2


@pytest.mark.parametrize(
    "policy, kept",
    [
        ("own", (0, 1, 2, 3, 4, 5, 6)),
        ("first", (0, 1, 2, 1, 2, 5, 2)),
        ("last", (0, 3, 6, 3, 6, 5, 6)),
        ("prefill", (0, 1, 2, 1, 2, 5, 2)),
    ],
)
def test_the_slot_that_stays(policy: str, kept: tuple[int, ...]) -> None:
    assert kept_slots(LOOPED, checked_policy(policy)) == kept


def test_after_the_prompt_a_prefill_loop_runs_each_layer_once_at_its_first_slot() -> None:
    assert first_runs(LOOPED) == (0, 1, 2, 3)
    assert decoding_layers(LOOPED, "prefill") == (0, 1, 2, 3)
    assert read_slots(LOOPED, "prefill") == (0, 1, 2, 5)


def test_a_first_run_keeps_its_scale_but_no_loop() -> None:
    layers = first_runs(Chain.parse("0 (1*.5 2)x2~.5 3", 4).layers)
    assert str(Chain(layers, 4)) == "0 1*.5 2-3"


@pytest.mark.parametrize("policy", ["own", "first", "last"])
def test_the_other_policies_run_the_whole_chain_for_each_token(policy: str) -> None:
    assert decoding_layers(LOOPED, checked_policy(policy)) == LOOPED
    assert read_slots(LOOPED, checked_policy(policy)) == kept_slots(LOOPED, checked_policy(policy))


@pytest.mark.parametrize("policy", POLICIES)
def test_without_a_repeat_every_policy_is_the_same(policy: str) -> None:
    layers = Chain.parse("0 2*.5 3", 4).layers
    assert kept_slots(layers, checked_policy(policy)) == (0, 1, 2)
    assert decoding_layers(layers, checked_policy(policy)) == layers


def test_an_unknown_policy_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(InvalidInput, match="'middle'; use one of own, first, last, prefill"):
        checked_policy("middle")
