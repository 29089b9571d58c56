"""A study's folder: what may be in it, who may write it, and what survives."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from skiploop.errors import InvalidInput
from skiploop.stats.shares import newcombe_paired, wilson
from skiploop.storage.journal import JsonlJournal
from skiploop.studies.execution import Execution
from skiploop.studies.folder import StudyFolder, check_place, read_run
from skiploop.studies.record import SCHEMA, default_out
from skiploop.studies.search import load_study, search
from skiploop.testing.fakes import FakeModel, FakeRunner, fake_task, options

BATCHES = [[{"a": 1}, {"a": 2}], [{"a": 3}]]


def filled(path: Path) -> JsonlJournal:
    journal = JsonlJournal(path)
    for batch in BATCHES:
        journal.append(batch)
    return journal


def test_a_journal_gives_back_its_batches(tmp_path: Path) -> None:
    assert JsonlJournal(tmp_path / "j").read() == []
    filled(tmp_path / "j")
    assert JsonlJournal(tmp_path / "j").read() == BATCHES


def test_wherever_it_is_torn_the_last_batch_is_dropped_and_written_again(tmp_path: Path) -> None:
    path = tmp_path / "j"
    filled(path)
    whole = path.read_bytes()
    first = whole.index(b'{"end":2}\n') + len(b'{"end":2}\n')
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        journal = JsonlJournal(path)
        assert journal.read() == (BATCHES[:1] if cut >= first else [])
        for batch in BATCHES[len(journal.read()) :]:
            journal.append(batch)
        assert path.read_bytes() == whole


@pytest.mark.parametrize("text", ['{"a":1}\n{"a"\n{"end":2}\n', '{"a":1}\n[2]\n{"end":1}\n', '{"end":1}\n'])
def test_damage_in_the_middle_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "j"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=f"j, line {2 if 'a' in text else 1}: damaged"):
        JsonlJournal(path).read()


def test_another_study_in_the_folder_is_refused_by_field(tmp_path: Path) -> None:
    out = tmp_path / "s"
    search(FakeModel(), fake_task(), out=out, execution=Execution(FakeRunner()), **options())
    for changes, message in (
        ({"budget": 21}, r"search\.budget \(there 20, here 21\)"),
        ({"searcher": "random"}, r"search\.searcher .there 'cola', here 'random'"),
        ({"seed": 5, "space": "skip"}, r"search\.seed.*space\.name"),
        ({"searcher_settings": {"exploration": 1.0}}, r"search\.searcher_settings"),
    ):
        with pytest.raises(InvalidInput, match=f"holds another study. Different: {message}"):
            search(FakeModel(), fake_task(), out=out, execution=Execution(FakeRunner()), **options(**changes))
    with pytest.raises(InvalidInput, match=r"model.fingerprint \(there 'f00d', here 'beef'\)"):
        search(FakeModel("beef"), fake_task(), out=out, execution=Execution(FakeRunner()), **options())
    with pytest.raises(InvalidInput, match=r"task\.fingerprint"):
        search(FakeModel(), fake_task(11), out=out, execution=Execution(FakeRunner()), **options())


def test_a_place_that_can_not_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file", tmp_path / "file" / "s", tmp_path):
        with pytest.raises(InvalidInput, match=f"--out {place}"):
            search(FakeModel(), fake_task(), out=place, execution=Execution(FakeRunner()))
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    if os.geteuid() != 0:
        (tmp_path / "locked").mkdir(mode=0o500)
        with pytest.raises(InvalidInput, match="no permission"):
            check_place(tmp_path / "locked" / "s")
    (tmp_path / "empty").mkdir()
    check_place(tmp_path / "empty")


@pytest.mark.parametrize("text", ["s3://bucket/study", "gs://bucket"])
def test_an_address_is_not_taken_for_a_folder(text: str) -> None:
    with pytest.raises(InvalidInput, match=f"--out {text} is an address, not a folder; mount that storage"):
        check_place(Path(text))


def test_only_one_works_on_a_folder(tmp_path: Path) -> None:
    run = {"schema": SCHEMA, "kind": "search"}
    with (
        StudyFolder(tmp_path / "s", run, []),
        pytest.raises(InvalidInput, match="another process is working on"),
    ):
        StudyFolder(tmp_path / "s", run, [])
    StudyFolder(tmp_path / "s", run, []).__exit__()


def test_what_is_left_of_a_study_killed_at_its_start_is_no_obstacle(tmp_path: Path) -> None:
    out = tmp_path / "s"
    out.mkdir()
    for name in (".lock", ".run.json.tmp", "inputs.jsonl"):
        (out / name).write_text("{")
    assert search(FakeModel(), fake_task(), out=out, execution=Execution(FakeRunner()), **options()).complete


def test_run_json_says_what_was_run(tmp_path: Path) -> None:
    out = tmp_path / "s"
    search(FakeModel(), fake_task(), out=out, execution=Execution(FakeRunner()), **options())
    run = read_run(out)
    assert run["settings"]["search"]["budget"] == 20 and run["model"]["dtype"] == "float32"
    assert run["task"]["fingerprint"] == fake_task().fingerprint and run["engine"] == "custom"
    assert {"skiploop", "python", "torch", "transformers"} == set(run["versions"])
    assert run["space"]["max_length"] == 10
    run["schema"] = 99
    (out / "run.json").write_text(json.dumps(run))
    with pytest.raises(InvalidInput, match="schema 99"):
        load_study(out)


def test_the_default_folder_is_named_after_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = search(FakeModel(), fake_task(), execution=Execution(FakeRunner()), **options())
    assert study.out.parent == Path("runs") and study.out.name.startswith("fake-model-fake-cola-")
    again = search(FakeModel(), fake_task(), execution=Execution(FakeRunner()), **options())
    other = search(FakeModel(), fake_task(), execution=Execution(FakeRunner()), **options(budget=5))
    assert again.out == study.out != other.out
    run = study.run | {"task": study.run["task"] | {"name": "jsonl:/data/../my file.v2.jsonl"}}
    assert default_out(run).name.startswith("fake-model-my-file.v2-cola-")


def test_folders_without_a_study_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds no study"):
        load_study(tmp_path / "nothing")
    (tmp_path / "run.json").write_text("[1]")
    with pytest.raises(InvalidInput, match=r"run.json doesn't hold a JSON object"):
        load_study(tmp_path)


def test_intervals_are_those_of_the_literature() -> None:
    assert wilson(0, 0) is None and newcombe_paired(0, 0, 0, 0) is None
    assert wilson(0, 10) == (0.0, pytest.approx(0.2775, abs=1e-4))
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)  # Newcombe 1998
    assert newcombe_paired(36, 12, 2, 0) == pytest.approx((0.0569, 0.3404), abs=1e-4)  # Newcombe 1998, case a
    assert newcombe_paired(0, 0, 0, 9)[0] < 0 < newcombe_paired(0, 0, 0, 9)[1]  # type: ignore[index]


# Damage: named, with the way out


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    search(FakeModel(), fake_task(), out=tmp_path / "s", execution=Execution(FakeRunner()), **options())
    return tmp_path / "s"


def again(out: Path) -> None:
    search(FakeModel(), fake_task(), out=out, execution=Execution(FakeRunner()), **options())


@pytest.mark.parametrize("text", ["", '{"n": ', "{}", "[]", '{"files": 3}', "[" * 200_000])
def test_a_damaged_summary_is_named_and_can_be_made_again(finished: Path, text: str) -> None:
    place = finished / "summary.json"
    whole = place.read_bytes()
    place.write_text(text)
    for read in (load_study, again):
        with pytest.raises(InvalidInput, match=r"summary\.json.*Delete .*summary\.json and give the study's command"):
            read(finished)
    place.unlink()
    again(finished)
    assert place.read_bytes() == whole


@pytest.mark.parametrize("name", ["journal.jsonl", "verified.jsonl"])
def test_a_finished_study_that_lost_evaluations_is_never_shown_as_whole(finished: Path, name: str) -> None:
    place = finished / name
    whole = place.read_bytes()
    lines = whole.splitlines(keepends=True)
    ends = [number for number, line in enumerate(lines) if b'"end"' in line]
    for left in (b"".join(lines[: ends[len(ends) // 2 - 1] + 1]), b"", whole + b"[" * 200_000 + b"\n"):
        place.write_bytes(left)
        for read in (load_study, again):
            with pytest.raises(InvalidInput, match=rf"{name} isn't the file that .*summary\.json was computed from"):
                read(finished)
    place.unlink()
    (finished / "summary.json").unlink()
    again(finished)
    assert place.read_bytes() == whole and load_study(finished).complete


@pytest.mark.parametrize("text", ['{"atte', "[]", '{"seconds": "x", "attempts": null}', "[" * 200_000])
def test_a_damaged_timing_never_stops_a_study(finished: Path, text: str) -> None:
    (finished / "timing.json").write_text(text)
    assert load_study(finished).seconds == 0
    (finished / "summary.json").unlink()
    again(finished)
    assert load_study(finished).complete and load_study(finished).seconds > 0


@pytest.mark.parametrize("file, old, new", [("run.json", '"budget": 20', '"budget": 26'), ("summary.json", "0.", "1.")])
def test_a_file_that_was_edited_is_refused_though_it_fits(finished: Path, file: str, old: str, new: str) -> None:
    place = finished / file
    text = place.read_text()
    assert old in text
    place.write_text(text.replace(old, new, 1))
    with pytest.raises(InvalidInput, match=rf"{file} isn't what was written: its checksum"):
        load_study(finished)


def test_inputs_that_were_edited_are_refused_while_a_study_is_under_way(finished: Path) -> None:
    (finished / "summary.json").unlink()
    place = finished / "inputs.jsonl"
    place.write_text(place.read_text().replace('"level":1', '"level":2', 1))
    with pytest.raises(InvalidInput, match=r"inputs\.jsonl is missing or damaged"):
        load_study(finished)


LINES = [
    ("journal.jsonl", '"reward":1.0', '"reward":1.5', "its reward isn't a number from 0 to 1"),
    ("journal.jsonl", '"reward":1.0', '"reward":true', "its reward isn't a number from 0 to 1"),
    ("journal.jsonl", '"reward":1.0', '"rewart":1.0', "its reward isn't a number from 0 to 1"),
    ("journal.jsonl", '"chain":[0,', '"chain":[5,', "its chain isn't one of layers from 0 to 4"),
    ("journal.jsonl", '"chain":[0,', '"chain":["0~.5:1x2",', "its chain isn't one of layers from 0 to 4"),
    ("journal.jsonl", '"chain":[0,', '"chain":["nought",', "its chain isn't one of layers from 0 to 4"),
    ("journal.jsonl", '"chain":[0,', '"chain":[true,', "its chain isn't one of layers from 0 to 4"),
    ("journal.jsonl", '"chain":[', '"chains":[', "its chain isn't one of layers from 0 to 4"),
    ("journal.jsonl", '"input":"e1"', '"input":"f1"', "its input isn't one of the study's"),
    ("journal.jsonl", '"input":"e1"', '"input":[1]', "its input isn't one of the study's"),
    ("journal.jsonl", '"arm":"search"', '"arm":"seerch"', "it belongs to nothing that the study does"),
    ("verified.jsonl", '"target":"gold"', '"target":["gold"]', "it belongs to nothing that the study does"),
    ("verified.jsonl", '"answer":"', '"answer":3,"x":"', "its answer isn't a text"),
]


@pytest.mark.parametrize("file, old, new, said", LINES)
def test_a_line_that_could_not_have_been_written_is_named(
    finished: Path, file: str, old: str, new: str, said: str
) -> None:
    (finished / "summary.json").unlink()
    text = (finished / file).read_text()
    assert old in text
    (finished / file).write_text(text.replace(old, new, 1))
    with pytest.raises(InvalidInput, match=f"{file}: a line is damaged .*{said}"):
        load_study(finished)
    with pytest.raises(InvalidInput):
        again(finished)


def test_a_rerun_that_nobody_asked_for_stops_a_study(finished: Path) -> None:
    (finished / "summary.json").unlink()
    place = finished / "verified.jsonl"
    place.write_text(place.read_text().replace('"chain":[0,', '"chain":[1,', 1))
    with pytest.raises(InvalidInput, match="evaluations that this study doesn't ask for"):
        again(finished)
