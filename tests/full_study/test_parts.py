"""A full study: what is planted is found, what isn't there isn't shown, no question leaks, and a kill loses nothing."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner
from typer.testing import Result as Output

from skiploop.cli.call import Tools
from skiploop.cli.main import app
from skiploop.distributed.spread import done_by
from skiploop.engine.request import Request, Result
from skiploop.errors import InvalidInput
from skiploop.folders.full import FullStudy, PartState, load_full
from skiploop.full_study.parts import PARTS, Context, Part
from skiploop.full_study.run import open_context, run_parts, run_study
from skiploop.full_study.settings import FullSettings
from skiploop.reporting.sentences.reading import full_reading
from skiploop.reporting.terminal.search import study_table
from skiploop.reporting.terminal.study import full_table
from skiploop.studies.controls.settings import SamplingSettings
from skiploop.studies.execution import Execution
from skiploop.studies.paired import PairedDifference
from skiploop.studies.progress import Interrupted, Progress
from skiploop.studies.search import load_study
from skiploop.studies.search_job import SearchJob
from skiploop.studies.settings import StudySettings
from skiploop.studies.spread import Job
from skiploop.studies.static.settings import StaticSettings
from skiploop.tasks import Example, Task
from skiploop.tasks.sample import question_key
from skiploop.testing.chainbench import harmful_layer
from skiploop.testing.chainbench import null as null_table
from skiploop.testing.chainbench.table import AnswerTable
from skiploop.testing.fakes import LAYERS, FakeModel, FakeRunner, digest, fake_task
from tests.distributed.crews import FakeSearch, LocalCrew

HARMFUL = 3
WITHOUT = ("analyses", "report")  # take seconds, and depend on the rest alone
FILES = (
    "search/journal.jsonl", "search/verified.jsonl", "search/summary.json", "search/inputs.jsonl",
    "static/journal.jsonl", "static/summary.json", "static/inputs.jsonl",
    "controls/sampling.json", "controls/sampling.jsonl",
    "ablation/skip/summary.json", "ablation/loop/summary.json", "ablation/ablation.json",
)  # fmt: skip


class TableRunner(FakeRunner):
    """What a table says, for prompts `L1 row N=`. Sampled, the answer has nothing to do with the question."""

    def __init__(self, table: AnswerTable) -> None:
        super().__init__()
        self._table, self._said = table, table.answers.argmax(axis=2)

    def text(self, request: Request) -> str:
        row = int(request.prompt.removesuffix("=").split()[-1])
        if request.temperature:
            return word(self._table, row, digest(row, request.seed) % self._table.answers.shape[2])
        return word(self._table, row, int(self._said[row, self._table.column[request.chain.layers]]))


def word(table: AnswerTable, row: int, answer: int) -> str:
    """With two answers the right one is a word of its own for each row, so that a control has something to aim at."""
    if table.answers.shape[2] > 2:
        return str(100 + answer)
    return str(100 + row) if answer else "1"


def rows(table: AnswerTable) -> Task:
    examples = [Example(f"r{i}", f"L1 row {i}=", word(table, i, int(answer))) for i, answer in enumerate(table.gold)]
    return Task("rows", tuple(examples), "verbatim", max_new_tokens=8)


def settings(**changes: Any) -> FullSettings:
    study = {"searcher": "random", "space": "skip", "budget": 31, "per_call": 60, "limit": 40} | changes.pop(
        "study", {}
    )
    static = {"train": 40, "test": 60, "first": 10, "per_round": 4, "references": False}
    return FullSettings(
        **{
            "study": StudySettings().changed(**study), "static": StaticSettings(**static), "static_budget": 31,
            "sampling": SamplingSettings(tune=20, most=4, per_call=60),
        } | changes
    )  # fmt: skip


def run(out: Path, runner: FakeRunner, task: Task, **changes: Any) -> FullStudy:
    return run_study(
        FakeModel(),
        task,
        out=out,
        settings=settings(**changes),
        execution=Execution(runner),
        without=("analyses", "report"),
    )


def contents(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in FILES if (out / name).exists()}


# What is planted, and what isn't there


def test_a_planted_harmful_layer_is_found_and_shown(tmp_path: Path) -> None:
    table = harmful_layer(LAYERS, HARMFUL, inputs=110, share=0.7)
    found = run(tmp_path / "s", TableRunner(table), rows(table))
    assert found.complete
    parts = found.parts
    assert parts.static is not None and parts.search is not None and parts.sampling is not None
    chosen = parts.static.chosen["search"]
    assert chosen.chain == tuple(layer for layer in range(LAYERS) if layer != HARMFUL)
    assert chosen.test.value == 1.0 and chosen.minus_identity is not None
    assert _ends(chosen.minus_identity)[0] > 0.4
    excess = parts.search.control.excess.interval
    assert parts.search.oracle_accuracy.value == 1.0 and excess is not None and excess[0] > 0.5
    vote = parts.sampling.budgets["search"].vote
    assert vote is not None and vote.minus_static is not None
    assert _ends(vote.minus_static)[1] < -0.2, "sampled answers are right half of the time here"
    text = " ".join(full_reading(found.parts))
    assert "The static chain 0-2 4 is more accurate than the identity" in text
    assert "so chains favour the right answer over a wrong one" in text


def test_where_answers_have_nothing_to_do_with_the_question_nothing_is_shown(tmp_path: Path) -> None:
    claimed = {"excess": 0, "static": 0, "vote": 0, "nearby": 0}
    for seed in range(8):
        table = null_table(LAYERS, seed, inputs=110)
        found = run(tmp_path / f"s{seed}", TableRunner(table), rows(table), study={"seed": seed, "budget": 6},
                    sampling=SamplingSettings(tune=20, most=4, per_call=60, seed=seed))  # fmt: skip
        parts = found.parts
        assert parts.search is not None and parts.static is not None and parts.sampling is not None
        assert (parts.search.corrected_share.value or 0.0) > 0.5, "a lottery with many tickets"
        vote, minus = parts.sampling.budgets["search"].vote, parts.static.chosen["search"].minus_identity
        excess = parts.search.control.excess.interval
        assert vote is not None and excess is not None
        claimed["excess"] += not _holds(excess)
        claimed["static"] += minus is not None and not _holds(_ends(minus))
        claimed["vote"] += not _holds(_ends(vote.minus_identity))
        claimed["nearby"] += not _holds(_ends(parts.search.peers["nearby"].difference))
        text = " ".join(full_reading(parts))
        assert ("so chains favour the right answer" not in text) == (excess[0] <= 0)
    # A 95 % interval misses 0 once in 20 times; three of eight would be more than luck (p = 0.006).
    assert all(count <= 2 for count in claimed.values()), claimed


def _ends(difference: PairedDifference) -> tuple[float, float]:
    assert difference.difference.interval is not None
    return difference.difference.interval


def _holds(interval: tuple[float, float]) -> bool:
    return interval[0] <= 0 <= interval[1]


# Splits


def test_no_question_is_in_both_splits_and_the_search_is_run_on_test_inputs(tmp_path: Path) -> None:
    table = harmful_layer(LAYERS, HARMFUL, inputs=110)
    task = rows(table)
    again = [Example(f"again{e.id}", f"  {e.prompt.upper()}", e.answer) for e in task.examples]
    doubled = Task("doubled", (*task.examples, *again), "verbatim", 8)
    run(tmp_path / "s", TableRunner(table), doubled)
    lines = _lines(tmp_path / "s" / "static" / "inputs.jsonl")
    keys: dict[str, set[object]] = {"train": set(), "test": set()}
    for line in lines:
        keys[line["split"]].add(question_key(Example(line["id"], line["prompt"], line["answer"])))
    assert len(keys["train"]) == 40 and len(keys["test"]) == 60 and not keys["train"] & keys["test"]
    searched = [line["id"] for line in _lines(tmp_path / "s" / "search" / "inputs.jsonl")]
    assert searched == [line["id"] for line in lines if line["split"] == "test"][:40]
    sampled = [line for line in _lines(tmp_path / "s" / "controls" / "sampling.jsonl") if "split" in line]
    by_split = {split: {line["input"] for line in sampled if line["split"] == split} for split in ("train", "test")}
    named = {split: {line["id"] for line in lines if line["split"] == split} for split in ("train", "test")}
    assert by_split["train"] < named["train"] and by_split["test"] == named["test"]


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


# Resuming


class Killed(FakeRunner):
    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at

    def run(self, requests: Sequence[Request]) -> list[Result]:
        if len(self.calls) == self._at:
            raise KeyboardInterrupt
        return super().run(requests)


def small(**changes: Any) -> FullSettings:
    study = StudySettings().changed(searcher="cola", budget=8, per_call=40, limit=10)
    static = StaticSettings(train=20, test=30, first=10, per_round=4, references=False)
    sampling = SamplingSettings(tune=10, most=3, per_call=40)
    return FullSettings(**{"study": study, "static": static, "static_budget": 6, "sampling": sampling} | changes)


@pytest.mark.parametrize("scoring", ["verbatim", pytest.param("letter", marks=pytest.mark.slow)])
def test_stopped_in_any_part_and_resumed_nothing_differs(tmp_path: Path, scoring: str) -> None:
    task, reference = fake_task(60, scoring), FakeRunner()
    if scoring == "letter":
        task = _listed(task)
    whole = run_study(
        FakeModel(), task, out=tmp_path / "whole", settings=small(), execution=Execution(reference), without=WITHOUT
    )
    stopped_in = set()
    for at in range(0, len(reference.calls), max(1, len(reference.calls) // 7)):
        out = tmp_path / f"cut{at}"
        with pytest.raises(Interrupted) as caught:
            run_study(FakeModel(), task, out=out, settings=small(), execution=Execution(Killed(at)), without=WITHOUT)
        stopped_in.add(caught.value.what)
        assert not load_full(out).complete and caught.value.out == out
        resumed = run_study(
            FakeModel(), task, out=out, settings=small(), execution=Execution(FakeRunner()), without=WITHOUT
        )
        assert resumed.complete and contents(out) == contents(tmp_path / "whole")
        for name in ("static", "sampling", "options", "ablation"):
            assert getattr(resumed.parts, name) == getattr(whole.parts, name)
    assert {"search", "static", "ablation"} <= stopped_in
    again = FakeRunner()
    read = run_study(
        FakeModel(), task, out=tmp_path / "whole", settings=small(), execution=Execution(again), without=WITHOUT
    )
    assert read.parts == whole.parts
    assert not again.calls, "a complete study is only read"
    assert (whole.parts.options is not None) == (scoring == "letter")


def _listed(task: Task) -> Task:
    """With prompts that list their options, short enough for the fake model."""
    examples = tuple(
        Example(e.id, f"{e.prompt}\nA. one\nB. two\nC. three\nD. four\n", e.answer, e.choices, e.gold, level=e.level)
        for e in task.examples
    )
    return Task("listed", examples, "letter", max_new_tokens=8)


def test_stopped_in_an_analysis_and_resumed_nothing_is_run_twice(tmp_path: Path) -> None:
    few, task = ("sampling", "ablation", "report"), fake_task(60)
    for name in ("whole", "cut"):
        run_study(FakeModel(), task, out=tmp_path / name, settings=small(seeds=2), execution=Execution(FakeRunner()),
                  without=(*few, "analyses"))  # fmt: skip
    reference, killed, rest = FakeRunner(), Killed(2), FakeRunner()
    whole = run_study(
        FakeModel(), task, out=tmp_path / "whole", settings=small(seeds=2), execution=Execution(reference), without=few
    )
    with pytest.raises(Interrupted) as caught:
        run_study(
            FakeModel(), task, out=tmp_path / "cut", settings=small(seeds=2), execution=Execution(killed), without=few
        )
    assert caught.value.what == "analyses"
    cut = run_study(
        FakeModel(), task, out=tmp_path / "cut", settings=small(seeds=2), execution=Execution(rest), without=few
    )
    assert cut.parts == whole.parts
    asked = [sum(map(len, each.calls)) for each in (reference, killed, rest)]
    assert asked[0] == asked[1] + asked[2] and asked[1]


SCRIPT = """
import sys
from pathlib import Path
from skiploop.studies.execution import Execution
from skiploop.testing import fakes
from tests.full_study.test_parts import FakeModel, run_study, small

