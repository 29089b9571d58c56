"""Studies as tables for pandas and as Parquet files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import skiploop
from skiploop import load_study, search
from skiploop.errors import InvalidInput
from skiploop.studies import tables
from skiploop.studies.execution import Execution
from skiploop.studies.search import Study
from skiploop.studies.tables import evaluation_rows, input_rows
from skiploop.testing.fakes import FakeModel, FakeRunner, fake_task, options


def run(out: Path, **changes: Any) -> Study:
    settings = options(budget=6) | changes
    return search(FakeModel(), fake_task(20), out=out, execution=Execution(FakeRunner()), **settings)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return run(tmp_path_factory.mktemp("runs") / "s")


def test_rows_are_the_evaluations_of_each_arm(study: Study) -> None:
    rows = evaluation_rows(study.inputs)
    for arm, count in study.figures.evaluations_by_arm.items():
        assert sum(row["arm"] == arm for row in rows) == count
    first = [row for row in rows if row["input"] == "e1" and row["arm"] == "search"]
    assert [row["step"] for row in first] == list(range(6)) and first[0]["chain"] == "0-4"
    assert [(row["depth"], row["reward"]) for row in first] == [
        (len(chain), reward) for chain, reward in study.inputs[1].search.evaluations
    ]
    targets = {row["target"] == study.inputs[1].example["answer"] for row in rows if row["input"] == "e1"}
    assert targets == {True, False} or study.inputs[1].base_right


def test_rows_of_inputs_give_the_figures_of_the_study(study: Study) -> None:
    rows, figures = input_rows(study.inputs), study.figures
    assert sum(row["identity_right"] for row in rows) / 20 == figures.base_accuracy.value
    assert sum(row["search_right"] for row in rows) / 20 == figures.oracle_accuracy.value
    assert sum(row["random_right"] for row in rows) / 20 == figures.peers["random"].oracle_accuracy.value
    assert sum(row["best_depth"] for row in rows) / 20 == figures.mean_best_depth
    assert sum("control_right" in row for row in rows) == figures.control.inputs


def test_pandas_frames(study: Study) -> None:
    pytest.importorskip("pandas", reason='needs the extra: pip install "skiploop[data]"')
    evaluations, inputs = study.to_pandas(), study.to_pandas("inputs")
    assert len(evaluations) == len(evaluation_rows(study.inputs)) and len(inputs) == 20
    assert str(evaluations.level.dtype) == "Int64" and evaluations.right.dtype == bool
    assert inputs.search_right.mean() == study.figures.oracle_accuracy.value
    with pytest.raises(InvalidInput, match="no table of 'chains'; there are evaluations, inputs"):
        study.to_pandas("chains")


def test_parquet_is_written_when_it_is_asked_for_and_the_study_stays_the_same(study: Study, tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas", reason='needs the extra: pip install "skiploop[data]"')
    pytest.importorskip("pyarrow", reason='needs the extra: pip install "skiploop[data]"')
    names = ("evaluations.parquet", "inputs.parquet")
    assert not any((study.out / name).exists() for name in names), "not asked for"
    again = run(study.out, parquet=True)
    assert again.figures == study.figures, "the same study, which was done already"
    for name in names:
        frame = pd.read_parquet(study.out / name)
        pd.testing.assert_frame_equal(frame, study.to_pandas(name.partition(".")[0]))
    assert load_study(study.out) == study
    run(tmp_path / "new", parquet=True)
    assert (tmp_path / "new" / names[0]).exists()
    assert (tmp_path / "new" / "journal.jsonl").read_bytes() == (study.out / "journal.jsonl").read_bytes()


def test_without_the_extra_parquet_is_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "find_spec", lambda name: None)
    with pytest.raises(InvalidInput, match=r"need pandas and pyarrow: pip install 'skiploop\[data\]'"):
        run(tmp_path / "s", parquet=True)
    assert not (tmp_path / "s").exists()


def test_evaluations_have_a_row_for_each_input_under_each_chain(tmp_path: Path) -> None:
    pytest.importorskip("pandas", reason='needs the extra: pip install "skiploop[data]"')
    found = skiploop.evaluate("nano", "nano", limit=5, chain="0-6", out=tmp_path / "e")
    frame = found.to_pandas()
    assert sorted(frame.chain.unique()) == ["0-6", "0-7"] and len(frame) == 10
    assert frame[frame.chain == "0-7"].accuracy.mean() == found.figures.metrics["accuracy"].identity.value
