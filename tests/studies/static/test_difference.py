"""The difference of a static chain: its accuracy minus the identity's, on the same test inputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skiploop.chains.chain import Chain
from skiploop.engine.request import Request, Result
from skiploop.stats.shares import mcnemar
from skiploop.studies.execution import Execution
from skiploop.studies.static.figures import ChosenChain
from skiploop.studies.static.settings import StaticSettings
from skiploop.studies.static.split import split
from skiploop.studies.static.study import search_static
from skiploop.testing.fakes import FakeModel, FakeRunner, fake_task

TASK = fake_task(40)
SIZES = StaticSettings(train=20, test=20, first=20, references=False)  # the splits have four inputs of each level
TEST = {example.prompt for example in split(TASK, 20, 20)[1]}
BETTER = Chain([0, 1, 2, 4], 5)  # the only chain that is ever right, apart from the identity

Rule = Callable[[str, int], bool]


class Known(FakeRunner):
    """Verdicts by prompt and level, of the identity and of one other chain."""

    def __init__(self, identity: Rule, better: Rule) -> None:
        super().__init__()
        self._identity, self._better = identity, better

    def answer(self, request: Request) -> Result:
        level = int(request.prompt[1])
        if request.chain.is_identity:
            return Result(matched=self._identity(request.prompt, level))
        return Result(matched=request.chain == BETTER and self._better(request.prompt, level))


def chosen(out: Path, runner: FakeRunner) -> dict[str, ChosenChain]:
    settings: dict[str, Any] = {"searcher": "random", "space": "skip", "budget": 31}  # every chain of the space
    figures = search_static(FakeModel(), TASK, out=out, static=SIZES, execution=Execution(runner), **settings).figures
    assert figures.chosen["search"].chain == BETTER.layers
    return figures.chosen


def test_the_difference_is_positive_where_the_chain_is_right_more_often(tmp_path: Path) -> None:
    figures = chosen(tmp_path / "s", Known(lambda _, level: level <= 2, lambda _, level: level >= 2))
    assert (figures["identity"].test.value, figures["search"].test.value) == (0.4, 0.8)
    minus = figures["search"].minus_identity
    assert minus is not None and minus.difference.value == 0.4
    # levels 3 to 5 only by the chain, level 1 only by the identity
    assert minus.mcnemar_p == pytest.approx(mcnemar(4, 12))
    low, high = minus.difference.interval or (0.0, 0.0)
    assert 0 < low < 0.4 < high


def test_the_difference_is_negative_where_the_chain_is_right_less_often(tmp_path: Path) -> None:
    # Right on every training input, so that it is chosen, and on no test input but those of level 1.
    runner = Known(lambda _, level: level <= 4, lambda prompt, level: prompt not in TEST or level == 1)
    figures = chosen(tmp_path / "s", runner)
    assert (figures["identity"].test.value, figures["search"].test.value) == (0.8, 0.2)
    minus = figures["search"].minus_identity
    assert minus is not None and minus.difference.value == -0.6
    low, high = minus.difference.interval or (0.0, 0.0)
    assert low < -0.6 < high < 0


def test_the_identity_has_no_difference_from_itself(tmp_path: Path) -> None:
    identity = chosen(tmp_path / "s", Known(lambda _, level: level <= 2, lambda _, level: level >= 2))["identity"]
    assert identity.minus_identity is None
