"""The page: well-formed, complete in itself, escaped, the same every time, and not too large."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from skiploop.errors import InvalidInput
from skiploop.reporting import Report, build, render_page, write_figures
from skiploop.reporting.canvas import COLOURS, DARK, figure_files
from skiploop.reporting.charts import MARKS
from skiploop.reporting.page.glossary import TERMS, Glossary
from skiploop.reporting.page.paths import without_paths
from skiploop.reporting.sections.order import GROUPS
from skiploop.studies.execution import Execution
from skiploop.studies.search import Study, search
from skiploop.testing.fakes import FakeModel, FakeRunner, fake_task
from tests.reporting.studies import SCRIPT, Page, fake_study, static_study, study_with_paths


@pytest.mark.parametrize("name", ["nano_page", "hostile_page"])
def test_every_element_is_closed_and_no_id_is_there_twice(name: str, request: pytest.FixtureRequest) -> None:
    page = Page(request.getfixturevalue(name))
    assert page.elements["svg"] > 20 and page.elements["table"] >= 5
    assert [each for each, count in page.ids.items() if count > 1] == []


@pytest.mark.parametrize("name", ["nano_page", "hostile_page"])
def test_nothing_refers_to_anything_outside_and_every_reference_has_its_target(
    name: str, request: pytest.FixtureRequest
) -> None:
    text = request.getfixturevalue(name)
    page = Page(text)
    assert page.references and all(each.startswith("#") for each in page.references)
    used = {each[1:] for each in page.references} | set(re.findall(r"url\(#([^)]+)\)", text))
    assert used <= set(page.ids)
    assert not re.search(r"@import|url\((?!#)", text)
    assert not page.elements["link"] and not page.elements["img"] and page.elements["script"] == 1


def test_what_a_prompt_says_stays_text(hostile_page: str) -> None:
    assert SCRIPT not in hostile_page
    page = Page(hostile_page)
    assert page.elements["script"] == 1 and page.elements["img"] == 0
    assert SCRIPT in page.text and "{{ 7 * 7 }}" in page.text and "$\\frac$" in page.text
    assert "<title>fakes/fake-model on hostile &lt;script" in hostile_page


def test_two_pages_of_one_study_have_the_same_bytes(nano: Study, nano_page: str) -> None:
    assert render_page(build([nano.out])) == nano_page


def test_colours_are_variables_that_light_and_dark_pages_define(nano_page: str) -> None:
    body = nano_page[nano_page.index("<body>") :]
    assert set(COLOURS) == set(DARK)
    for name, colour in COLOURS.items():
        assert colour not in body, "a colour that can't follow the page"
        assert nano_page.count(f"--{name}:") == 2
    assert "var(--search)" in body and "currentcolor" not in body.lower()


def test_the_page_begins_with_a_verdict_four_sentences_and_two_pictures(nano_report: Report, nano_page: str) -> None:
    answer = nano_report.runs[0].answer
    assert 1 <= len(answer.sentences) <= 4 and [figure.name for figure in answer.figures] == ["headline", "layers"]
    assert answer.conclusion.count(". ") == 0
    before_the_folds = Page(
        nano_page[nano_page.index("<article") : nano_page.index("<details")] + "</section></article>"
    )
    assert before_the_folds.elements["svg"] == 2 and len(before_the_folds.text.split()) < 250


def test_every_section_is_folded_in_its_group_and_the_page_is_short(nano_report: Report, nano_page: str) -> None:
    page = Page(nano_page)
    sections = nano_report.runs[0].sections
    assert page.elements["section"] == 1, "the answer alone isn't folded"
    assert {section.group for section in sections} <= set(GROUPS) and all(section.hint for section in sections)
    for section in sections:
        assert f'<div class="inside" id="r1-{section.name}">' in nano_page
    words = sum(len(text.split()) for section in sections for text in section.text)
    assert words < 400, "what a table says isn't said again, and terms are the glossary's"


def test_terms_are_explained_once_and_linked_at_their_first_use(nano_page: str) -> None:
    page = Page(nano_page)
    for term in (
        "identity",
        "chain",
        "oracle-accuracy",
        "random-chains",
        "nearby-chains",
        "control",
        "excess",
        "re-run",
    ):
        assert page.ids[f"term-{term}"] == 1 and page.references.count(f"#term-{term}") == 1
        assert nano_page.index(f'href="#term-{term}"') < nano_page.index(f'id="term-{term}"')
    assert Glossary().mark("<b> the oracle accuracy") == (
        '&lt;b&gt; the <a class="term" href="#term-oracle-accuracy" title="'
        + next(term.means for term in TERMS if term.name == "oracle accuracy")
        + '">oracle accuracy</a>'
    )


@pytest.mark.usefixtures("undrawn")
def test_no_path_of_the_machine_is_on_the_page(tmp_path: Path) -> None:
    study_with_paths(tmp_path / "runs" / "mine", "/home/someone/data")
    one, two = (build([tmp_path / "runs" / "mine", *more]) for more in ([], [fake_study(tmp_path / "b").out]))
    for report in (one, two):
        text = render_page(report)
        assert "/home/someone" not in text and str(tmp_path) not in text
    page = render_page(one)
    assert "<title>tiny on rows.jsonl" in page and "<h1>tiny on rows.jsonl</h1>" in page


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/data/models/tiny (test)", "tiny (test)"),
        ("jsonl:/tmp/a/rows.jsonl", "jsonl:rows.jsonl"),
        ("C:\\Users\\me\\tiny", "tiny"),
        ("~/runs/a, ../b/c", "a, c"),
        ("Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B"),
        ("/no_think 1/2 https://a.example/b", "/no_think 1/2 https://a.example/b"),
    ],
)
def test_of_a_path_only_its_last_name_is_shown(text: str, shown: str) -> None:
    assert without_paths(text) == shown


@pytest.mark.parametrize("arm", ["search", "random", "nearby", "control"])
def test_every_arm_has_a_colour_and_a_mark_of_its_own(arm: str, nano_page: str) -> None:
    others = {"search", "random", "nearby", "control"} - {arm}
    assert all(COLOURS[arm] != COLOURS[each] and DARK[arm] != DARK[each] for each in others)
    assert all(MARKS[arm] != MARKS[each] for each in others)
    style = nano_page[: nano_page.index("</style>")]
    assert f".order.{arm} .hit {{ stroke: var(--{arm}); }}" in style
    assert f".arm.{arm}::before {{ background: var(--{arm});" in style
    assert f'class="order {arm}"' in nano_page and f'class="arm {arm}"' in nano_page
    shown = [section for section in ("transitions", "budget", "depths") if arm != "control" or section == "budget"]
    for name in ("headline", *shown):
        start = nano_page.index('<div class="pictures">' if name == "headline" else f'id="r1-{name}"')
        assert f"var(--{arm})" in nano_page[start : nano_page.index("</figure>", start)] or name == "budget"
        assert f"var(--{arm})" in nano_page[start : nano_page.index("</details>", start)]


def test_fifty_inputs_fit_into_three_megabytes(tmp_path: Path) -> None:
    fake_study(tmp_path / "s", 50, 60)
    page = render_page(build([tmp_path / "s"]))
    assert len(page.encode()) < 3_000_000
    assert page.count('<details class="input"') == 50


@pytest.mark.usefixtures("undrawn")
def test_an_explorer_is_capped_and_says_so(tmp_path: Path) -> None:
    fake_study(tmp_path / "s", 130, 3)
    page = render_page(build([tmp_path / "s"]))
    assert page.count('<details class="input"') == 100
    assert "Here are 100 of 130 inputs" in Page(page).text


def test_figures_are_written_in_three_formats_the_same_every_time(nano_report: Report, documented: Path) -> None:
    one = list((documented / "figures").iterdir())
    heads = {".svg": b"<?xml", ".pdf": b"%PDF", ".png": b"\x89PNG"}
    names = {place.stem for place in one}
    assert {"headline", "transitions", "budget", "depths", "layer-usage", "layer-rates", "shortest-chains"} <= names
    assert sorted(place.name for place in one) == sorted(f"{name}{kind}" for name in names for kind in heads)
    assert all(place.read_bytes().startswith(heads[place.suffix]) for place in one)
    for figure in [figure for section in nano_report.runs[0].sections for figure in section.figures][-2:]:
        for kind, content in figure_files(figure).items():
            assert (documented / "figures" / f"{figure.name}.{kind}").read_bytes() == content


def test_figures_are_replaced_only_by_force(tmp_path: Path) -> None:
    static_study(tmp_path / "s")
    found = build([tmp_path / "s"])
    (run,) = found.runs
    drawn = [section for section in run.sections if section.figures]
    found = replace(found, runs=(replace(run, sections=tuple(drawn[:1])),))
    written = write_figures(found, tmp_path / "figures")
    assert written
    with pytest.raises(InvalidInput, match="exists"):
        write_figures(found, tmp_path / "figures")
    assert write_figures(found, tmp_path / "figures", force=True) == written


def test_figures_of_several_runs_dont_replace_each_other(tmp_path: Path) -> None:
    static_study(tmp_path / "a" / "run")
    static_study(tmp_path / "b" / "run", seed=1)
    files = write_figures(build([tmp_path / "a" / "run", tmp_path / "b" / "run"]), tmp_path / "figures")
    assert len({place.name for place in files}) == len(files) == (4 + 4) * 3


def test_a_static_study_has_a_page_of_its_own(tmp_path: Path) -> None:
    study = static_study(tmp_path / "s")
    text = render_page(build([tmp_path / "s"]))
    page = Page(text)
    assert {"r1-static", "r1-block-map", "r1-block-influence", "r1-settings"} <= set(page.ids)
    assert study.figures.chosen["search"].notation in page.text
    assert "oracle" not in page.text.lower(), "nothing in it needs the gold answer"


@pytest.mark.parametrize(
    "changes",
    [
        {"scoring": "choice"},
        {"scoring": "letter", "searcher": "random"},
        {"budget": 1},
        {"space": "early-exit", "stop_early": True},
        {"count": 1, "control": False, "random_peer": False, "searcher": "gflownet"},
    ],
)
def test_every_kind_of_study_has_a_page(tmp_path: Path, changes: dict[str, Any]) -> None:
    kept = {key: value for key, value in changes.items() if key not in ("scoring", "count")}
    task = fake_task(changes.get("count", 6), changes.get("scoring", "verbatim"))
    search(FakeModel(), task, out=tmp_path / "s", execution=Execution(FakeRunner()), **({"budget": 8} | kept))
    page = Page(render_page(build([tmp_path / "s"])))
    assert "r1-headline" in page.ids and "r1-inputs" in page.ids
    assert "None" not in page.text and "nan" not in page.text.lower().replace("nano", "")


@pytest.mark.parametrize("missing", ["matplotlib", "jinja2"])
def test_a_missing_extra_is_named(nano_report: Report, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(InvalidInput, match=r"skiploop\[report\]"):
        render_page(nano_report)
