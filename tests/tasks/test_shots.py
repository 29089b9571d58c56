"""Few-shot prompts and conversations: no question is shown, gold and control have the same shots, in lm-eval's form."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.studies.arms import wrong_candidates
from skiploop.studies.evaluation import request
from skiploop.tasks import Example, Task, make_task
from skiploop.tasks.dialogue import Dialogue
from skiploop.tasks.shots import ORDERS, Shot, choose_shots

CHAIN = Chain.identity(4)
GSM = [{"question": f"What is {n} + 1?", "answer": f"It is <<{n}+1>>.\n#### {n + 1}"} for n in range(12)]
ARC = [
    {
        "question": f"Which is {n}?",
        "choices": {"text": [str(n + i) for i in range(4)], "label": list("ABCD")},
        "answerKey": "A",
    }
    for n in range(12)
]


class Tags:
    """A chat template that takes blanks away and asks for an answer without white space, as Mistral's does."""

    def render(self, turns: Sequence[Mapping[str, str]]) -> str:
        return "<bos>" + "".join(f"[{turn['role']}]{turn['content'].strip()}[end]" for turn in turns) + "[assistant]"


def write(path: Path, rows: object) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")  # type: ignore[call-overload]
    return path


def gsm8k(tmp_path: Path, **options: Any) -> Task:
    return make_task(f"gsm8k:{write(tmp_path / 'gsm8k.jsonl', GSM)}", **options)


def shown(task: Task, example: Example) -> tuple[Shot, ...]:
    assert task.dialogue is not None
    return task.dialogue.shots[example.id]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("count", [1, 5, 11])
def test_no_question_is_shown_with_its_own_answer(tmp_path: Path, order: str, count: int) -> None:
    task = gsm8k(tmp_path, shots=count, shots_order=order)
    for example in task.examples:
        shots = shown(task, example)
        assert len({shot.question for shot in shots}) == count
        assert example.question not in {shot.question for shot in shots}
        assert example.prompt.count(example.question) == 1
        assert f"#### {example.answer}\n" not in example.prompt


def test_a_question_that_another_row_repeats_is_not_shown_either(tmp_path: Path) -> None:
    rows = [*GSM[:3], {**GSM[0], "question": " what IS 0 +  1? "}, {**GSM[0], "question": "What is 0 + 1?"}]
    for order in ORDERS:
        task = make_task(f"gsm8k:{write(tmp_path / 'r.jsonl', rows)}", shots=2, shots_order=order)
        for place in (0, 3, 4):
            assert {shot.question for shot in shown(task, task.examples[place])} == {"What is 1 + 1?", "What is 2 + 1?"}
    with pytest.raises(InvalidInput, match="3 shots are wanted, and only 2 other questions"):
        make_task(f"gsm8k:{write(tmp_path / 'r.jsonl', rows)}", shots=3)


def test_all_inputs_have_the_same_shots_but_for_those_that_are_shown(tmp_path: Path) -> None:
    task = gsm8k(tmp_path, shots=4)
    common = max((shown(task, e) for e in task.examples), key=[shown(task, e) for e in task.examples].count)
    asked = {shot.question for shot in common}
    for example in task.examples:
        own = shown(task, example)
        if example.question not in asked:
            assert own == common
        else:  # the others stay in their places, so that a beginning is shared; one more comes last
            assert own[:-1] == tuple(shot for shot in common if shot.question != example.question)
    assert shown(gsm8k(tmp_path, shots=4, limit=3), task.limit(3).examples[0]) == shown(task, task.limit(3).examples[0])
    assert gsm8k(tmp_path, shots=4) == task
    assert gsm8k(tmp_path, shots=4, shots_seed=1).fingerprint != task.fingerprint
    first = gsm8k(tmp_path, shots=2, shots_order="first")
    assert [shot.question for shot in shown(first, first.examples[5])] == ["What is 0 + 1?", "What is 1 + 1?"]
    assert [shot.question for shot in shown(first, first.examples[0])] == ["What is 1 + 1?", "What is 2 + 1?"]


