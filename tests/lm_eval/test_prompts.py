"""Prompts of our tasks are those of lm-evaluation-harness: its own task files, on the same rows, text by text."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lm_eval", reason="needs skiploop[eval]")

import yaml
from lm_eval.api.task import ConfigurableTask

import lm_eval
from skiploop import LayeredModel
from skiploop.models.chat import ChatTemplate
from skiploop.tasks import Task, make_task
from skiploop.tasks.sources.formats import FORMATS, styled

Rows = list[dict[str, Any]]
HERE = Path(lm_eval.__file__).parent / "tasks"
CHOICES = {"label": list("ABCDE"), "text": ["in a desk", "at sea", "above", "a b", "sun"]}
ROWS: dict[str, Callable[[int], dict[str, Any]]] = {
    "arc-easy": lambda n: {"question": f"Which is {n}?", "choices": CHOICES, "answerKey": "ABCDE"[n % 5]},
    "arc-challenge": lambda n: {"question": f"Which is {n}?", "choices": CHOICES, "answerKey": "ABCDE"[n % 5]},
    "commonsenseqa": lambda n: {"question": f"Where is {n}?", "choices": CHOICES, "answerKey": "ABCDE"[n % 5]},
    "gsm8k": lambda n: {"question": f"What is {n} + 1?\nSay it.", "answer": f"It is <<{n}+1>>.\n#### {n + 1}"},
    "math": lambda n: {"problem": f"What is ${n}+1$?", "solution": f"It is $\\boxed{{{n + 1}}}$.", "level": "Level 1",
                       "type": "Algebra"},
    "math-500": lambda n: {"problem": f"What is ${n}+1$?", "solution": f"It is $\\boxed{{{n + 1}}}$.", "level": 1,
                           "subject": "Algebra", "answer": str(n + 1), "unique_id": str(n)},
}  # fmt: skip


def theirs(name: str, folder: Path, rows: Rows, shown: Rows | None) -> ConfigurableTask:
    """The harness's task from its own file, on these rows in place of the hub's; shots from `shown`, else the same."""
    data = {}
    for split, own in {"test": rows, "train": rows if shown is None else shown}.items():
        path = folder / f"{name}-{split}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in own), encoding="utf-8")
        data[split] = str(path)
    file = HERE / FORMATS[name].lm_eval
    config: dict[str, Any] = {}
    while True:  # what a file includes comes first
        text = file.read_text().replace("!function utils.process_docs", "null").replace("!function ", "")
        config = yaml.safe_load(text) | config
        if "include" not in config:
            break
        file = file.parent / config.pop("include")
    config |= {"dataset_path": "json", "dataset_name": None, "dataset_kwargs": {"data_files": data}, "tag": None}
    config |= {"training_split": "train", "validation_split": None, "test_split": "test"}
    config |= {"fewshot_split": "test" if shown is None else "train", "process_results": None, "process_docs": None}
    if name == "math":  # process_docs writes the boxed answer into the row
        config["doc_to_target"] = "{{solution.split('boxed{')[1].split('}')[0]}}"
    return ConfigurableTask(config=config)


def their_prompts(task: ConfigurableTask, shots: int, **chat: Any) -> list[str]:
    task.set_fewshot_seed(1234)
    return [task.fewshot_context(doc, shots, **chat) for doc in task.test_docs()]


@pytest.mark.parametrize("name", ["arc-easy", "arc-challenge", "commonsenseqa"])
def test_the_metric_that_decides_is_the_first_of_theirs(name: str, tmp_path: Path) -> None:
    rows = [ROWS[name](n) for n in range(3)]
    first = theirs(name, tmp_path, rows, None).config.metric_list[0]["metric"]
    assert make_task(f"{name}:{tmp_path / f'{name}-test.jsonl'}").metric == first


def prompts(task: Task) -> list[str]:
    return [example.prompt for example in task.examples]


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("own", [True, False], ids=["own rows", "training rows"])
def test_the_text_and_the_shots_of_every_task_are_theirs(name: str, own: bool, tmp_path: Path) -> None:
    rows = [ROWS[name](n) for n in range(9)]
    shown = None if own else [ROWS[name](n) for n in range(20, 40)]
    harness = theirs(name, tmp_path, rows, shown)
    options = {} if own else {"shots_from": str(tmp_path / f"{name}-train.jsonl")}
    for shots in (0, 3):
        task = make_task(f"{name}:{tmp_path / f'{name}-test.jsonl'}", shots=shots, shots_order="each", **options)
        assert prompts(task) == their_prompts(harness, shots)
        if task.scores_options:
            for example, doc in zip(task.examples, harness.test_docs(), strict=True):
                theirs_ = [each.args[1] for each in harness.construct_requests(doc, "x", metadata=(name, 0, 1))]
                assert list(task.continuations(example)) == theirs_
                assert example.gold == "ABCDE".index(doc["answerKey"])


@pytest.mark.parametrize("name", ROWS)
def test_the_defaults_are_theirs(name: str, tmp_path: Path) -> None:
    form, config = styled(name, None), theirs(name, tmp_path, [ROWS[name](n) for n in range(3)], None).config
    assert form.shots == (config.num_fewshot or 0)
    assert (form.scoring in ("choice", "letter")) == (config.output_type == "multiple_choice")
    if config.output_type == "generate_until":
        assert form.stop == tuple(config.generation_kwargs["until"])
        assert form.max_new_tokens == config.generation_kwargs.get("max_gen_toks", 256), "256: of its HFLM"


@pytest.mark.parametrize("shots_as", ["turns", "text"])
@pytest.mark.parametrize("name", ["arc-easy", "gsm8k"])
def test_conversations_are_theirs(name: str, shots_as: str, tmp_path: Path) -> None:
    model = LayeredModel.from_pretrained("nano")
    model.tokenizer.chat_template = (
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}<end>{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    harness = theirs(name, tmp_path, [ROWS[name](n) for n in range(9)], None)
    _same_conversations(harness, f"{name}:{tmp_path / f'{name}-test.jsonl'}", model, shots_as)


def _same_conversations(harness: ConfigurableTask, spec: str, model: LayeredModel, shots_as: str) -> None:
    def render(turns: Sequence[Mapping[str, str]], add_generation_prompt: bool = True) -> str:
        """As HFLM.apply_chat_template."""
        text: str = model.tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=add_generation_prompt,
            continue_final_message=not add_generation_prompt,
        )  # fmt: skip
        return text

    chat = {"apply_chat_template": True, "fewshot_as_multiturn": shots_as == "turns", "chat_template": render}
    options = {"shots": 3, "shots_order": "each", "chat": "on", "shots_as": shots_as}
    task = make_task(spec, system="Be brief.", **options).for_model(model.chat)
    assert prompts(task) == their_prompts(harness, 3, system_instruction="Be brief.", **chat)
    assert isinstance(model.chat, ChatTemplate)
    if task.scores_options:
        doc = next(iter(harness.test_docs()))
        requests = harness.construct_requests(doc, "x", metadata=("x", 0, 1), apply_chat_template=True)
        assert list(task.continuations(task.examples[0])) == [each.args[1] for each in requests]


@pytest.mark.skipif(
    not {"SMOLLM2", "BENCHMARK_DATA"} <= set(os.environ),
    reason="set SMOLLM2 to the model's folder and BENCHMARK_DATA to one with arc_easy_test.jsonl and gsm8k_test.jsonl",
)
@pytest.mark.parametrize(("name", "file"), [("arc-easy", "arc_easy_test.jsonl"), ("gsm8k", "gsm8k_test.jsonl")])
def test_real_rows_and_a_real_template(name: str, file: str, tmp_path: Path) -> None:
    lines = (Path(os.environ["BENCHMARK_DATA"]) / file).read_text(encoding="utf-8").splitlines()
    harness = theirs(name, tmp_path, [json.loads(line) for line in lines[:100]], None)
    spec = f"{name}:{tmp_path / f'{name}-test.jsonl'}"
    assert prompts(make_task(spec, shots=5, shots_order="each")) == their_prompts(harness, 5)
    model = LayeredModel.from_pretrained(os.environ["SMOLLM2"])
    for shots_as in ("turns", "text"):
        _same_conversations(harness, spec, model, shots_as)
