"""What is sent is shown before a run, kept in run.json, and is what the engine gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from skiploop import InvalidInput, LayeredModel, load_study, search
from skiploop.analysis.subject import study_task
from skiploop.cli.main import app
from skiploop.studies.evaluation import shown_request
from skiploop.studies.execution import Execution
from skiploop.studies.prompt_example import prompt_example, shown_lines
from skiploop.tasks import make_task
from skiploop.testing.fakes import FakeModel, FakeRunner

GSM = [{"question": f"L{n % 5 + 1} What is {n} + 1?", "answer": f"#### {n + 1}"} for n in range(8)]


class Roomy(FakeModel):
    context_length = None


class Chatty(Roomy):
    class chat:  # noqa: N801
        @staticmethod
        def render(turns: list[dict[str, str]]) -> str:
            return "".join(f"<{turn['role']}>{turn['content']}" for turn in turns) + "<assistant>"


@pytest.fixture
def gsm8k(tmp_path: Path) -> str:
    path = tmp_path / "gsm8k.jsonl"
    path.write_text("\n".join(map(json.dumps, GSM)), encoding="utf-8")
    return f"gsm8k:{path}"


def call(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_what_is_kept_is_what_is_sent(gsm8k: str, tmp_path: Path) -> None:
    runner = FakeRunner()
    study = search(
        Chatty(),
        gsm8k,
        out=tmp_path / "run",
        execution=Execution(runner),
        budget=3,
        shots=2,
        chat="on",
        system="Be brief.",
        stop=("x",),
    )
    shown = study.run["prompt_example"]
    sent = {request.prompt for request in runner.calls[0]}
    assert shown["prompt"] in sent and shown["chat"] and shown["tokens"] == len(shown["prompt"])
    assert shown["prompt"].startswith("<system>Be brief.<user>Question: ")
    assert {request.stop for calls in runner.calls for request in calls if request.max_new_tokens} == {("x",)}
    assert study.run["task"]["description"]["shots"] == 2 and study.run["task"]["stop"] == ["x"]
    assert shown["judged"] == "a text of at most 256 tokens, up to 'x'; its final answer is compared by numeric"
    again = study_task(load_study(study.out))
    assert (again.stop, again.chat) == (("x",), True)
    assert {shown_request(again, e, runner.calls[0][0].chain).prompt for e in again.examples} == sent


def test_another_prompt_is_another_study(gsm8k: str, tmp_path: Path) -> None:
    def run(**options: Any) -> None:
        search(Chatty(), gsm8k, out=tmp_path / "run", execution=Execution(FakeRunner()), budget=2, shots=2, **options)

    run()
    run()
    for options in ({"chat": "on"}, {"stop": ("y",)}, {"system": "z"}, {"shots_seed": 7}):
        with pytest.raises(InvalidInput, match="holds another study"):
            run(**options)
    with pytest.raises(InvalidInput, match="shots can't be changed of a task that is made"):
        search(Chatty(), make_task(gsm8k, shots=2), out=tmp_path / "other", execution=Execution(FakeRunner()), shots=3)


def test_gold_and_control_are_asked_with_the_same_shots(gsm8k: str, tmp_path: Path) -> None:
    runner = FakeRunner()
    options: dict[str, Any] = {"shots": 3, "shots_order": "each", "scoring": "verbatim"}
    study = search(Roomy(), gsm8k, out=tmp_path / "run", execution=Execution(runner), budget=6, **options)
    own = {example["prompt"] for example in (result.example for result in study.inputs)}
    assert any("control" in result.arms for result in study.inputs)
    expected = {(request.prompt, request.expected) for calls in runner.calls for request in calls if request.expected}
    assert {prompt for prompt, _ in expected} <= own
    assert any(sum(prompt == each for prompt, _ in expected) > 1 for each in own), "gold and control"


def test_options_and_letters_and_exact_texts_are_explained() -> None:
    model = LayeredModel.from_pretrained("nano")
    shown = prompt_example(make_task("nano", limit=1), model)
    assert shown["in_front"] == ["<bos>"] and shown["tokens"] == len(model.encode(shown["prompt"]))
    assert shown_lines(shown)[2] == "<bos>" + shown["prompt"]
    assert "character by character" in shown_lines(shown)[-1]


def test_show_prompt_prints_it_and_runs_nothing(gsm8k: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("--task", gsm8k, "--shots", 1, "--shots-order", "first", "--show-prompt")
    for command in ("search", "evaluate", "study"):
        done = call(command, *words)
        assert done.exit_code == 0, done.output
        assert "<bos>Question: L" in done.stdout and "up to 'Question:'" in done.stdout
        assert "#### 1\n\nQuestion: " in done.stdout or "#### 2\n\nQuestion: " in done.stdout
    found = json.loads(call("search", *words, "--stop", r"\n\n", "--stop", "Q", "--json").stdout)
    assert r"up to '\n\n' or 'Q'" in found["judged"]
    assert "up to" not in json.loads(call("search", *words, "--stop", "", "--json").stdout)["judged"]
    options = json.loads(call("search", *words, "--prompt", "cola", "--shots", 0, "--json").stdout)
    assert options["prompt"].startswith("Question: L")
    assert not (tmp_path / "runs").exists()


def test_generate_asks_in_the_template_and_stops() -> None:
    done = call("generate", "calc:153+1=", "--stop", "5", "--json")
    assert json.loads(done.stdout)["outputs"] == [{"prompt": "calc:153+1=", "text": "1"}]
    shown = json.loads(call("generate", "153", "--system", "Add.", "--show-prompt", "--json").stdout)
    assert shown["prompts"] == [
        {"prompt": "Add.\n\n153", "tokens": len(LayeredModel.from_pretrained("nano").encode("Add.\n\n153"))}
    ]
    assert call("generate", "1", "--chat", "on").exit_code == 2
