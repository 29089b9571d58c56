"""The share of right chains is one of the chains that were looked for: the identity isn't among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from skiploop.chains.chain import Chain
from skiploop.engine.request import Request, Result
from skiploop.studies.execution import Execution
from skiploop.studies.results import ArmResult
from skiploop.studies.search import search
from skiploop.testing.fakes import LAYERS, FakeModel, FakeRunner, fake_task, options


@pytest.mark.parametrize("identity", [0.0, 1.0])
def test_right_chains_do_not_count_the_identity(identity: float) -> None:
    chains = [Chain(range(LAYERS), LAYERS), Chain([0, 1], LAYERS), Chain([0], LAYERS), Chain([4], LAYERS)]
    rewards = [identity, 1.0, 0.0, 1.0]
    assert ArmResult(tuple(zip(chains, rewards, strict=True))).right_chains == 2


class Shallow(FakeRunner):
    """Right with a single layer; the identity is right on even levels."""

    def answer(self, request: Request) -> Result:
        if request.expected is None:  # the identity, and what is run again
            return super().answer(request)
        return Result(matched=len(request.chain) == 1)


def test_the_right_chain_share_does_not_count_the_identity(tmp_path: Path) -> None:
    every = {"searcher": "random", "space": "skip", "budget": 31}  # every chain of the space
    search_only = {"nearby_peer": False, "control": False, "verify": False}
    figures = search(
        FakeModel(), fake_task(), out=tmp_path / "s", execution=Execution(Shallow()), **options(**every, **search_only)
    ).figures
    assert figures.base_accuracy.value == 0.4, "the identity is right on some inputs"
    assert figures.evaluations == 31 * 10
    assert figures.right_chain_share == {"search": pytest.approx(5 / 30)}
