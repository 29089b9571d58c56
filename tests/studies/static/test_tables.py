"""A study of static chains as tables for pandas and as Parquet files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from skiploop.errors import InvalidInput
from skiploop.studies import tables
from skiploop.studies.execution import Execution
from skiploop.studies.static.settings import StaticSettings
from skiploop.studies.static.study import StaticStudy, load_static, rewards_on_test, search_static
from skiploop.studies.static.tables import chain_rows, evaluation_rows
from skiploop.testing.fakes import FakeModel, FakeRunner, fake_task

ASKED = StaticSettings(train=12, test=20, within=10, swap="half", curve=4)


def run(out: Path, **changes: Any) -> StaticStudy:
    return search_static(
        FakeModel(), fake_task(60), out=out, searcher="random", space="skip", budget=12, static=ASKED,
        execution=Execution(FakeRunner()), **changes,
    )  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StaticStudy:
    return run(tmp_path_factory.mktemp("runs") / "s")


def test_evaluations_give_the_accuracies_of_the_chosen_chains(study: StaticStudy) -> None:
    rows = evaluation_rows(study.out, study.figures)
    assert {row["split"] for row in rows} == {"train", "test", "swapped"}
    for name, by_input in rewards_on_test(study.out).items():
        chosen = study.figures.chosen[name]
        own = [row for row in rows if (row["split"], row["chain"], row["alone"]) == ("test", chosen.notation, True)]
        assert {row["input"]: row["reward"] for row in own} == by_input
        assert sum(row["right"] for row in own) / len(own) == chosen.test.value and own[0]["depth"] == chosen.depth


def test_rows_of_chains_are_the_figures(study: StaticStudy) -> None:
    rows = {row["chosen_by"]: row for row in chain_rows(study.out, study.figures)}
    assert list(rows) == list(study.figures.chosen)
    assert "minus_identity" not in rows["identity"] and study.figures.equality is not None
    for name, equal in study.figures.equality.chains.items():
        chosen, row = study.figures.chosen[name], rows[name]
        assert chosen.minus_identity is not None and chosen.test.interval is not None
        assert row["minus_identity"] == chosen.minus_identity.difference.value
        assert (row["test_low"], row["test_high"]) == chosen.test.interval
        assert (row["chain"], row["train"], row["equal_within_margin"]) == (
            chosen.notation,
            chosen.train,
            equal.outcome,
        )


def test_parquet_is_written_when_it_is_asked_for_and_the_study_stays_the_same(
    study: StaticStudy, tmp_path: Path
) -> None:
    pd = pytest.importorskip("pandas", reason='needs the extra: pip install "skiploop[data]"')
    pytest.importorskip("pyarrow", reason='needs the extra: pip install "skiploop[data]"')
    names = ("evaluations.parquet", "chains.parquet")
    assert not any((study.out / name).exists() for name in names), "not asked for"
    assert run(study.out, parquet=True).figures == study.figures, "the same study, which was done already"
    for name in names:
        frame = study.to_pandas(name.partition(".")[0])
        pd.testing.assert_frame_equal(pd.read_parquet(study.out / name), frame)
    assert load_static(study.out) == study
    run(tmp_path / "new", parquet=True)
    assert (tmp_path / "new" / names[1]).exists()
    assert (tmp_path / "new" / "journal.jsonl").read_bytes() == (study.out / "journal.jsonl").read_bytes()
    with pytest.raises(InvalidInput, match="no table of 'inputs'; there are evaluations, chains"):
        study.to_pandas("inputs")


def test_without_the_extra_parquet_is_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "find_spec", lambda name: None)
    with pytest.raises(InvalidInput, match=r"need pandas and pyarrow: pip install 'skiploop\[data\]'"):
        run(tmp_path / "s", parquet=True)
    assert not (tmp_path / "s").exists()
