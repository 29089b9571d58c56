"""Every kind of study is read from its folder by the `kind` in its run.json, and none is taken for another."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from skiploop.analysis.ablation import Ablation, ablate, load_ablation
from skiploop.errors import InvalidInput
from skiploop.folders.full import FullStudy, load_full
from skiploop.folders.open import AnyStudy, open_folder
from skiploop.full_study.run import run_study
from skiploop.full_study.settings import FullSettings
from skiploop.reporting import build
from skiploop.storage.files import read_json, write_sealed
from skiploop.studies.controls.settings import SamplingSettings
from skiploop.studies.evaluate.study import load_evaluated
from skiploop.studies.execution import Execution
from skiploop.studies.search import Study, load_study, search
from skiploop.studies.settings import StudySettings
from skiploop.studies.static.settings import StaticSettings
from skiploop.studies.static.study import StaticStudy, load_static, search_static
from skiploop.testing.fakes import FakeModel, FakeRunner, fake_task

KINDS: dict[str, type[AnyStudy]] = {"search": Study, "static": StaticStudy, "ablation": Ablation, "full": FullStudy}
LOADERS: dict[str, Callable[[Path], object]] = {
    "search": load_study, "static": load_static, "evaluate": load_evaluated, "ablation": load_ablation,
    "full": load_full,
}  # fmt: skip
SPLIT = StaticSettings(train=10, test=10, first=5, references=False)


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small study of each kind, under its name."""
    out, task, execution = tmp_path_factory.mktemp("runs"), fake_task(20), Execution(FakeRunner())
    settings = FullSettings(
        study=StudySettings().changed(budget=3, limit=4, searcher="random"), static=SPLIT, static_budget=3,
        sampling=SamplingSettings(tune=4, most=2),
    )  # fmt: skip
    search(FakeModel(), task, out=out / "search", execution=execution, budget=3, limit=4)
    search_static(FakeModel(), task, out=out / "static", execution=execution, static=SPLIT, budget=3)
    ablate(FakeModel(), task, out=out / "ablation", execution=execution, budget=3, limit=4)
    left_out = ("analyses", "report")
    run_study(FakeModel(), task, out=out / "full", settings=settings, execution=execution, without=left_out)
    return out


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_is_opened_by_its_kind(studies: Path, kind: str) -> None:
    assert read_json(studies / kind / "run.json")["kind"] == kind
    found = open_folder(studies / kind)
    assert type(found) is KINDS[kind] and found == LOADERS[kind](studies / kind)


@pytest.mark.parametrize("kind", KINDS)
def test_no_loader_takes_another_kind_for_its_own(studies: Path, kind: str) -> None:
    for other, load in LOADERS.items():
        if other != kind:
            with pytest.raises(InvalidInput, match=f"kind '{kind}', not '{other}'"):
                load(studies / kind)


@pytest.mark.parametrize("kind", KINDS)
def test_no_other_study_is_begun_in_a_folder(studies: Path, kind: str) -> None:
    before = sorted((path, path.read_bytes()) for path in (studies / kind).rglob("*.json*"))
    begin: dict[str, Callable[[Path], object]] = {
        "search": lambda out: search(FakeModel(), fake_task(20), out=out, execution=Execution(FakeRunner())),
        "ablation": lambda out: ablate(FakeModel(), fake_task(20), out=out, execution=Execution(FakeRunner())),
        "full": lambda out: run_study(FakeModel(), fake_task(60), out=out, execution=Execution(FakeRunner())),
    }
    for other, start in begin.items():
        if other != kind:
            with pytest.raises(InvalidInput, match=f"kind '{kind}', not '{other}'"):
                start(studies / kind)
    assert sorted((path, path.read_bytes()) for path in (studies / kind).rglob("*.json*")) == before


def test_an_ablation_that_isnt_finished_and_an_unknown_kind_are_refused(studies: Path, tmp_path: Path) -> None:
    run = read_json(studies / "ablation" / "run.json")
    del run["checksum"]
    write_sealed(tmp_path / "run.json", run)
    with pytest.raises(InvalidInput, match=r"ablation in .* isn't finished"):
        open_folder(tmp_path)
    write_sealed(tmp_path / "run.json", run | {"kind": "dream"})
    with pytest.raises(InvalidInput, match="unknown kind 'dream'; there are search, static"):
        open_folder(tmp_path)


def test_the_ablation_of_a_full_study_says_where_its_studies_are(studies: Path) -> None:
    full = load_full(studies / "full")
    assert full.parts.ablation is not None
    outs = {name: space.out for name, space in full.parts.ablation.spaces.items()}
    assert outs == {"skip": "ablation/skip", "loop": "ablation/loop", "cola": "search"}
    assert json.loads(json.dumps(full.to_json()))["figures"]["ablation"]["spaces"]["skip"]["out"] == "ablation/skip"


def test_a_damaged_analysis_is_named(studies: Path, tmp_path: Path) -> None:
    search(FakeModel(), fake_task(8), out=tmp_path / "s", execution=Execution(FakeRunner()), budget=3)
    (tmp_path / "s" / "analysis").mkdir()
    (tmp_path / "s" / "analysis" / "edits.json").write_text('{"version": 1}')
    with pytest.raises(InvalidInput, match=r"edits\.json: EditFigures has no 'name'"):
        build([tmp_path / "s"])


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("file", ["journal.jsonl", "inputs.jsonl"])
def test_a_file_that_cant_be_read_is_named(studies: Path, tmp_path: Path, file: str, finished: bool) -> None:
    place = tmp_path / "s"
    shutil.copytree(studies / "search", place)
    (place / file).unlink()
    (place / file).mkdir()
    if not finished:
        (place / "summary.json").unlink()
    with pytest.raises(InvalidInput, match=rf"{file} can't be read: Is a directory"):
        open_folder(place)
