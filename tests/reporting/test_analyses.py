"""What analyses and the ablation have found stands in the report of the study that they are of."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from skiploop.analysis.ablation import ablate
from skiploop.analysis.runs import Selection, analyze
from skiploop.reporting import Report, build, render_page
from skiploop.stats.numbers import proper
from skiploop.studies.execution import Execution
from skiploop.studies.search import Study
from skiploop.testing.fakes import FakeModel, FakeRunner, fake_task, options
from tests.reporting.studies import Page

QUICK = {"difficulty": {"seeds": 2, "resamples": 50}, "edits": {"resamples": 999}, "lens": {"resamples": 100}}


@pytest.fixture(scope="module")
def analysed(nano: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs") / "analysed"
    shutil.copytree(nano.out, place)
    analyze(place, Selection(settings=QUICK))
    return place


@pytest.fixture(scope="module")
def report(analysed: Path) -> Report:
    return build([analysed])


def test_every_analysis_has_a_section_with_its_own_numbers(analysed: Path, report: Report) -> None:
    (run,) = report.to_json()["runs"]
    for name in ("difficulty", "edits", "robustness", "similarity", "lens"):
        found = json.loads((analysed / "analysis" / f"{name}.json").read_text())
        for key, value in run["sections"][name]["data"].items():
            assert value == found[key], (name, key)
    verdict = run["sections"]["similarity"]["data"]["prior"]["verdict"]
    text = " ".join(run["sections"]["similarity"]["text"])
    assert ("is refused as a prior" in text) == (verdict == "refused")
    effects = run["sections"]["edits"]["data"]["effects"]
    rows = [row for table in run["sections"]["edits"]["tables"] for row in table["rows"] if "change" in row]
    assert [row["change"]["value"] for row in rows] == [each["value"] for each in effects if each["counts"]]


def test_the_page_of_all_analyses_is_well_formed(report: Report) -> None:
    page = render_page(report)
    strict = Page(page)
    assert max(strict.ids.values()) == 1 and strict.elements["svg"] > 12
    assert "no evidence that an edit helps" in strict.text


def test_a_folder_of_an_ablation_is_reported_with_its_three_searches(tmp_path: Path) -> None:
    found = ablate(FakeModel(), fake_task(20), out=tmp_path / "a", execution=Execution(FakeRunner()), **options())
    (run,) = build([tmp_path / "a"]).to_json()["runs"]
    section = run["sections"]["ablation"]
    shares = [row["oracle accuracy"]["value"] for row in section["tables"][0]["rows"]]
    assert shares == [space.oracle_accuracy.value for space in found.figures.spaces.values()]
    assert run["name"] == "a" and run["summary"]["space"] == "cola"


def test_minus_signs_are_put_before_numbers_and_chains_are_left_alone() -> None:
    assert proper("0-7 4: -2.0 points (95 %: -4.2 to +0.2), skip-only") == (
        "0-7 4: \u22122.0 points (95 %: \u22124.2 to +0.2), skip-only"
    )