class Announcing(fakes.FakeRunner):
    def run(self, requests):
        if len(self.calls) == 2:
            print("working", flush=True)
        return super().run(requests)

run_study(FakeModel(), fakes.fake_task(60), out=Path(sys.argv[1]), settings=small(),
          execution=Execution(Announcing(0.02)), without=('analyses', 'report'))
print("done", flush=True)
"""


def test_killed_at_random_moments_nothing_differs(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    run_study(
        FakeModel(), fake_task(60), out=whole, settings=small(), execution=Execution(FakeRunner()), without=WITHOUT
    )
    out, rng = tmp_path / "killed", random.Random(5)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    for _ in range(4):
        command = [sys.executable, "-c", SCRIPT, str(out)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
            assert process.stdout is not None
            if process.stdout.readline() == b"done\n":
                break
            time.sleep(rng.uniform(0, 0.3))
            process.send_signal(signal.SIGKILL)
    run_study(FakeModel(), fake_task(60), out=out, settings=small(), execution=Execution(FakeRunner()), without=WITHOUT)
    assert contents(out) == contents(tmp_path / "whole")


# Parts


def test_a_further_part_is_one_more_entry(tmp_path: Path) -> None:
    def count(context: Context) -> None:
        (context.out / "count.json").write_text(json.dumps({"layers": context.model.num_layers}))

    more = (*PARTS, Part("count", "count.json", "layers counted", count))
    context = open_context(
        FakeModel(), fake_task(60), out=tmp_path / "s", settings=small(), execution=Execution(FakeRunner())
    )
    found = run_parts(context, WITHOUT, more)
    assert found.states["count"].status == "complete"
    assert json.loads((found.out / "count.json").read_text()) == {"layers": LAYERS}
    assert found.states["options"] == PartState(
        "options moved", "controls/options.json", "not applicable", "not multiple choice"
    )
    assert found.complete and not (tmp_path / "s" / "controls" / "options.json").exists()
    assert set(found.run["versions"]) == {"skiploop", "python", "torch", "transformers"}


def test_what_is_in_the_way_is_told_before_anything_is_run(tmp_path: Path) -> None:
    runner = FakeRunner()
    task = fake_task(60)
    few = ("ablation", "analyses", "report")
    run_study(FakeModel(), task, out=tmp_path / "s", settings=small(), execution=Execution(FakeRunner()), without=few)
    with pytest.raises(InvalidInput, match=r"static_budget \(there 6, here 9\)"):
        run_study(FakeModel(), task, out=tmp_path / "s", settings=small(static_budget=9), execution=Execution(runner))
    with pytest.raises(InvalidInput, match="kind 'search', not 'full'"):
        run_study(FakeModel(), task, out=tmp_path / "s" / "search", settings=small(), execution=Execution(runner))
    with pytest.raises(InvalidInput, match="60 distinct questions"):
        static = StaticSettings(train=40, test=30)
        run_study(FakeModel(), task, out=tmp_path / "t", settings=small(static=static), execution=Execution(runner))
    with pytest.raises(InvalidInput, match="limit=31"):
        small(study=StudySettings().changed(limit=31))
    assert not runner.calls and not (tmp_path / "t").exists()
    with pytest.raises(InvalidInput, match="holds no study"):
        load_full(tmp_path)
    with pytest.raises(InvalidInput, match="--without search isn't possible"):
        run_study(
            FakeModel(), task, out=tmp_path / "t", settings=small(), execution=Execution(runner), without=("search",)
        )


def test_parts_are_left_out_and_done_later_and_what_is_there_stays(tmp_path: Path) -> None:
    task, few = fake_task(60), ("ablation", "analyses", "report")
    first = run_study(
        FakeModel(), task, out=tmp_path / "s", settings=small(), execution=Execution(FakeRunner()), without=few
    )
    assert first.complete and set(first.parts.to_json()) == {"search", "static", "sampling"}
    assert {name for name, state in first.states.items() if state.status == "left out"} == set(few)
    before = contents(tmp_path / "s")
    later = run_study(
        FakeModel(), task, out=tmp_path / "s", settings=small(), execution=Execution(FakeRunner()), without=few[2:]
    )
    assert later.complete and later.parts.analyses.names == ("difficulty", "edits", "robustness")
    assert later.parts.ablation is not None and later.parts.ablation.spaces["cola"].out == "search"
    again = run_study(
        FakeModel(), task, out=tmp_path / "s", settings=small(), execution=Execution(FakeRunner()), without=few
    )
    assert again.parts == later.parts and before.items() <= contents(tmp_path / "s").items()


def test_a_warm_start_and_the_flags_of_the_search_go_through_to_it(tmp_path: Path) -> None:
    study = StudySettings().changed(
        budget=6, per_call=40, limit=10, warm_start=[[0, 1, 2, 4]], nearby_peer=False, verify=False
    )
    few = ("sampling", "ablation", "analyses", "report")
    for _ in range(2):  # recorded so that the same call is recognised
        found = run_study(FakeModel(), fake_task(60), out=tmp_path / "s", settings=small(study=study),
                          execution=Execution(FakeRunner()), without=few)  # fmt: skip
    results = load_study(tmp_path / "s" / "search").inputs
    assert all(each.search.evaluations[1][0].layers == (0, 1, 2, 4) for each in results)
    assert all("nearby" not in each.arms for each in results)
    assert found.run["settings"]["search"]["warm_start"] == [[0, 1, 2, 4]]


# The command


def command(runner: FakeRunner, *words: str) -> Output:
    tools = Tools(lambda name: FakeModel(), runner, lambda spec, options: fake_task(60), lambda threads: None)
    return CliRunner().invoke(app, words, obj=tools)


LEFT_OUT = ("--without", "ablation,analyses,report")
FLAGS = (
    *LEFT_OUT,
    "--budget", "20", "--limit", "10", "--train", "20", "--test", "30", "--static-budget", "6", "--tune", "10",
)  # fmt: skip


def test_the_command_prints_one_table_and_what_it_means(tmp_path: Path) -> None:
    done = command(FakeRunner(), "study", *FLAGS, "--out", str(tmp_path / "s"))
    assert done.exit_code == 0, done.output
    for text in (
        "static chain", "(best), T", "  random chains", "  nearby chains", "any of",
        "oracle: some answer", "so it is not", "options moved: not applicable: not multiple choice",
        "3/4 sampling", "the report: left out",
    ):  # fmt: skip
        assert text in done.output
    shown = CliRunner().invoke(app, ["show", str(tmp_path / "s")])
    assert shown.exit_code == 0 and shown.output in done.output


def test_json_is_one_object_and_the_same_command_only_reads(tmp_path: Path) -> None:
    words = ["study", *FLAGS, "--samples", "2", "--temperatures", "0.5,1", "--out", str(tmp_path / "s"), "--json"]
    found = json.loads(command(FakeRunner(), *words).stdout)
    assert found["status"] == "complete" and set(found["figures"]) == {"search", "static", "sampling"}
    assert found["settings"]["sampling"]["temperatures"] == [0.5, 1.0]
    assert found["figures"]["sampling"]["samples"] == 2 and found["out"] == str(tmp_path / "s")
    again = FakeRunner()
    assert json.loads(command(again, *words).stdout) == found and not again.calls


def test_the_tables_fit_into_80_columns(tmp_path: Path) -> None:
    found = run_study(FakeModel(), fake_task(60), out=tmp_path / "s", settings=small(),
                      execution=Execution(FakeRunner()), without=("ablation", "analyses", "report"))  # fmt: skip
    assert found.parts.search is not None
    for table in (full_table(found.parts, dense=True), study_table(found.parts.search, dense=True)):
        console = Console(width=80, record=True, file=io.StringIO())
        console.print(table)
        lines = [line.rstrip() for line in console.export_text().splitlines()]
        assert "\u2026" not in "".join(lines), "nothing is cut off"
        assert any(line.split()[:1] in (["identity"], ["all"]) for line in lines)


def test_ctrl_c_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopping(FakeRunner):
        def run(self, requests: Sequence[Request]) -> list[Result]:
            if (tmp_path / "s" / "static" / "journal.jsonl").exists():
                raise KeyboardInterrupt
            return super().run(requests)

    monkeypatch.setattr("sys.argv", ["skiploop", "study", "--out", "my study"])
    done = command(Stopping(), "study", *FLAGS, "--out", str(tmp_path / "s"))
    assert done.exit_code == 130 and "Interrupted during static after" in done.stderr
    assert "skiploop study --out 'my study'" in done.stderr and "Traceback" not in done.output
    shown = CliRunner().invoke(app, ["show", str(tmp_path / "s")])
    assert "not complete" in shown.output and "sampling and voting at equal layer calls: pending" in shown.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--temperatures", "0.7,x"], "0.7,x"), (["--temperatures", "-1"], "numbers above 0"),
        (["--tune", "0"], "tune=0"), (["--limit", "99"], "limit=99"), (["--searcher", "best"], "'best'"),
    ],
)  # fmt: skip
def test_bad_input_is_one_message_and_exit_code_2(words: list[str], message: str, tmp_path: Path) -> None:
    done = command(FakeRunner(), "study", *FLAGS, *words, "--out", str(tmp_path / "s"))
    assert done.exit_code == 2 and message in done.stderr and not (tmp_path / "s").exists()


def test_a_study_whose_searches_are_spread_is_the_same(tmp_path: Path) -> None:
    """The main search, and those of the ablation."""
    spread: list[str] = []

    def in_parts(job: Job, out: Path | None) -> Path:
        assert isinstance(job, SearchJob) and out is not None
        spread.append(out.name)
        fake = FakeSearch("fake", job.pool, job.given, job.settings)
        return done_by(LocalCrew(fake), 2, fake, out, Progress(), 2)

    settings = FullSettings(
        study=StudySettings().changed(limit=4, budget=3, searcher="random"), static=StaticSettings(train=8, test=6),
        static_budget=4, sampling=SamplingSettings(tune=4, most=2),
    )  # fmt: skip
    for name, how in (("one", None), ("several", in_parts)):
        run_study(
            FakeModel(), fake_task(20), out=tmp_path / name, settings=settings,
            execution=Execution(FakeRunner(), spread=how), without=WITHOUT,
        )  # fmt: skip
    assert spread == ["search", "skip", "loop"]
    for file in FILES:
        assert (tmp_path / "several" / file).read_bytes() == (tmp_path / "one" / file).read_bytes(), file
