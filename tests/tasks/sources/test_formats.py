"""The formats of MATH-500, MMLU-Pro, CommonsenseQA, ASDiv and DART-Math, on rows of the documented shape."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from skiploop.errors import InvalidInput
from skiploop.tasks import make_task
from skiploop.tasks.sources.dart import read_difficulty
from tests.tasks.sources.test_files import DATA, FILES, published

MATH_500 = [
    {
        "problem": "What is $1+x$ squared?",
        "solution": "It is $\\boxed{1+2x+x^2}$.",
        "answer": "1+2x+x^2",
        "subject": "Algebra",
        "level": 2,
        "unique_id": "test/algebra/1.json",
    }
]
CSQA = [
    {
        "id": "c1",
        "question": "Where is a pen kept?",
        "question_concept": "pen",
        "choices": {"label": ["A", "B", "C", "D", "E"], "text": ["desk", "sea", "sky", "desk", "sun"]},
        "answerKey": "C",
    }
]
MMLU_PRO = [
    {
        "question_id": 70,
        "question": "Which is ten?",
        "options": ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"],
        "answer": "J",
        "answer_index": 9,
        "cot_content": "",
        "category": "math",
        "src": "made up",
    },
    {
        "question_id": 71,
        "question": "Which is two?",
        "options": ["1", "1", "2", "N/A", "N/A"],
        "answer": "C",
        "answer_index": 2,
        "cot_content": "",
        "category": "math",
        "src": "made up",
    },
]
ASDIV = [
    {
        "body": "Seven red apples and two green ones are in a basket.",
        "question": "How many apples?",
        "solution_type": "Addition",
        "answer": "9 (apples)",
        "formula": "7+2=9",
    },
    {
        "body": "There are 4 hens and 2 cows.",
        "question": "How many legs and heads?",
        "solution_type": "System",
        "answer": "16 (legs); 6 (heads)",
        "formula": "",
    },
]
ASDIV_XML = """<?xml version="1.0" encoding="UTF-8"?>
<Machine-Reading-Corpus-File><ProblemSet>
<Problem ID="nluds-0001" Grade="3" Source="http://example.org">
<Body>Tom &amp; Ann have $3.</Body><Question>How much is half?</Question>
<Solution-Type>Common-Division</Solution-Type><Answer>1.5 (dollars)</Answer><Formula>3/2=1.5</Formula>
</Problem></ProblemSet></Machine-Reading-Corpus-File>
"""


def write(path: Path, rows: object) -> Path:
    path.write_text(rows if isinstance(rows, str) else json.dumps(rows), encoding="utf-8")
    return path


def test_math_500(tmp_path: Path) -> None:
    task = make_task(f"math-500:{write(tmp_path / 'm.json', MATH_500)}")
    (example,) = task.examples
    assert (example.id, example.level, example.family, task.scoring) == ("test/algebra/1.json", 2, "Algebra", "math")
    assert task.judge_text(example, "$\\boxed{1+2x+x^2}$").reward == 1.0
    assert task.judge_text(example, "$\\boxed{1+2x}$").reward == 0.0


def test_commonsenseqa_shows_a_repeated_option_once(tmp_path: Path) -> None:
    task = make_task(f"commonsenseqa:{write(tmp_path / 'c.json', CSQA)}")
    (example,) = task.examples
    assert example.choices == ("desk", "sea", "sky", "sun")
    assert (example.answer, example.gold, example.family) == ("C", 2, "commonsenseqa")
    assert example.prompt == "Question: Where is a pen kept?\nA. desk\nB. sea\nC. sky\nD. sun\nAnswer:"
    plain = make_task(f"commonsenseqa:{tmp_path / 'c.json'}", prompt="cola")
    assert (plain.examples[0].answer, plain.scoring) == ("sky", "choice")
    with pytest.raises(InvalidInput, match=r"item 1: the answerKey is empty: the test split"):
        make_task(f"commonsenseqa:{write(tmp_path / 't.json', [{**CSQA[0], 'answerKey': ''}])}")


def test_mmlu_pro_has_up_to_ten_options_and_no_padding(tmp_path: Path) -> None:
    task = make_task(f"mmlu-pro:{write(tmp_path / 'm.json', MMLU_PRO)}")
    first, second = task.examples
    assert task.scoring == "letter"
    assert task.continuations(first)[-1] == " J"
    assert (first.answer, first.gold, first.id, first.family) == ("J", 9, "70", "math")
    assert second.choices == ("1", "2")
    assert (second.answer, second.gold) == ("B", 1)
    assert "A. 1\nB. 2\nAnswer:" in second.prompt
    bad = [{**MMLU_PRO[0], "answer": "A"}]
    with pytest.raises(InvalidInput, match="answer 'A' isn't option 9, J"):
        make_task(f"mmlu-pro:{write(tmp_path / 'b.json', bad)}")
    with pytest.raises(InvalidInput, match="answer_index 12 the place of one of them"):
        make_task(f"mmlu-pro:{write(tmp_path / 'b.json', [{**MMLU_PRO[0], 'answer_index': 12}])}")


def test_asdiv_leaves_out_rows_without_one_number_and_counts_them(tmp_path: Path) -> None:
    task = make_task(f"asdiv:{write(tmp_path / 'a.json', ASDIV)}")
    (example,) = task.examples
    assert (example.answer, example.family) == ("9", "Addition")
    assert example.question == "Seven red apples and two green ones are in a basket. How many apples?"
    assert task.description["rows_left_out"] == 1
    with pytest.raises(InvalidInput, match="None of the 1 rows"):
        make_task(f"asdiv:{write(tmp_path / 'b.json', ASDIV[1:])}")


def test_asdiv_reads_the_file_of_its_authors(tmp_path: Path) -> None:
    task = make_task(f"asdiv:{write(tmp_path / 'ASDiv.xml', ASDIV_XML)}")
    (example,) = task.examples
    assert (example.id, example.level, example.family, example.answer) == ("nluds-0001", 3, "Common-Division", "1.5")
    assert example.question == "Tom & Ann have $3. How much is half?"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<a><Problem>", "bad XML"),
        ("<a></a>", "has no <Problem>"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "declares XML entities"),
    ],
)
def test_bad_xml_is_explained(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make_task(f"asdiv:{write(tmp_path / 'x.xml', text)}")


def gsm(count: int) -> list[dict[str, Any]]:
    return [{"question": f"What is {n} + 1?", "answer": f"#### {n + 1}"} for n in range(count)]


def dart(tmp_path: Path, name: str, difficulty: object | None, suffix: str = "json", **options: Any) -> Any:
    rows = write(tmp_path / "rows.json", gsm(10))
    if difficulty is not None:
        options["difficulty"] = str(write(tmp_path / f"difficulty.{suffix}", difficulty))
    return make_task(f"{name}:{rows}", **options)


def test_dart_cuts_fail_rates_into_fifths(tmp_path: Path) -> None:
    rates = {f"what is {n} +  1?": (9 - n) / 10 for n in range(10)}  # question 9 is the easiest
    task = dart(tmp_path, "dart", rates)
    assert [e.level for e in task.examples] == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]
    assert [e.answer for e in dart(tmp_path, "dart-1", rates).examples] == ["9", "10"]
    hardest = dart(tmp_path, "dart-5", rates)
    assert [e.answer for e in hardest.examples] == ["1", "2"]
    assert hardest.description["level_ranges"]["5"] == {"inputs": 2, "fail_rate": [0.8, 0.9]}
    assert (hardest.scoring, hardest.levels) == ("math", (5,))


def test_dart_cuts_where_it_is_told_to(tmp_path: Path) -> None:
    rates = {f"dart-{n}": n / 10 for n in range(10)}  # by id
    cuts = (0.1, 0.2, 0.3, 0.8)
    assert [e.level for e in dart(tmp_path, "dart", rates, difficulty_cuts=cuts).examples] == [1, 2, 3, *[4] * 5, 5, 5]
    with pytest.raises(InvalidInput, match=r"has no questions: fail rates cut at 0\.95"):
        dart(tmp_path, "dart-2", rates, difficulty_cuts=(0.95, 0.96, 0.97, 0.98))
    for wrong in ((0.1, 0.2, 0.3), (0.2, 0.1, 0.3, 0.4), (0.1, 0.2, 0.3, 1.5)):
        with pytest.raises(InvalidInput, match="must be 4 ascending fail rates"):
            dart(tmp_path, "dart", rates, difficulty_cuts=wrong)


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        ("json", json.dumps([{"id": f"dart-{n}", "fail_rate": n / 16} for n in range(10)])),
        ("jsonl", "\n".join(json.dumps({"id": f"dart-{n}", "pass_rate": 1 - n / 16}) for n in range(10))),
        ("jsonl", "\n".join(json.dumps({"query": f"What is {n} + 1?", "fail_rate": n / 16}) for n in range(10))),
        ("csv", "question,fail_rate\n" + "\n".join(f"What is {n} + 1?,{n / 16}" for n in range(10))),
        ("csv", "query_id,pass_rate\n" + "\n".join(f"dart-{n},{1 - n / 16}" for n in range(10))),
    ],
)
def test_every_form_of_a_difficulty_map_says_the_same(tmp_path: Path, suffix: str, text: str) -> None:
    task = dart(tmp_path, "dart", text, suffix)
    assert [e.level for e in task.examples] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_rows_may_bring_their_own_rates(tmp_path: Path) -> None:
    rows = [
        {"query_id": f"q{n}", "query": f"{n}?", "gt_ans": f"\\frac{{{n}}}{{7}}", "pass_rate": n / 8} for n in range(5)
    ]
    task = make_task(f"dart:{write(tmp_path / 'pool.json', rows)}")
    assert [e.level for e in task.examples] == [5, 4, 3, 2, 1]
    assert task.examples[3].answer == "3/7"


@pytest.mark.parametrize(
    ("difficulty", "suffix", "message"),
    [
        (None, "", "10 of 10 questions of the task 'dart-3' have no difficulty, the first is 'dart-0'.*--difficulty"),
        ({"dart-0": 0.5}, "json", "9 of 10 questions"),
        ({"dart-0": 1.5}, "json", "'dart-0': a fail or pass rate must be a number from 0 to 1, found 1.5"),
        ([{"id": "a"}], "json", "item 1: missing field fail_rate or pass_rate"),
        ([{"fail_rate": 0.1}], "json", "item 1: missing field id or query_id"),
        ("id,rate\na,0.5\n", "csv", "row 1: missing field fail_rate"),
        ("id,fail_rate\n", "csv", "no rows below its header"),
        ('{"id": "a", "fail_rate": 0.1}\n{"id": "a", "fail_rate": 0.2}', "jsonl", "line 2: 'a' has two fail rates"),
        ("", "json", "is empty"),
    ],
)
def test_a_bad_difficulty_map_is_explained(tmp_path: Path, difficulty: object, suffix: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        dart(tmp_path, "dart-3", difficulty, suffix)


def test_difficulty_is_for_dart_only(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="'nano' has none"):
        make_task("nano", difficulty="x.json")
    with pytest.raises(InvalidInput, match="There is no file"):
        read_difficulty(tmp_path / "missing.csv")


class Columns(list[dict[str, Any]]):
    """As much of a hub data set as is used."""

    def select_columns(self, names: list[str]) -> Columns:
        return Columns({name: row[name] for name in names} for row in self)


def test_dart_joins_statistics_and_queries_of_both_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def load_dataset(repository: str, config: str | None, *, split: str) -> Columns:
        calls.append(repository)
        kind = "math" if "pool-math" in repository else "gsm8k"
        ids = [f"{kind}-{n}" for n in range(6)]
        if repository.endswith("query-info"):
            return Columns({"query_id": each, "pass_rate": n / 5, "domain": "x"} for n, each in enumerate(ids))
        rows = [
            {"query_id": each, "query": f"{each}?", "gt_ans": "7", "domain": "x", "resp": "a long one"}
            for each in ids[1:]
        ]
        return Columns(rows + rows)

    module = ModuleType("datasets")
    module.load_dataset = load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", module)
    task = make_task("dart")
    assert calls == [
        "hkust-nlp/dart-math-pool-math-query-info",
        "hkust-nlp/dart-math-pool-math",
        "hkust-nlp/dart-math-pool-gsm8k-query-info",
        "hkust-nlp/dart-math-pool-gsm8k",
    ]
    assert len(task) == 10  # each query once, without the two that nothing answered
    assert [e.level for e in task.examples] == [5, 4, 3, 2, 1] * 2
    with pytest.raises(InvalidInput, match="no split 'test'"):
        make_task("dart-1", split="test")


def test_the_hub_is_asked_for_the_split_with_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, str | None, str]] = []
    rows = {
        "commonsense_qa": CSQA,
        "asdiv": ASDIV,
        "MATH-500": MATH_500,
        "hendrycks_math": MATH_500,
        "MMLU-Pro": MMLU_PRO,
    }

    def load_dataset(repository: str, config: str | None, *, split: str) -> list[dict[str, Any]]:
        calls.append((repository, config, split))
        found = rows[repository.rpartition("/")[2]]
        return found if config is None else [{**found[0], "unique_id": config}]

    module = ModuleType("datasets")
    module.load_dataset = load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", module)
    for name in ("commonsenseqa", "asdiv", "math-500", "mmlu-pro"):
        make_task(name)
    assert calls == [
        ("tau/commonsense_qa", None, "validation"),
        ("EleutherAI/asdiv", None, "validation"),
        ("HuggingFaceH4/MATH-500", None, "test"),
        ("TIGER-Lab/MMLU-Pro", None, "test"),
    ]
    assert len(make_task("math")) == 7
    with pytest.raises(InvalidInput, match="no split 'test'; tau/commonsense_qa has validation, train"):
        make_task("commonsenseqa", split="test")


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no folder {DATA}; set SKIPLOOP_DATA")
@pytest.mark.parametrize("name", FILES)
def test_the_description_counts_repeated_questions(name: str) -> None:
    task = published(name)
    description = task.description
    assert description["source"] == FILES[name][0]
    assert description["rows"] == FILES[name][1]
    assert description["repeated_questions"] == len(task) - len(task.deduplicated())
    assert task.deduplicated().description["repeated_questions_dropped"] == description["repeated_questions"]
    assert task.deduplicated().fingerprint != task.fingerprint or not description["repeated_questions"]


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no folder {DATA}; set SKIPLOOP_DATA")
def test_dart_from_the_published_math_file(tmp_path: Path) -> None:
    rates = {e.question: (i % 97) / 97 for i, e in enumerate(published("math").examples)}
    difficulty = write(tmp_path / "rates.json", rates)
    task = make_task(f"dart-2:{DATA / FILES['math'][0]}", difficulty=str(difficulty))
    assert len(task) == 1000
    assert "Geometry" in task.families
