"""Problems of reasoning-gym: made the same every time, judged by the data set."""

from __future__ import annotations

import pickle
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from skiploop import search
from skiploop.errors import InvalidInput
from skiploop.studies.search import load_study
from skiploop.studies.settings import StudySettings
from skiploop.tasks import Task, make_task
from skiploop.tasks.sources.reasoning_gym import parse_gym

pytestmark = pytest.mark.skipif(find_spec("reasoning_gym") is None, reason="reasoning-gym isn't installed")


@pytest.fixture(scope="module")
def sums() -> Task:
    return make_task("rg:chain_sum,size=12,seed=3")


def test_one_specification_makes_the_same_problems(sums: Task) -> None:
    again = make_task("rg:chain_sum,size=12,seed=3")
    assert again.examples == sums.examples
    assert again.fingerprint == sums.fingerprint
    other = make_task("rg:chain_sum,size=12,seed=4")
    assert [e.question for e in other.examples] != [e.question for e in sums.examples]


def test_reference_answers_are_right_and_others_wrong(sums: Task) -> None:
    assert sums.scoring == "gym"
    for example, other in zip(sums.examples, sums.examples[1:], strict=False):
        for text in (example.answer, f" {example.answer}\n", f"Hm. The answer is {example.answer}."):
            assert sums.judge_text(example, text).reward == 1.0
        if other.answer != example.answer:
            assert sums.judge_text(example, other.answer).reward == 0.0
        assert sums.judge_text(example, "  ").answer is None
        assert sums.judge_text(example, f"<answer>{example.answer}</answer> and more").reward == 1.0


def test_an_answer_that_earns_a_part_of_the_reward_is_not_right() -> None:
    task = make_task("rg:sentence_reordering,size=1")
    example = task.examples[0]
    assert task.judge_text(example, example.answer).reward == 1.0
    assert task.judge_text(example, " ".join(reversed(example.answer.split()))).reward == 0.0


def test_any_right_answer_is_right_where_there_are_many() -> None:
    task = make_task("rg:countdown,size=2,seed=1")
    example = task.examples[0]
    first, *rest = example.answer.split(" ")
    assert task.judge_text(example, f"({first}) {' '.join(rest)}").reward == 1.0
    assert task.judge_text(example, "1").reward == 0.0


def test_levels_come_from_the_sizes_of_the_problem() -> None:
    task = make_task("rg:chain_sum,size=60,min_digits=2,max_digits=2")
    assert set(task.levels) <= {1, 2, 3, 4, 5}
    assert len(task.levels) > 2
    terms = {level: [len(e.question.split()) for e in task.examples if e.level == level] for level in task.levels}
    lowest, highest = min(task.levels), max(task.levels)
    assert max(terms[lowest]) < max(terms[highest])


def test_a_wrong_target_is_hit_by_saying_it(sums: Task) -> None:
    example = replace(sums.examples[0], answer="123456")
    assert sums.judge_text(example, "123456").reward == 1.0
    assert sums.judge_text(example, sums.examples[0].answer).reward == 0.0


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("rg:chan_sum", "no data set 'chan_sum'. Near are chain_sum"),
        ("rg:xyzzy", "no data set 'xyzzy'. There are ab, acre"),
        ("rg:chain_sum,terms=3", "unknown option. Options are min_terms"),
        ("rg:chain_sum,min_terms=9,max_terms=2", "max_terms must be >= min_terms"),
        ("rg:chain_sum,size=0", "size .* is 0; it must be a whole number, 1 or more"),
        ("rg:chain_sum,seed=x", "seed .* is 'x'"),
        ("rg:chain_sum,size", "isn't OPTION=VALUE"),
        ("rg:composite", "Must specify at least one dataset"),
        ("rg:", "needs the name of a data set"),
    ],
)
def test_bad_specifications_are_explained(spec: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make_task(spec)


def test_options_that_do_not_fit_are_refused(sums: Task) -> None:
    with pytest.raises(InvalidInput, match="can't be chosen: problems of reasoning-gym are made"):
        make_task("rg:chain_sum,size=2", split="train")
    with pytest.raises(InvalidInput, match="have no reference answer"):
        make_task("rg:graph_color,size=2", scoring="exact")
    with pytest.raises(InvalidInput, match="'gym' is for tasks of reasoning-gym"):
        make_task("nano", scoring="gym")


def test_options_are_read_as_json_or_text() -> None:
    assert parse_gym("a, size=3,b=true,c=word,d=[1]") == (
        "a",
        {"size": 3, "seed": 0, "b": True, "c": "word", "d": [1]},
    )


def test_a_task_can_be_sent_to_another_process(sums: Task) -> None:
    copy = pickle.loads(pickle.dumps(sums))
    assert copy.fingerprint == sums.fingerprint
    assert copy.judge_text(copy.examples[0], copy.examples[0].answer).reward == 1.0


def test_a_study_runs_on_it_and_resumes(tmp_path: Path) -> None:
    settings = StudySettings().changed(budget=3, limit=2)
    task = make_task("rg:gcd,size=6", prompt="{question}", max_new_tokens=6)
    study = search("nano", task, settings=settings, out=tmp_path / "run")
    assert study.figures.inputs == 2
    assert study.run["task"]["description"]["right_from_reward"] == 0.99
    again = search("nano", task, settings=settings, out=study.out)
    assert again.figures == load_study(study.out).figures