@pytest.mark.parametrize("same_rows", [True, False])
def test_each_draws_as_the_sampler_of_lm_eval_does(same_rows: bool) -> None:
    pool = [Shot(f"p{n}", "a", f"q{n}") for n in range(30)]
    inputs = [Example(str(n), "p", "a", question=f"q{n if same_rows else n + 100}") for n in range(30)]
    generator = random.Random(1234)
    expected = []
    for example in inputs:  # ContextSampler.sample of lm_eval/api/samplers.py
        drawn = generator.sample(pool, 5 + same_rows)
        expected.append(tuple([shot for shot in drawn if shot.question != example.question][:5]))
    assert choose_shots(pool, inputs, 5, order="each", seed=1234, same_rows=same_rows) == expected


def test_the_text_is_that_of_lm_eval(tmp_path: Path) -> None:
    task = gsm8k(tmp_path, shots=1, shots_order="first")
    assert task.examples[1].prompt == (
        "Question: What is 0 + 1?\nAnswer: It is <<0+1>>.\n#### 1\n\nQuestion: What is 1 + 1?\nAnswer:"
    )
    assert (task.stop, task.max_new_tokens) == (("Question:", "</s>", "<|im_end|>"), 256)
    assert gsm8k(tmp_path).description["shots"] == 5
    plain = gsm8k(tmp_path, prompt="cola")
    assert (plain.stop, plain.examples[1].prompt) == ((), "Question: What is 1 + 1?\nAnswer:")
    arc = make_task(f"arc-easy:{write(tmp_path / 'arc.jsonl', ARC)}", shots=1, shots_order="first")
    assert arc.examples[3].prompt == "Question: Which is 0?\nAnswer: 0\n\nQuestion: Which is 3?\nAnswer:"
    letter = make_task(f"arc-easy:{tmp_path / 'arc.jsonl'}", shots=1, shots_order="first", scoring="letter")
    assert letter.examples[3].prompt.startswith("Question: Which is 0?\nA. 0\nB. 1\nC. 2\nD. 3\nAnswer: A\n\nQuestion:")
    with pytest.raises(InvalidInput, match="The task 'svamp' has no prompt of lm-evaluation-harness"):
        make_task(f"svamp:{tmp_path / 'arc.jsonl'}", prompt="lm-eval")


