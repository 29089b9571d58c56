"""Passes on a task's inputs: resumed, loaded as a table, without a right answer in what choosers see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.routing.collect import collect
from skiploop.routing.load import load
from skiploop.routing.passes import ModelPass, passes_for
from skiploop.routing.work import Forms
from skiploop.studies.execution import Execution
from skiploop.studies.progress import Interrupted
from skiploop.tasks import Example, Task
from skiploop.testing.fakes import LAYERS, FakeModel, FakeRunner, digest, gold

MENU = [Chain((0, 1, 2, 4), LAYERS), Chain((0, 1, 2, 2, 3, 4), LAYERS)]
EXECUTION = Execution(FakeRunner(), embed=lambda prompt: [digest(prompt, i) % 100 for i in range(3)])


def choices(count: int = 20) -> Task:
    rows = (Example(f"q{i}", f"Q{i}:", "b", ("a", "b", "ccc"), 1) for i in range(count))
    return Task("fake", tuple(rows), scoring="choice")


def texts(count: int = 20) -> Task:
    prompts = [f"L{i % 5 + 1} Q{i}:" for i in range(count)]  # a fake answers by the level that it finds there
    rows = (Example(f"q{i}", prompt, gold(prompt)) for i, prompt in enumerate(prompts))
    return Task("fake", tuple(rows), scoring="exact", max_new_tokens=8)


def collected(out: Path, task: Task, passes: tuple[ModelPass, ...], execution: Execution = EXECUTION) -> Path:
    return collect(FakeModel(), Forms((task,)), passes, out=out, execution=execution)


def test_options_become_a_table(tmp_path: Path) -> None:
    data = load(collected(tmp_path / "a", choices(), passes_for(MENU, LAYERS))).data
    table = data.table
    assert table.scores is not None and table.scores.shape == (20, 5, 3)
    assert (table.answers == table.scores.argmax(axis=2)).all()
    assert data.right.tolist() == [[False, True, False]] * 20
    assert table.options is not None and table.options.characters[0].tolist() == [1, 1, 3]


def test_texts_are_numbered_as_they_come_so_that_numbers_say_nothing(tmp_path: Path) -> None:
    data = load(collected(tmp_path / "a", texts(), passes_for(MENU, LAYERS, samples=1))).data
    assert data.table.scores is None
    first = data.table.answers[:, 0]
    assert set(first.tolist()) <= {0, -1}  # whatever the identity says is number 0, right or wrong
    own = data.pass_right[:, 0]
    assert own.sum() + 1 > 0 and not own.all()


def test_an_interrupted_collection_is_resumed_and_ends_the_same(tmp_path: Path) -> None:
    class Impatient(FakeRunner):
        left = 4

        def run(self, requests):
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return super().run(requests)

    passes = passes_for(MENU, LAYERS)
    with pytest.raises(Interrupted):
        collected(tmp_path / "a", choices(), passes, Execution(Impatient(), embed=EXECUTION.embed))
    with pytest.raises(InvalidInput, match="of 20 inputs"):
        load(tmp_path / "a")
    assert 0 < len(load(tmp_path / "a", partial=True).data) < 20
    whole, resumed = (load(collected(tmp_path / name, choices(), passes)).data.table for name in ("b", "a"))
    assert whole.ids == resumed.ids
    assert np.array_equal(whole.scores, resumed.scores) and np.array_equal(whole.states, resumed.states)


def test_what_cant_be_run_is_refused_before_anything_is(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="not sampled"):
        collected(tmp_path / "a", choices(), passes_for(MENU, LAYERS, samples=1))
    with pytest.raises(InvalidInput, match="form of the prompt"):
        collected(tmp_path / "a", choices(), passes_for(MENU, LAYERS, prompts=1))
    with pytest.raises(InvalidInput, match="different inputs"):
        Forms((choices(3), choices(4)))
    assert not (tmp_path / "a").exists()


def test_permuted_answers_are_of_the_same_number_and_among_the_options(tmp_path: Path) -> None:
    data = load(collected(tmp_path / "a", choices(), passes_for(MENU, LAYERS))).data
    other = data.permuted(0)
    assert (other.right.sum(axis=1) == 1).all() and not np.array_equal(other.right, data.right)
