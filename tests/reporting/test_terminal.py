"""What stands in a terminal: six sentences at most, those of the page, within 80 columns, and no text that acts."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from skiploop.reporting import build, render_page
from skiploop.reporting.terminal.inputs import print_input
from skiploop.reporting.terminal.search import print_study
from skiploop.reporting.terminal.static import print_static
from skiploop.stats.numbers import plain
from skiploop.studies.execution import Execution
from skiploop.studies.search import Study, search
from skiploop.tasks import Example, Task
from tests.reporting.studies import NullRunner, RoomyModel, fake_study, null_study, static_study

ACTING = "\x1b[31mred\x1b]0;title\x07 [bold]\x9b2J \u202egnp.exe \u2066\ufeff\U000e0041 \r[/nothing]"


def printed(study: Study, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    print_study(study, console)
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def sentences(text: str) -> list[str]:
    """The list below the table, each sentence on one line."""
    (lines,) = re.findall(r"^- .*?(?=\n\n|\Z)", text, re.MULTILINE | re.DOTALL)
    return [line.removeprefix("- ") for line in lines.replace("\n  ", " ").splitlines()]


@pytest.fixture
def acting(tmp_path: Path) -> Study:
    """A study whose prompts, answers, ids, families and name try to act on a terminal."""
    examples = [
        Example(f"e{i}{ACTING}", f"L1 {ACTING}{i}=", f"{ACTING}{i % 4}", level=1, family=ACTING) for i in range(8)
    ]
    task = Task(f"task {ACTING}", tuple(examples), "exact", max_new_tokens=8)
    return search(RoomyModel(), task, out=tmp_path / "s", execution=Execution(NullRunner()), budget=6)


def test_no_prompt_acts_on_a_terminal_or_hides_in_the_page(acting: Study) -> None:
    console = Console(file=io.StringIO(), width=80, highlight=False)
    print_input(acting.inputs[0], console)
    in_full = console.file.getvalue()  # type: ignore[attr-defined]
    page = render_page(build([acting.out]))
    for text in (printed(acting), in_full, page):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]", text)
    assert r"\x1b[31mred\x1b]0;title\x07 [bold]" in in_full and "[/nothing]" in in_full
    assert r"\u202egnp.exe" in page


@pytest.mark.parametrize("make", [fake_study, null_study])
def test_a_search_ends_with_six_sentences_within_80_columns_that_the_report_has_too(
    make: object, tmp_path: Path
) -> None:
    study = make(tmp_path / "s")  # type: ignore[operator]
    text = printed(study)
    said = sentences(text)
    assert 3 <= len(said) <= 6
    assert all(len(line) <= 80 for line in text.splitlines() if str(study.out) not in line)
    (run,) = build([tmp_path / "s"]).runs
    reading = run.reading
    in_report = [plain(line) for line in (*reading.shows, *reading.limits, *run.answer.sentences)]
    in_report += [plain(line) for section in run.sections for line in section.text]
    for sentence in said:
        assert any(line.startswith(sentence) for line in in_report), sentence
    assert str(study.out) in text and text.count("  prompt ") <= 3


def test_a_column_is_there_only_for_an_arm_that_was_run(tmp_path: Path) -> None:
    alone = printed(fake_study(tmp_path / "alone", control=False, random_peer=False))
    heading = alone.splitlines()[3]
    assert "random" not in alone.split("- The identity")[0] and "hits" not in heading
    assert heading.split().count("oracle%") == 2, "the search and the nearby chains"


def test_the_static_table_has_the_verdict_of_the_report(tmp_path: Path) -> None:
    study = static_study(tmp_path / "s")
    console = Console(file=io.StringIO(), width=100, highlight=False)
    print_static(study, console)
    (run,) = build([tmp_path / "s"]).runs
    assert sentences(console.file.getvalue()) == [plain(str(run.reading.conclusion))]  # type: ignore[attr-defined]