def test_shots_come_from_a_file_of_the_same_format_or_another(tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", [{"question": "And 7 + 7?", "answer": "#### 14"}])
    task = gsm8k(tmp_path, shots_from=str(train), shots=1)
    assert all(e.prompt.startswith("Question: And 7 + 7?\nAnswer: #### 14\n\nQuestion: ") for e in task.examples)
    assert (task.description["shots_from"], task.description["shots"]) == ("train.jsonl", 1)
    own = write(tmp_path / "own.jsonl", [{"question": "Two?", "answer": "2", "solution": "One and one: 2"}])
    task = gsm8k(tmp_path, shots_from=f"jsonl:{own}", shots=1)
    assert task.examples[0].prompt.startswith("Question: Two?\nAnswer: One and one: 2\n\n")
    path = write(tmp_path / "arc.jsonl", ARC)
    few = write(tmp_path / "few.jsonl", [{**ARC[0], "question": f"And {n}?"} for n in range(3)])
    assert make_task(f"arc-easy:{path}", shots_from=str(few)).description["shots"] == 3, "all that the file has"
    with pytest.raises(InvalidInput, match="12 shots are wanted, and only 11 other questions"):
        make_task(f"arc-easy:{path}", shots_from=str(path))


def test_gold_and_control_have_the_same_shots(tmp_path: Path) -> None:
    for task in (gsm8k(tmp_path, shots=3, shots_order="each"), make_task("nano", limit=5, shots=2)):
        for example, candidates in zip(task.examples, wrong_candidates(task, task.examples, 0), strict=True):
            assert candidates
            for wrong in candidates:
                assert wrong.answer != example.answer
                assert request(task, wrong, CHAIN).prompt == request(task, example, CHAIN).prompt


def test_only_the_questions_own_options_move(tmp_path: Path) -> None:
    path = write(tmp_path / "arc.jsonl", ARC[:2])
    task = make_task(f"arc-easy:{path}", shots=1, scoring="letter")
    still, moved = task.examples[0].prompt, task.rotated(1).examples[0].prompt
    before, _, own = still.rpartition("Question:")
    assert moved == before + "Question:" + own.replace("A. 0\nB. 1\nC. 2\nD. 3", "A. 1\nB. 2\nC. 3\nD. 0")
    assert "B. 2" in before, "the shot lists options that the question has, too"


def test_a_conversation_has_a_turn_for_each_shot_or_one_for_all(tmp_path: Path) -> None:
    options: dict[str, Any] = {"shots": 1, "shots_order": "first", "chat": "on", "system": "Be brief."}
    task = gsm8k(tmp_path, **options).for_model(Tags())
    assert task.examples[1].prompt == (
        "<bos>[system]Be brief.[end][user]Question: What is 0 + 1?\nAnswer:[end][assistant]It is <<0+1>>.\n#### 1[end]"
        "[user]Question: What is 1 + 1?\nAnswer:[end][assistant]"
    )
    text = gsm8k(tmp_path, **options, shots_as="text").for_model(Tags())
    assert text.examples[1].prompt == (
        "<bos>[system]Be brief.[end][user]Question: What is 0 + 1?\nAnswer: It is <<0+1>>.\n#### 1\n\n"
        "Question: What is 1 + 1?\nAnswer:[end][assistant]"
    )
    assert (
        gsm8k(tmp_path, **options | {"chat": "off"}).examples[1].prompt.startswith("Be brief.\n\nQuestion: What is 0")
    )
    assert task.for_model(Tags()) is task, "a conversation isn't put into another one"


def test_options_follow_a_template_without_a_space(tmp_path: Path) -> None:
    path = write(tmp_path / "arc.jsonl", ARC)
    plain = make_task(f"arc-easy:{path}")
    assert plain.continuations(plain.examples[0]) == (" 0", " 1", " 2", " 3")
    assert plain.for_model(Tags()).examples == plain.examples, "auto leaves options as lm-eval scores them"
    asked = make_task(f"arc-easy:{path}", chat="on").for_model(Tags())
    assert asked.continuations(asked.examples[0]) == ("0", "1", "2", "3")
    assert asked.fingerprint != plain.fingerprint


def test_auto_is_on_for_own_questions_in_free_text_only(tmp_path: Path) -> None:
    asked = write(tmp_path / "q.jsonl", [{"question": "Where?", "answer": "there"}])
    ready = write(tmp_path / "p.jsonl", [{"prompt": "Where?", "answer": "there"}])
    is_on = {
        f"jsonl:{asked}": True,
        f"jsonl:{ready}": False,
        f"gsm8k:{write(tmp_path / 'g.jsonl', GSM)}": False,
        "nano": False,
    }
    for spec, expected in is_on.items():
        assert make_task(spec).for_model(Tags()).chat is expected, spec
        assert make_task(spec).for_model(None).chat is False
        assert make_task(spec, chat="on").for_model(Tags()).chat
    assert not make_task(f"jsonl:{asked}", scoring="verbatim").for_model(Tags()).chat
    with pytest.raises(InvalidInput, match="--chat on needs a chat template"):
        make_task("nano", chat="on").for_model(None)
    for wrong in ({"chat": "maybe"}, {"shots_as": "song"}, {"shots": 1, "shots_order": "last"}, {"shots": -1}):
        with pytest.raises(InvalidInput):
            make_task("nano", **wrong)


def test_stop_strings_are_for_text_that_is_judged(tmp_path: Path) -> None:
    assert gsm8k(tmp_path, stop=["\n\n"]).stop == ("\n\n",)
    assert gsm8k(tmp_path, stop=[]).stop == ()
    assert gsm8k(tmp_path, scoring="verbatim").stop == ()
    assert gsm8k(tmp_path, stop=["x"]).fingerprint != gsm8k(tmp_path).fingerprint
    for options in ({"scoring": "verbatim", "stop": ["x"]}, {"stop": [""]}):
        with pytest.raises(InvalidInput, match="don't go with the scoring"):
            gsm8k(tmp_path, **options)


def test_what_needs_nothing_is_as_it_was() -> None:
    task = make_task("nano", limit=5)
    bare = Task(task.name, task.examples, task.scoring, task.max_new_tokens, task.prompt_template, task.metric)
    assert task.for_model(Tags()).fingerprint == task.fingerprint == bare.fingerprint
    assert Dialogue().as_text("x", "1+1=") == "1+1="
