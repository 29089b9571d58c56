"""Studies that begin with given chains: where they come from, that they can't leak answers, and that resuming holds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.studies.execution import Execution
from skiploop.studies.progress import Interrupted
from skiploop.studies.search import Study, search
from skiploop.studies.static.settings import StaticSettings
from skiploop.studies.static.study import search_static
from skiploop.studies.warm_start import MOST, most_often_right
from skiploop.tasks import Task
from skiploop.testing.fakes import LAYERS, FakeModel, FakeRunner, fake_task, options
from tests.cli.test_main import call, tools
from tests.studies.test_search import Stopping, contents, evaluations

FIRST = ["0-2", "0 1 1 2 3 4", "0-4", "4"]


def part(start: int, stop: int) -> Task:
    task = fake_task(40)
    return replace(task, examples=task.examples[start:stop])


def run(out: Path, task: Task, runner: FakeRunner | None = None, **changes: Any) -> Study:
    return search(FakeModel(), task, out=out, execution=Execution(runner or FakeRunner()), **options(**changes))


def asked(out: Path, arm: str, name: str) -> list[list[int]]:
    return [line["chain"] for line in evaluations(out) if (line["arm"], line["input"]) == (arm, name)]


@pytest.fixture
def chains(tmp_path: Path) -> Path:
    place = tmp_path / "chains.json"
    place.write_text(json.dumps([*FIRST, [0, 2, 4], "0-2"]))
    return place


def test_the_chains_of_a_file_come_first_on_every_input_but_in_the_random_arm(tmp_path: Path, chains: Path) -> None:
    study = run(tmp_path / "s", part(0, 10), warm_start=chains)
    first = [[0, 1, 2], [0, 1, 1, 2, 3, 4], [4], [0, 2, 4]]  # the identity is evaluated already
    for result in study.inputs:
        name = result.example["id"]
        assert asked(tmp_path / "s", "search", name)[:4] == first
        assert asked(tmp_path / "s", "random", name)[:4] != first
        if "control" in result.arms:
            assert asked(tmp_path / "s", "control", name)[:4] == first, "or the two couldn't be compared"
        assert len({tuple(chain) for chain in asked(tmp_path / "s", "search", name)}) == 19
    assert study.run["settings"]["search"]["warm_start"] == [[0, 1, 2], first[1], [0, 1, 2, 3, 4], [4], [0, 2, 4]]


def test_without_a_warm_start_nothing_is_recorded_so_that_older_studies_can_be_resumed(tmp_path: Path) -> None:
    assert run(tmp_path / "s", part(0, 5)).run["settings"]["search"]["warm_start"] == []


def test_interrupted_anywhere_and_resumed_nothing_differs(tmp_path: Path, chains: Path) -> None:
    reference = FakeRunner()
    run(tmp_path / "whole", part(0, 10), reference, warm_start=chains)
    for at in range(0, len(reference.calls), 3):
        out, rest = tmp_path / f"cut{at}", FakeRunner()
        with pytest.raises(Interrupted):
            run(out, part(0, 10), Stopping(at), warm_start=chains)
        run(out, part(0, 10), rest, warm_start=chains)
        assert contents(out) == contents(tmp_path / "whole")
        assert rest.calls == reference.calls[at:]


def test_another_list_is_another_study(tmp_path: Path, chains: Path) -> None:
    run(tmp_path / "s", part(0, 5), warm_start=chains)
    chains.write_text('["0-2"]')
    with pytest.raises(InvalidInput, match=r"another study.*warm_start"):
        run(tmp_path / "s", part(0, 5), warm_start=chains)
    with pytest.raises(InvalidInput, match=r"another study.*warm_start"):
        run(tmp_path / "s", part(0, 5))


def test_the_chains_right_on_most_other_inputs_are_taken_from_a_study(tmp_path: Path) -> None:
    earlier = run(tmp_path / "earlier", part(0, 20), budget=100)
    later = run(tmp_path / "later", part(20, 30), warm_start=str(tmp_path / "earlier"))
    taken = [Chain(layers, LAYERS) for layers in later.run["settings"]["search"]["warm_start"]]
    assert len(taken) == MOST and Chain.identity(LAYERS) not in taken
    right = [
        {c for name, arm in each.arms.items() if name != "control" for c, reward in arm.evaluations if reward >= 1}
        for each in earlier.inputs
    ]
    counts = [sum(chain in found for found in right) for chain in taken]
    assert counts == sorted(counts, reverse=True) and counts[-1] > 0
    others = set().union(*right) - set(taken) - {Chain.identity(LAYERS)}
    assert max(sum(chain in found for found in right) for chain in others) <= counts[-1]
    assert most_often_right(earlier.inputs)[:1] != []
    name = later.inputs[0].example["id"]
    assert asked(tmp_path / "later", "search", name)[:MOST] == [list(chain) for chain in taken]


def test_a_study_of_the_same_questions_is_refused_whatever_its_ids_and_prompts(tmp_path: Path) -> None:
    run(tmp_path / "earlier", part(0, 20), budget=40)
    with pytest.raises(InvalidInput, match=r"1 of 11 questions.*'e19'.*leak"):
        run(tmp_path / "later", part(19, 30), warm_start=tmp_path / "earlier")
    task = part(30, 35)
    disguised = replace(task.examples[2], question=" " + part(0, 20).examples[7].prompt.upper())
    task = replace(task, examples=(*task.examples[:2], disguised))
    with pytest.raises(InvalidInput, match=r"1 of 3 questions.*'e32'"):
        run(tmp_path / "later", task, warm_start=tmp_path / "earlier")
    assert not (tmp_path / "later").exists()
    static = StaticSettings(train=4, test=4, references=False)
    with pytest.raises(InvalidInput, match="questions of this study were searched there"):
        search_static(
            FakeModel(),
            part(12, 20),
            execution=Execution(FakeRunner()),
            static=static,
            warm_start=tmp_path / "earlier",
            budget=8,
        )


def test_a_static_search_tries_them_first_too(tmp_path: Path, chains: Path) -> None:
    static = StaticSettings(train=8, test=4, references=False)
    out = tmp_path / "s"
    search_static(
        FakeModel(), part(0, 12), out=out, execution=Execution(FakeRunner()), static=static, warm_start=chains, budget=8
    )
    lines = [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]
    order = list(dict.fromkeys(tuple(line["chain"]) for line in lines if "chain" in line))
    assert order[:5] == [(0, 1, 2, 3, 4), (0, 1, 2), (0, 1, 1, 2, 3, 4), (4,), (0, 2, 4)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "holds no list of chains"),
        ("[]", "holds no list of chains"),
        ("[1", "can't be read"),
        ('["0-9"]', "chains.json: .*9"),
        ("[[0, 9]]", "chains.json: .*9"),
        ("[7]", "7 is no chain"),
        ('["3 1 2 1"]', "isn't in the space"),
    ],
)
def test_bad_files_are_refused_before_any_work(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "chains.json").write_text(text)
    runner = FakeRunner()
    with pytest.raises(InvalidInput, match=message):
        run(tmp_path / "s", part(0, 5), runner, warm_start=tmp_path / "chains.json")
    assert not runner.calls and not (tmp_path / "s").exists()


def test_chains_may_be_given_as_they_are(tmp_path: Path) -> None:
    chains = [Chain([0, 1, 2], LAYERS), Chain([4], LAYERS)]
    study = run(tmp_path / "s", part(0, 5), warm_start=chains)
    assert study.run["settings"]["search"]["warm_start"] == [[0, 1, 2], [4]]
    assert run(tmp_path / "s", part(0, 5), warm_start=[[0, 1, 2], [4]]).figures == study.figures


@pytest.mark.parametrize("value", [[5], 5, [[0, 9]], ["0-2"]])
def test_a_list_that_is_none_is_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(InvalidInput, match="warm_start"):
        run(tmp_path / "s", part(0, 5), warm_start=value)


def test_studies_that_can_not_help_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="can't be read"):
        run(tmp_path / "s", part(0, 5), warm_start=tmp_path / "nothing")
    with pytest.raises(Interrupted):
        run(tmp_path / "half", part(0, 10), Stopping(2))
    with pytest.raises(InvalidInput, match="isn't finished"):
        run(tmp_path / "s", part(10, 15), warm_start=tmp_path / "half")
    run(tmp_path / "short", part(0, 2), budget=1)
    with pytest.raises(InvalidInput, match="no chain of this study's space was right"):
        run(tmp_path / "s", part(10, 15), warm_start=tmp_path / "short")

    class Longer(FakeModel):
        num_layers = LAYERS + 1

    run(tmp_path / "whole", part(0, 10))
    with pytest.raises(InvalidInput, match=f"{LAYERS} layers, this one has {LAYERS + 1}"):
        search(
            Longer(), part(10, 15), out=tmp_path / "s", execution=Execution(FakeRunner()), warm_start=tmp_path / "whole"
        )


def test_the_flag_reaches_the_study(tmp_path: Path, chains: Path) -> None:
    done = call("search", "--budget", 9, "--out", tmp_path / "s", "--warm-start", chains, "--json", obj=tools())
    assert done.exit_code == 0, done.output
    recorded = json.loads((tmp_path / "s" / "run.json").read_text())["settings"]["search"]["warm_start"]
    assert recorded[0] == [0, 1, 2] and len(recorded) == 5
    done = call("search", "--out", tmp_path / "t", "--warm-start", tmp_path / "s", "--json", obj=tools())
    assert done.exit_code == 2 and "would leak" in json.loads(done.stdout)["error"]
