"""A full study and its report: what is planted is named exactly; where there is nothing, the report says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from skiploop.folders.full import FullStudy, PartFigures
from skiploop.full_study.run import run_study
from skiploop.full_study.settings import FullSettings
from skiploop.reporting import Report, build, render_page
from skiploop.studies.controls.settings import SamplingSettings
from skiploop.studies.execution import Execution
from skiploop.studies.html import search_html
from skiploop.studies.settings import StudySettings
from skiploop.studies.static.html import static_html
from skiploop.studies.static.settings import StaticSettings
from skiploop.testing.chainbench import harmful_layer
from skiploop.testing.chainbench import null as null_table
from skiploop.testing.chainbench.table import AnswerTable
from skiploop.testing.fakes import LAYERS, FakeModel
from tests.full_study.test_parts import HARMFUL, TableRunner, rows
from tests.reporting.studies import leave_undrawn


def run(out: Path, table: AnswerTable, *, seed: int = 0, budget: int = 40, without: tuple[str, ...] = ()) -> FullStudy:
    """In the space of a table: each layer not at all, once or twice."""
    space = {"space": "cola", "max_block": 1, "max_repeats": 1}
    settings = FullSettings(
        study=StudySettings().changed(searcher="cola", budget=budget, seed=seed, per_call=200, limit=40, **space),
        static=StaticSettings(train=40, test=60, first=10, per_round=4, references=False), static_budget=40,
        sampling=SamplingSettings(tune=20, most=4, per_call=200, seed=seed), seeds=2, neighbours=4,
    )  # fmt: skip
    return run_study(
        FakeModel(), rows(table), out=out, settings=settings, execution=Execution(TableRunner(table)), without=without
    )


@pytest.fixture(scope="module", autouse=True)
def undrawn() -> Iterator[None]:
    """Nothing here looks at drawings."""
    with pytest.MonkeyPatch.context() as patch:
        leave_undrawn(patch)
        yield


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> FullStudy:
    table = harmful_layer(LAYERS, HARMFUL, inputs=110, share=0.7, keeps=1.0)
    return run(tmp_path_factory.mktemp("runs") / "planted", table)


@pytest.fixture(scope="module")
def report(planted: FullStudy) -> Report:
    return build([planted.out])


def test_a_planted_harmful_layer_is_named_by_each_part(planted: FullStudy) -> None:
    without_it = tuple(layer for layer in range(LAYERS) if layer != HARMFUL)
    parts = planted.parts
    assert planted.complete and set(parts.to_json()) == {"search", "static", "sampling", "ablation", "analyses"}
    assert (planted.out / "report.html").is_file()
    assert parts.search is not None and parts.static is not None
    assert parts.ablation is not None and parts.analyses.edits is not None
    assert parts.static.chosen["search"].chain == without_it
    assert parts.analyses.edits.counted.helps == (f"skip {HARMFUL}",)
    spaces = parts.ablation.spaces
    assert spaces["loop"].corrected_share.value == 0 and spaces["skip"].corrected_share.value == 1
    assert spaces["cola"].oracle_accuracy == parts.search.oracle_accuracy


def test_the_report_says_what_was_planted_and_that_the_skip_alone_is_enough(report: Report) -> None:
    (found,) = report.to_json()["runs"]
    reading = found["reading"]
    assert reading["verdict"].startswith("Beyond chance, chains reach right answers")
    assert "The static chain 0-2 4 is more accurate than the identity on test inputs" in reading["verdict"]
    shows = " ".join(reading["shows"])
    assert f"these are shown to help: skip {HARMFUL};" in shows
    assert "The static chain 0-2 4 is more accurate than the identity" in shows
    assert "“skip only” finds right chains for more inputs than “loop only”" in shows
    sets = found["sections"]["edits"]["tables"][1]["rows"]
    assert [row["minimal sufficient edits"] for row in sets] == [f"skip {HARMFUL}"]
    assert {"peers", "sampling", "static", "ablation", "format", "difficulty", "edits", "robustness"} <= set(
        found["sections"]
    )
    assert found["sections"]["ablation"]["data"]["spaces"]["cola"]["out"] == "search"


def test_a_notebook_shows_its_search_and_its_static_chains(planted: FullStudy) -> None:
    page, search, static = planted._repr_html_(), planted.parts.search, planted.parts.static
    assert search is not None and static is not None
    tables = (search_html(search, planted.out / "search"), static_html(static, planted.out / "static"))
    assert page == "\n".join([f"<p>A full study, complete, in {planted.out}</p>", *tables])
    begun = replace(planted, states={}, out=Path("<b>"), parts=PartFigures())
    assert begun._repr_html_() == "<p>A full study, incomplete, in &lt;b&gt;</p>"


def test_the_report_of_a_study_is_the_one_that_the_command_makes(planted: FullStudy, report: Report) -> None:
    page = render_page(report)
    assert (planted.out / "report.html").read_text(encoding="utf-8") == page
    assert "The one chain" not in page and "One chain for all inputs" in page
    with_static, alone = build([planted.out]).runs[0], build([planted.out / "search"]).runs[0]
    assert {"static", "sampling"} <= {each.name for each in with_static.sections}
    assert not {"static", "sampling", "ablation"} & {each.name for each in alone.sections}


def test_full_studies_are_compared_by_their_searches_and_by_their_static_chains(
    planted: FullStudy, tmp_path: Path
) -> None:
    table = harmful_layer(LAYERS, HARMFUL, inputs=110, share=0.7, keeps=1.0)
    run(tmp_path / "other", table, seed=1, budget=5, without=("sampling", "ablation", "analyses", "report"))
    comparison = build([planted.out, tmp_path / "other"]).comparison
    assert comparison is not None
    assert {pair["figure"] for pair in comparison.data["pairs"]} == {
        "accuracy of the model as it is", "oracle accuracy", "test accuracy, identity",
        "test accuracy, chosen by search",
    }  # fmt: skip


def test_on_a_null_model_the_report_says_that_nothing_was_found(tmp_path: Path) -> None:
    claims = {"excess": 0, "static": 0, "edits": 0}
    for seed in range(4):
        found = run(
            tmp_path / f"s{seed}", null_table(LAYERS, seed, inputs=110), seed=seed, budget=5,
            without=("sampling", "ablation", "report"),
        )  # fmt: skip
        parts = found.parts
        assert parts.search is not None and parts.static is not None and parts.analyses.edits is not None
        assert (parts.search.corrected_share.value or 0.0) > 0.4, "a lottery with many tickets"
        (own,) = build([found.out]).runs
        verdict, shows = str(own.reading.conclusion), " ".join(own.reading.shows)
        low, _ = parts.search.control.excess.interval or (1.0, 1.0)
        assert verdict.startswith("Nothing was found beyond chance") == (low <= 0)
        minus = parts.static.chosen["search"].minus_identity
        better = minus is not None and minus.difference.interval is not None and minus.difference.interval[0] > 0
        assert ("is more accurate than the identity" in verdict) == better
        helps = parts.analyses.edits.counted.helps
        assert ("none is shown to help" in shows) == (not helps)
        claims["excess"] += low > 0
        claims["static"] += better
        claims["edits"] += bool(helps)
    # One-sided, each is wrong once in 40 times, edits once in 20: two of four would be more than luck (p < 0.02).
    assert all(count <= 1 for count in claims.values()), claims
