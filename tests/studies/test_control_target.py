"""What the control aims at: a wrong answer that the identity doesn't give by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from skiploop.engine.request import Request
from skiploop.studies.arms import InputState, wrong_candidates
from skiploop.studies.evaluation import wrong_target
from skiploop.studies.execution import Execution
from skiploop.studies.search import search
from skiploop.tasks import Task
from skiploop.testing.fakes import FakeModel, FakeRunner, fake_task, options

# How a model may say an answer, so that the task takes it for right.
SAID = {"verbatim": "{}", "exact": " {} \n", "numeric": "It is {}.0"}


def states(task: Task) -> list[InputState]:
    candidates = wrong_candidates(task, task.examples, 0)
    return [InputState(*each) for each in zip(task.examples, candidates, strict=True)]


@pytest.mark.parametrize("scoring", SAID)
def test_the_control_never_aims_at_what_the_identity_says(scoring: str) -> None:
    task = fake_task(scoring=scoring)
    for state in states(task):
        first, second, *_ = state.candidates
        said = SAID[scoring].format(first.answer)
        assert task.judge_text(first, said).reward == 1, "the first choice is what the identity says"
        assert wrong_target(task, state, first.answer, said) == second
        other = SAID[scoring].format(second.answer)
        assert wrong_target(task, state, second.answer, other) == first, "otherwise the first choice is kept"


def test_the_control_has_no_target_where_the_identity_says_every_candidate() -> None:
    task = fake_task(scoring="exact")
    state = states(task)[0]
    only = InputState(state.example, state.candidates[:1])
    assert wrong_target(task, only, only.candidates[0].answer, only.candidates[0].answer) is None


def test_the_control_never_aims_at_the_option_that_the_identity_chooses() -> None:
    task = fake_task(scoring="choice")
    for state in states(task):
        first, second, *_ = state.candidates
        assert wrong_target(task, state, first.answer, None) == second
        assert wrong_target(task, state, second.answer, None) == first


class Repeating(FakeRunner):
    """The identity gives, on every input, the wrong answer that the control would have preferred."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self._preferred = {state.example.prompt: state.candidates[0].answer for state in states(task)}

    def text(self, request: Request) -> str:
        return self._preferred[request.prompt] if request.chain.is_identity else super().text(request)


@pytest.mark.parametrize("scoring", ["verbatim", "exact"])
def test_a_study_rewards_no_control_for_the_answer_of_the_identity(tmp_path: Path, scoring: str) -> None:
    task = fake_task(scoring=scoring)
    found = search(FakeModel(), task, out=tmp_path / "s", execution=Execution(Repeating(task)), **options()).inputs
    for state, result in zip(states(task), found, strict=True):
        assert result.text == state.candidates[0].answer
        assert result.arms["control"].target == state.candidates[1].answer != result.text
