"""Two arms cut to as many evaluations on each input."""

from __future__ import annotations

from skiploop.chains.chain import Chain
from skiploop.studies.equal_counts import cut
from skiploop.studies.results import ArmResult

CHAINS = [Chain(tuple(range(4)), 4), Chain((0, 1, 2), 4), Chain((0, 1), 4), Chain((0,), 4)]


def arm(*rewards: float) -> ArmResult:
    return ArmResult(tuple(zip(CHAINS, rewards, strict=False)))


def test_what_comes_after_the_shorter_arm_ends_does_not_count() -> None:
    inputs = [
        {"search": arm(0, 0, 0, 1), "random": arm(0, 0)},  # found too late
        {"search": arm(0, 1), "random": arm(0, 0, 0, 1)},  # the other one found it too late
        {"search": arm(0, 1, 0), "random": arm(0, 1, 0)},
    ]
    found = cut(inputs, "random")
    assert found.evaluations == 2 + 2 + 3
    assert (found.search.value, found.other.value) == (2 / 3, 1 / 3)
    assert found.difference.difference.value == 1 / 3
