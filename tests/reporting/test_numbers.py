"""The numbers of a report: those of the study, compared in pairs, and put into words that don't overstate them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import skiploop.reporting.sections.order as sections_module
from skiploop.errors import InvalidInput
from skiploop.reporting import Column, ReportTable, Section, build, render_page
from skiploop.reporting.page.tree import most_visited, rebuild
from skiploop.reporting.parts import measured
from skiploop.reporting.run_folder import RunFolder, open_run
from skiploop.reporting.sentences.reading import read_run_out
from skiploop.stats.measured import Measured
from skiploop.storage.records import as_json, read_record
from skiploop.studies.search import Study
from tests.reporting.studies import fake_study, null_study, static_study


def cells(section: dict[str, Any], row: int) -> dict[str, Any]:
    found: dict[str, Any] = section["tables"][0]["rows"][row]
    return found


def test_the_numbers_are_those_of_the_summary(nano: Study) -> None:
    summary = json.loads((nano.out / "summary.json").read_text())
    assert set(summary.pop("files")) == {"inputs.jsonl", "journal.jsonl", "verified.jsonl", "metrics.jsonl"}
    assert len(summary.pop("checksum")) == 32
    found = build([nano.out]).to_json()
    json.dumps(found, allow_nan=False)
    (run,) = found["runs"]
    assert run["summary"] == summary and found["comparison"] is None
    headline = run["sections"]["headline"]
    assert headline["data"] == summary
    accuracy, oracle = cells(headline, 0), cells(headline, 1)
    assert accuracy["identity"] | {"n": 10} == summary["base_accuracy"]
    assert oracle["search"] | {"n": 10} == summary["oracle_accuracy"]
    for arm in ("random", "nearby"):
        assert oracle[f"{arm} chains"] | {"n": 10} == summary["peers"][arm]["oracle_accuracy"]
    groups = run["sections"]["groups"]
    assert [row["oracle"]["value"] for row in groups["tables"][0]["rows"][:-1]] == [
        row["oracle_accuracy"]["value"] for row in summary["by_level"]
    ]


def test_the_excess_in_the_report_is_that_of_the_summary(tmp_path: Path) -> None:
    study = fake_study(tmp_path / "s", 50)
    rows = build([tmp_path / "s"]).to_json()["runs"][0]["sections"]["peers"]["tables"][0]["rows"]
    (row,) = [each for each in rows if each["search less"] == "control"]
    assert row["difference"] | {"n": row["inputs"]} == study.figures.control.excess.to_json()
    assert row["inputs"] == study.figures.control.inputs


def test_where_there_is_nothing_to_find_the_report_says_that_nothing_was_found(tmp_path: Path) -> None:
    study = null_study(tmp_path / "s")
    low, high = study.figures.control.excess.interval or (1.0, -1.0)
    assert low <= 0 <= high
    assert (study.figures.oracle_accuracy.value or 0.0) > 0.3, "a high oracle accuracy by luck alone"
    reading = read_run_out(open_run(tmp_path / "s"))
    assert reading.conclusion.answer == "Nothing was found beyond chance."
    assert any("the interval includes 0" in line for line in reading.shows)
    assert any("is an oracle accuracy: picking the chain takes the gold answer" in line for line in reading.limits)


def test_where_right_answers_are_favoured_the_report_says_so(tmp_path: Path) -> None:
    fake_study(tmp_path / "s", 50)
    reading = read_run_out(open_run(tmp_path / "s"))
    assert (
        reading.conclusion.answer == "Beyond chance, chains reach right answers more often than arbitrary wrong ones."
    )
    assert any("prefers short chains" in line for line in reading.limits)
    assert any("are unreadable; chains correct" in line for line in reading.limits), "level 5 is unreadable"


def test_without_control_or_penalty_or_verification_the_report_claims_none(tmp_path: Path) -> None:
    fake_study(tmp_path / "s", control=False, verify=False, random_peer=False, searcher_settings={"length_penalty": 0})
    reading = read_run_out(open_run(tmp_path / "s"))
    assert "not tested" in reading.conclusion.answer
    text = " ".join(reading.limits)
    assert "were not re-run alone" in text and "no random baseline" in text and "prefers short" not in text


def test_a_study_that_is_still_running_is_reported_as_such(tmp_path: Path) -> None:
    fake_study(tmp_path / "s")
    (tmp_path / "s" / "summary.json").unlink()
    journal = (tmp_path / "s" / "journal.jsonl").read_text().splitlines(keepends=True)
    end = next(i for i, line in enumerate(journal) if line.startswith('{"end"'))
    (tmp_path / "s" / "journal.jsonl").write_text("".join(journal[: end + 1]))  # the identity alone
    (run,) = build([tmp_path / "s"]).runs
    assert any("isn't complete" in line for line in run.reading.limits)
    assert "transitions" in {section.name for section in run.sections}
    assert "Single inputs" in render_page(build([tmp_path / "s"]))
    (tmp_path / "s" / "journal.jsonl").write_text("")
    (run,) = build([tmp_path / "s"]).runs
    assert str(run.reading.conclusion) == "Nothing has been evaluated yet." and run.sections == ()


def test_runs_are_compared_in_pairs_on_the_same_inputs_only(tmp_path: Path) -> None:
    one = fake_study(tmp_path / "one", seed=0, budget=6)
    two = fake_study(tmp_path / "two", seed=1, budget=6)
    fake_study(tmp_path / "other", 11)
    found = build([tmp_path / name for name in ("one", "two", "other")]).comparison
    assert found is not None
    pairs = {(each["run"], each["figure"]): each for each in found.data["pairs"]}
    assert {run for run, _ in pairs} == {"two"} and any("Not paired with one: other" in text for text in found.text)
    gain = [b.search.right - a.search.right for a, b in zip(one.inputs, two.inputs, strict=True)]
    assert pairs["two", "oracle accuracy"]["difference"]["value"] == pytest.approx(sum(gain) / 10)
    assert pairs["two", "accuracy of the model as it is"]["p"] == 1


def test_static_runs_are_compared_on_their_test_inputs(tmp_path: Path) -> None:
    one, two = (static_study(tmp_path / name, seed) for name, seed in (("one", 0), ("two", 3)))
    found = build([tmp_path / "one", tmp_path / "two"]).comparison
    assert found is not None
    pairs = {each["figure"]: each for each in found.data["pairs"]}
    before, after = (each.figures.chosen["search"].test.value or 0.0 for each in (one, two))
    gap = after - before
    assert pairs["test accuracy, chosen by search"]["difference"]["value"] == pytest.approx(gap)
    assert pairs["test accuracy, identity"]["difference"]["value"] == 0


def test_what_cant_be_reported_is_refused(tmp_path: Path) -> None:
    fake_study(tmp_path / "s")
    for wrong, said in (([], "no run"), ([tmp_path], "holds no study"), ([tmp_path / "s"] * 2, "given twice")):
        with pytest.raises(InvalidInput, match=said):
            build(wrong)


@dataclass(frozen=True)
class Votes:
    accuracy: Measured


def test_a_section_is_added_by_one_function_that_reads_a_part_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def votes(folder: RunFolder) -> Section | None:
        place = folder.path / "controls" / "votes.json"
        if not place.is_file():
            return None
        votes = read_record(Votes, place)
        rows = ((measured(votes.accuracy),),)
        table = ReportTable("Votes.", (Column("accuracy", "share"),), rows)
        return Section("votes", "Votes", tables=(table,), data=as_json(votes))

    monkeypatch.setattr(sections_module, "GROUPS", {"Votes": (votes,)})
    fake_study(tmp_path / "s")
    assert build([tmp_path / "s"]).runs[0].sections == ()
    (tmp_path / "s" / "controls").mkdir()
    (tmp_path / "s" / "controls" / "votes.json").write_text(
        '{"accuracy": {"value": 0.5, "interval": [0.1, 0.9], "n": 3}}'
    )
    section = build([tmp_path / "s"]).to_json()["runs"][0]["sections"]["votes"]
    assert section["tables"][0]["rows"] == [{"accuracy": {"value": 0.5, "interval": [0.1, 0.9]}}]
    (tmp_path / "s" / "controls" / "votes.json").write_text("[")
    with pytest.raises(InvalidInput, match="votes"):
        build([tmp_path / "s"])


# Trees


@pytest.mark.parametrize(
    "changes", [{}, {"stop_early": True}, {"per_round": 1}, {"total_budget": 70}, {"searcher": "puct"}]
)
def test_a_tree_is_built_again_from_the_journal(tmp_path: Path, changes: dict[str, Any]) -> None:
    fake_study(tmp_path / "s", **changes)
    folder = open_run(tmp_path / "s")
    assert folder.study is not None
    for result in folder.study.inputs:
        nodes = rebuild(folder.run, [line for line in folder.lines() if line["input"] == result.example["id"]])
        assert nodes is not None
        judged = {node.chain: node.verdict for node in nodes if node.verdict is not None}
        assert judged == {str(chain): reward for chain, reward in result.search.evaluations}
        shown = most_visited(nodes, 12)
        ids = {node.id for node in shown}
        assert len(ids) == len(shown) <= 12 and 0 in ids
        assert all(node.parent is None or node.parent in ids for node in shown)


def test_there_is_no_tree_where_the_searcher_has_none_or_the_journal_is_anothers(tmp_path: Path) -> None:
    fake_study(tmp_path / "random", searcher="random")
    folder = open_run(tmp_path / "random")
    assert rebuild(folder.run, [line for line in folder.lines() if line["input"] == "e0"]) is None
    fake_study(tmp_path / "s")
    folder = open_run(tmp_path / "s")
    lines = [line for line in folder.lines() if line["input"] == "e0"]
    number = next(i for i, line in enumerate(lines) if line["arm"] == "search")
    lines[number] = lines[number] | {"chain": [4, 4, 4]}
    assert rebuild(folder.run, lines) is None
