"""make_task: formats, prompts, and errors that say where and what."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from skiploop.errors import InvalidInput
from skiploop.tasks import Task, TaskOptions, make_task
from skiploop.tasks.sources import named
from skiploop.tasks.sources.rows import parse_text

ARC = [
    {
        "id": "a1",
        "question": "Which is warm?",
        "choices": {"text": ["ice", "sun", "snow"], "label": ["A", "B", "C"]},
        "answerKey": "B",
    },
    {
        "id": "a2",
        "question": "Which is cold?",
        "choices": {"text": ["ice", "sun", "fire", "lava"], "label": ["1", "2", "3", "4"]},
        "answerKey": "1",
    },
]
GSM8K = [{"question": "How much?", "answer": "It is 5*5=<<5*5=25>>25 and 1,450,000-25.\n#### 1,450,000"}]
MATH = [
    {
        "problem": "Find x.",
        "level": "Level 3",
        "type": "Algebra",
        "solution": "$\\boxed{5}$, no, $\\boxed{\\frac{1}{2}}$.",
    },
    {
        "problem": "Find y.",
        "level": "Level ?",
        "type": "Geometry",
        "solution": "It is $\\boxed{(4,\\sqrt{5})}$.",
    },
    {
        "problem": "Find z.",
        "level": 5,
        "subject": "Algebra",
        "solution": "",
        "answer": "32,\\!760",
        "unique_id": "u",
    },
]
SVAMP = [
    {
        "ID": "c1",
        "Body": "Each pack costs 76 dollars",
        "Question": "How much?",
        "Answer": 51.0,
        "Type": "Subtraction",
    },
    {"ID": "c2", "Body": "He has 3.", "Question": "How many?", "Answer": 2.5, "Type": "Common-Divison"},
]
FORMATS = {"arc-easy": ARC, "arc-challenge": ARC, "gsm8k": GSM8K, "math": MATH, "svamp": SVAMP}


def write(tmp_path: Path, rows: Sequence[object] | str, name: str = "data.jsonl") -> str:
    """Write rows as JSONL, or text as it is, and return the path."""
    path = tmp_path / name
    text = rows if isinstance(rows, str) else "\n".join(map(json.dumps, rows)) + "\n"
    path.write_text(text, encoding="utf-8")
    return str(path)


def jsonl(tmp_path: Path, *rows: object, **options: Any) -> Task:
    """The task of these rows."""
    return make_task(f"jsonl:{write(tmp_path, rows)}", **options)


def test_arc(tmp_path: Path) -> None:
    task = make_task(f"arc-easy:{write(tmp_path, ARC)}")
    first, second = task.examples
    assert task.scoring == "choice"
    assert first.prompt == "Question: Which is warm?\nAnswer:"
    assert task.continuations(first) == (" ice", " sun", " snow")
    assert (first.answer, first.gold, second.gold, first.family) == ("sun", 1, 0, "arc-easy")
    assert task.judge_scores(first, task.option_scores(first, [-9.0, -1.0, -9.0], [1, 1, 1])).reward == 1.0
    assert task.judge_scores(first, task.option_scores(first, [-1.0, -9.0, -9.0], [1, 1, 1])).reward == 0.0


def test_arc_by_letter_shows_the_options(tmp_path: Path) -> None:
    task = make_task(f"arc-challenge:{write(tmp_path, ARC)}", scoring="letter")
    first, second = task.examples
    assert first.prompt == "Question: Which is warm?\nA. ice\nB. sun\nC. snow\nAnswer:"
    assert task.continuations(second) == (" A", " B", " C", " D")
    assert (first.answer, second.answer) == ("B", "A")
    turned = make_task(f"arc-challenge:{write(tmp_path, ARC)}", scoring="letter", rotate=1).examples[0]
    assert turned.prompt == "Question: Which is warm?\nA. sun\nB. snow\nC. ice\nAnswer:"
    assert turned.answer == "A"


def test_gsm8k(tmp_path: Path) -> None:
    task = make_task(f"gsm8k:{write(tmp_path, GSM8K)}", shots=0)
    (example,) = task.examples
    assert (example.answer, task.scoring, example.id) == ("1450000", "numeric", "gsm8k-0")
    assert task.judge_text(example, GSM8K[0]["answer"]).reward == 1.0
    assert task.judge_text(example, "#### 25").reward == 0.0


def test_math(tmp_path: Path) -> None:
    task = make_task(f"math:{write(tmp_path, MATH)}")
    assert [e.answer for e in task.examples] == ["1/2", "(4,\\sqrt{5})", "32760"]
    assert [e.level for e in task.examples] == [3, None, 5]
    assert [e.id for e in task.examples] == ["math-0", "math-1", "u"]
    assert task.families == ("Algebra", "Geometry")
    assert task.judge_text(task.examples[0], "So it's 0.5.").reward == 1.0
    assert task.judge_text(task.examples[1], "$(4, \\sqrt5)$").reward == 1.0
    assert task.judge_text(task.examples[1], "$(4, 5)$").reward == 0.0


def test_svamp(tmp_path: Path) -> None:
    task = make_task(f"svamp:{write(tmp_path, json.dumps(SVAMP, indent=2), 'svamp.json')}")
    assert [e.answer for e in task.examples] == ["51", "2.5"]
    assert task.examples[0].question == "Each pack costs 76 dollars. How much?"
    assert task.examples[1].question == "He has 3. How many?"
    assert task.families == ("Common-Division", "Subtraction")


@pytest.mark.parametrize("name", FORMATS)
def test_gold_answers_are_right_and_those_of_others_wrong(name: str, tmp_path: Path) -> None:
    scoring = None if name in ("math", "gsm8k") else "exact"
    task = make_task(f"{name}:{write(tmp_path, FORMATS[name])}", scoring=scoring, shots=0)
    for example in task.examples:
        assert task.judge_text(example, example.answer).reward == 1.0
        assert task.judge_text(example, "99999").reward == 0.0


def test_own_prompts_are_used_as_they_are(tmp_path: Path) -> None:
    task = jsonl(tmp_path, {"prompt": "1+1=", "answer": 2}, {"prompt": "2+1=", "answer": 3.0, "id": 7, "level": 2})
    assert [e.prompt for e in task.examples] == ["1+1=", "2+1="]
    assert [e.answer for e in task.examples] == ["2", "3"]
    assert [e.id for e in task.examples] == ["data-0", "7"]
    assert (task.scoring, task.levels, task.prompt_template) == ("numeric", (2,), "{question}")


def test_own_questions_get_the_template(tmp_path: Path) -> None:
    task = jsonl(tmp_path, {"question": "Capital of {x}?", "answer": "Paris"})
    assert task.examples[0].prompt == "Question: Capital of {x}?\nAnswer:"
    assert task.scoring == "exact"
    task = jsonl(tmp_path, {"question": "Capital?", "answer": "Paris"}, prompt="{{Q}} {question} ->")
    assert task.examples[0].prompt == "{Q} Capital? ->"
    task = jsonl(tmp_path, {"prompt": "Capital?", "answer": "Paris"}, prompt="Q {question}:")
    assert task.examples[0].prompt == "Q Capital?:"


@pytest.mark.parametrize("answer", [1, "B", "owl"])
def test_own_choices_take_index_letter_or_text(answer: object, tmp_path: Path) -> None:
    row = {"question": "Which?", "choices": ["cat", "owl"], "answer": answer}
    task = jsonl(tmp_path, row)
    assert (task.scoring, task.examples[0].gold, task.examples[0].answer) == ("choice", 1, "owl")
    assert jsonl(tmp_path, row, scoring="letter").examples[0].answer == "B"
    assert jsonl(tmp_path, row, scoring="exact").examples[0].prompt == "Question: Which?\nA. cat\nB. owl\nAnswer:"


def test_an_ambiguous_answer_needs_gold(tmp_path: Path) -> None:
    row = {"question": "Which?", "choices": ["B", "A"], "answer": "A"}
    with pytest.raises(InvalidInput, match=r"can mean option 0 or 1 .*add a field 'gold'"):
        jsonl(tmp_path, row)
    assert jsonl(tmp_path, row | {"gold": 1}).examples[0].gold == 1
    with pytest.raises(InvalidInput, match="but gold is 2"):
        jsonl(tmp_path, row | {"gold": 2})
    with pytest.raises(InvalidInput, match="can mean option 0 or 1"):
        jsonl(tmp_path, {"question": "Which?", "choices": [1, 0], "answer": 1})


GOOD = {"prompt": "p", "answer": "a"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"prompt": "p", "answer": ', r"bad JSON: Expecting value at column 27"),
        ("[1, 2]", r"expected an object .* found list \[1, 2\]"),
        ('"text"', r"expected an object"),
        ('{"prompt": "p"}', r"missing field 'answer'; fields found: 'prompt'"),
        (
            '{"answer": "a", "text": "t"}',
            r"missing field 'question' or 'prompt'; fields found: 'answer', 'text'",
        ),
        ('{"prompt": "p", "answer": null}', r"missing field 'answer'"),
        ('{"prompt": "  ", "answer": "a"}', r"field 'prompt' is empty"),
        ('{"prompt": "\\ud800", "answer": "a"}', r"half of a surrogate pair"),
        ("[" * 100_000, r"bad JSON: .*recursion"),
        ('{"prompt": 5, "answer": "a"}', r"field 'prompt' must be a text, found int 5"),
        ('{"prompt": "p", "answer": ""}', r"field 'answer' is empty"),
        ('{"prompt": "p", "answer": ["a"]}', r"field 'answer' must be a text or a number, found list"),
        ('{"prompt": "p", "answer": true}', r"found bool True"),
        ('{"prompt": "p", "answer": NaN}', r"not a finite number"),
        (
            '{"prompt": "p", "answer": "a", "level": "hard"}',
            r"field 'level' must be an integer, found 'hard'",
        ),
        ('{"prompt": "p", "answer": "a", "level": 1.5}', r"field 'level' must be an integer"),
        (
            '{"prompt": "q", "answer": "a", "id": "first"}',
            r"id 'first' was used before \(data.jsonl, line 1\)",
        ),
        (
            '{"question": "q", "choices": ["x", "y"], "answer": "z"}',
            r"isn't among the choices .* \(A to B\) .* \(0 to 1\)",
        ),
        ('{"question": "q", "choices": ["x", "y"], "answer": 2}', r"'2' isn't among the choices"),
        ('{"question": "q", "choices": ["x", "y"], "answer": true}', r"found bool True"),
        ('{"question": "q", "choices": ["x"], "answer": "x"}', r"list of two or more options"),
        ('{"question": "q", "choices": "xy", "answer": "x"}', r"list of two or more options"),
        ('{"question": "q", "choices": ["x", "x"], "answer": "x"}', r"occurs twice"),
        ('{"question": "q", "choices": ["x", " "], "answer": "x"}', r"not empty"),
        (
            '{"question": "q", "choices": ["x", "y"], "answer": "x", "gold": "0"}',
            r"'gold' must be an integer",
        ),
        (json.dumps({"question": "q", "choices": [*range(27)], "answer": 0}), r"27 choices; at most 26"),
    ],
)
def test_a_malformed_line_is_named(line: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps(GOOD | {"id": "first"}) + "\n\n" + line + "\n")
    with pytest.raises(InvalidInput, match=rf"data\.jsonl, line 3: .*{message}"):
        make_task(f"jsonl:{path}")


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("arc-easy", {**ARC[0], "answerKey": "D"}, "answerKey 'D' isn't one of the labels A, B, C"),
        ("arc-easy", {**ARC[0], "choices": ["x", "y"]}, "must be an object with the lists"),
        (
            "arc-easy",
            {**ARC[0], "choices": {"text": ["x", "y"], "label": ["A"]}},
            "2 choices have the labels",
        ),
        ("arc-easy", {"question": "q"}, "missing field 'choices'"),
        ("gsm8k", {"question": "q", "answer": "It is 5."}, "must end in '#### NUMBER', found 'It is 5.'"),
        ("gsm8k", {"question": "q", "answer": "#### five"}, "must end in '#### NUMBER'"),
        ("math", {**MATH[0], "solution": "It is \\boxed{5"}, "no .boxed"),
        ("math", {**MATH[0], "level": "hard"}, "'level' must be an integer"),
        ("math", {"problem": "p", "solution": "\\boxed{1}"}, "missing field 'type' or 'subject'"),
        ("svamp", {**SVAMP[0], "Answer": "many"}, "isn't a number"),
    ],
)
def test_a_row_of_another_format_is_named(name: str, row: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=rf"data\.jsonl, line 1: .*{message}"):
        make_task(f"{name}:{write(tmp_path, [row])}")


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"There is no file .*none\.jsonl"):
        make_task(f"jsonl:{tmp_path / 'none.jsonl'}")
    with pytest.raises(InvalidInput, match="is a folder"):
        make_task(f"jsonl:{tmp_path}")
    for text in ("", "\n \n", "[]"):
        with pytest.raises(InvalidInput, match=r"'data\.jsonl' is empty"):
            make_task(f"jsonl:{write(tmp_path, text)}")
    with pytest.raises(InvalidInput, match=r"data\.json, line 2: bad JSON"):
        make_task("jsonl:" + write(tmp_path, "[\n{]", "data.json"))
    with pytest.raises(InvalidInput, match=r"data\.json, item 2: expected an object"):
        make_task(f"jsonl:{write(tmp_path, json.dumps([GOOD, 5]), 'data.json')}")
    (tmp_path / "latin.jsonl").write_bytes(b'{"prompt": "p", "answer": "a"}\n{"prompt": "\xe9"}')
    with pytest.raises(InvalidInput, match=r"latin\.jsonl, line 2: not UTF-8"):
        make_task(f"jsonl:{tmp_path / 'latin.jsonl'}")


def test_odd_but_valid_files(tmp_path: Path) -> None:
    rows = '\ufeff{"prompt": "a\u2028b", "answer": "x"}\r\n\r\n{"prompt": "c", "answer": "y"}'
    assert [e.prompt for e in make_task(f"jsonl:{write(tmp_path, rows)}").examples] == ["a\u2028b", "c"]
    assert len(parse_text(json.dumps([GOOD, GOOD]), "x")) == 2


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "arc_easy",
            "Unknown task 'arc_easy'. Did you mean 'arc-easy'.*Known are: nano, arc-easy, .*jsonl:PATH",
        ),
        ("GSM8K", "Did you mean 'gsm8k'"),
        ("my.jsonl", "write 'jsonl:my.jsonl'"),
        ("", "Unknown task ''"),
        ("rg", "needs the name of a data set of reasoning-gym"),
        ("jsonl", "needs a file: jsonl:PATH"),
        ("jsonl:", "no path after the colon"),
        ("nano:x.jsonl", "'nano' takes no path"),
    ],
)
def test_unknown_specifications(spec: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make_task(spec)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("Solve this:", r"no \{question\}"),
        (
            "{question} {answer}",
            r"unknown field \{answer\}.*\{question\} and, for multiple choice, \{options\}",
        ),
        ("{question} in \\boxed{}", r"unknown field \{\}.*write \{\{ and \}\}"),
        ("{question.__class__}", "unknown field"),
        ("{question!r}", "unknown field"),
        ("{question:>5}", "unknown field"),
        ("{0}{question}", "unknown field"),
        ("{question", "malformed"),
        ("{question} {options}", "not every question"),
        ("@nowhere.txt", "'nowhere.txt' can't be read"),
    ],
)
def test_bad_templates(template: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=message):
        jsonl(tmp_path, GOOD, prompt=template)


def test_templates_from_files(tmp_path: Path) -> None:
    file = write(tmp_path, "Q: {question}\n{options}\n\nA:\n", "prompt.txt")
    row = {"question": "Which?", "choices": ["cat", "owl"], "answer": 0}
    assert jsonl(tmp_path, row, prompt=f"@{file}").examples[0].prompt == "Q: Which?\nA. cat\nB. owl\n\nA:"
    with pytest.raises(InvalidInput, match="'letter' needs a prompt that lists the options"):
        jsonl(tmp_path, row, prompt="{question}", scoring="letter")


def test_mixed_files(tmp_path: Path) -> None:
    rows = [
        {"question": "Which?", "choices": ["cat", "owl"], "answer": 0, "family": "pick"},
        {"question": "1+1?", "answer": "2", "family": "sum"},
    ]
    with pytest.raises(InvalidInput, match="choose a scoring"):
        jsonl(tmp_path, *rows)
    with pytest.raises(InvalidInput, match=r"others \(such as 'data-1'\) don't"):
        jsonl(tmp_path, *rows, scoring="exact")
    with pytest.raises(InvalidInput, match="needs two or more options"):
        jsonl(tmp_path, *rows, scoring="choice")
    assert jsonl(tmp_path, *rows, families=["pick"]).scoring == "choice"
    assert jsonl(tmp_path, *rows, families=["sum"]).scoring == "numeric"


def test_options_by_dataclass_or_keyword(tmp_path: Path) -> None:
    rows = [{"prompt": f"{i}", "answer": f"{i}", "level": i % 2} for i in range(10)]
    path = write(tmp_path, rows)
    options = TaskOptions(limit=4, seed=3, max_new_tokens=7, scoring="verbatim")
    task = make_task(f"jsonl:{path}", options)
    assert (len(task), task.max_new_tokens, task.verbatim) == (4, 7, True)
    assert task == make_task(f"jsonl:{path}", limit=4, seed=3, max_new_tokens=7, scoring="verbatim")
    assert make_task(f"jsonl:{path}", options, levels=[1]).levels == (1,)
    with pytest.raises(TypeError, match="level"):
        make_task(f"jsonl:{path}", level=1)
    with pytest.raises(InvalidInput, match="a file has no splits"):
        make_task(f"jsonl:{path}", split="test")
    with pytest.raises(InvalidInput, match="Unknown scoring 'bleu'"):
        make_task(f"jsonl:{path}", scoring="bleu")


NANO = [
    {"id": "sort-1-000", "family": "sort", "level": 1, "prompt": "sort:42,17=", "answer": "17,42"},
    {
        "id": "choice-2-000",
        "family": "choice",
        "level": 2,
        "prompt": "largest:A 12+30 B 45-11=",
        "answer": "A",
        "question": "largest",
        "choices": ["12+30", "45-11"],
        "gold": 0,
    },
]


def test_nano(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rows(split: str) -> list[Any]:
        return parse_text("\n".join(map(json.dumps, NANO)), f"nano/{split}.jsonl")

    monkeypatch.setattr(named, "_nano_rows", rows)
    task = make_task("nano")
    assert [e.prompt for e in task.examples] == [row["prompt"] for row in NANO]
    assert (task.verbatim, task.max_new_tokens) == (True, 9)
    assert all(task.judge_text(e, e.answer).reward == 1.0 for e in task.examples)
    assert not any(task.judge_text(e, e.answer + "0").reward for e in task.examples)
    letter = make_task("nano", families=["choice"], scoring="letter")
    assert letter.continuations(letter.examples[0]) == ("A", "B")
    (turned,) = make_task("nano", families=["choice"], rotate=1).examples
    assert (turned.prompt, turned.answer) == ("largest:A 45-11 B 12+30=", "B")


def test_nano_splits() -> None:
    with pytest.raises(InvalidInput, match="no split 'dev'; it has test, train"):
        make_task("nano", split="dev")


def test_the_hub_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def load_dataset(*args: object, **kwargs: object) -> list[dict[str, Any]]:
        calls.append((args, kwargs))
        return ARC

    fake_hub(monkeypatch, load_dataset)
    assert len(make_task("arc-challenge", split="validation")) == 2
    assert calls == [(("allenai/ai2_arc", "ARC-Challenge"), {"split": "validation"})]
    with pytest.raises(InvalidInput, match="no split 'dev'; allenai/ai2_arc has train, validation, test"):
        make_task("arc-easy", split="dev")
    fake_hub(monkeypatch, lambda *_, **__: [{"question": "q"}])
    with pytest.raises(InvalidInput, match=r"allenai/ai2_arc \(test\), row 1: missing field 'choices'"):
        make_task("arc-easy")


def fake_hub(monkeypatch: pytest.MonkeyPatch, load_dataset: Any) -> None:
    """Put a module `datasets` in place whose load_dataset is this function."""
    module = ModuleType("datasets")
    module.load_dataset = load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", module)


def test_without_network_or_package_a_file_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise ConnectionError("no route to host")

    fake_hub(monkeypatch, offline)
    with pytest.raises(InvalidInput, match=r"ConnectionError: no route.*a local JSON or JSONL file.*gsm8k:PATH"):
        make_task("gsm8k")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InvalidInput, match=r"pip install skiploop\[hub\].*gsm8k:PATH"):
        make_task("gsm8k")


def test_importing_tasks_imports_neither_torch_nor_datasets() -> None:
    code = "import sys, skiploop.tasks; print(sorted({'torch', 'datasets', 'transformers'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
