"""Pages that several tests look at, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from skiploop import Study, search
from skiploop.reporting import Report, build, render_page
from tests.reporting.studies import deep_study, hostile_study


@pytest.fixture(scope="session")
def nano(tmp_path_factory: pytest.TempPathFactory) -> Study:
    out = tmp_path_factory.mktemp("runs") / "nano10"
    return search("nano", "nano", searcher="cola", limit=10, budget=20, out=out)  # a searcher with a tree


@pytest.fixture(scope="session")
def nano_report(nano: Study) -> Report:
    return build([nano.out])


@pytest.fixture(scope="session")
def nano_page(nano_report: Report) -> str:
    return render_page(nano_report)


@pytest.fixture(scope="session")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    study = hostile_study(tmp_path_factory.mktemp("runs") / "hostile")
    return render_page(build([study.out]))


@pytest.fixture(scope="session")
def page_file(nano_page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("page") / "report.html"
    place.write_text(nano_page, encoding="utf-8")
    return place


@pytest.fixture(scope="session")
def deep_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a study of 32 layers, as a file."""
    place = tmp_path_factory.mktemp("deep")
    study = deep_study(place / "run")
    assert max(len(each.search.best[0]) for each in study.inputs) >= 40
    (place / "report.html").write_text(render_page(build([study.out])), encoding="utf-8")
    return place / "report.html"
