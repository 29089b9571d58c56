"""Pages that several tests look at, made once."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from skiploop import Study, search
from skiploop.reporting import Report, build, render_page
from tests.reporting.studies import deep_study, hostile_study, leave_undrawn

DOCS = Path(__file__).parents[2] / "docs" / "report.md"


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that look at what is written."""
    leave_undrawn(monkeypatch)


@pytest.fixture(scope="session")
def nano(tmp_path_factory: pytest.TempPathFactory) -> Study:
    out = tmp_path_factory.mktemp("runs") / "nano10"
    return search("nano", "nano", searcher="cola", limit=10, budget=12, out=out)  # a searcher with a tree


@pytest.fixture(scope="session")
def nano_report(nano: Study) -> Report:
    return build([nano.out])


@pytest.fixture(scope="session")
def nano_page(nano_report: Report) -> str:
    return render_page(nano_report)


@pytest.fixture(scope="session")
def documented(nano: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the Python of docs/report.md was run: a page, and the figures of the study on nano."""
    place = tmp_path_factory.mktemp("documented")
    shutil.copytree(nano.out, place / "runs" / "nano")
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        for block in blocks:
            exec(compile(block, str(DOCS), "exec", dont_inherit=True), {"__name__": "docs"})  # as a reader would run it
    return place


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
