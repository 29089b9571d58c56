"""Analyses of a study: resumed, kept, refused; neighbours; the ablation; the commands."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from skiploop.analysis.ablation import ablate, by_space, compare, load_ablation
from skiploop.analysis.robustness import neighbours
from skiploop.analysis.runs import ANALYSES, Selection, analyze
from skiploop.analysis.subject import open_subject
from skiploop.chains.chain import Chain
from skiploop.cli.app import load_command
from skiploop.cli.main import app
from skiploop.engine.request import Request, Result
from skiploop.errors import InvalidInput
from skiploop.folders.open import open_folder
from skiploop.reporting.sentences.analyses import reading
from skiploop.spaces.named import make_space
from skiploop.storage.records import as_json
from skiploop.studies.execution import Execution
from skiploop.studies.search import Study, search
from skiploop.studies.settings import StudySettings
from skiploop.testing.fakes import FakeModel, FakeRunner, fake_task, options

TABLES = ["difficulty", "edits", "robustness"]  # those that need no hidden states
QUICK = {"difficulty": {"seeds": 2, "resamples": 20}, "edits": {"resamples": 999}}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return search(FakeModel(), fake_task(20), out=tmp_path / "run", execution=Execution(FakeRunner()), **options())


class Failing(FakeRunner):
    """Is killed after so many calls."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._left = after

    def run(self, requests: Sequence[Request]) -> list[Result]:
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        return super().run(requests)


def test_analyses_that_were_stopped_end_in_the_same_results(study: Study, tmp_path: Path) -> None:
    whole = FakeRunner()
    want = analyze(study.out, Selection(TABLES, QUICK), model=FakeModel(), execution=Execution(whole))
    other = search(FakeModel(), fake_task(20), out=tmp_path / "other", execution=Execution(FakeRunner()), **options())
    spent = 0
    for after in (1, 3, 5):
        runner = Failing(after)
        with pytest.raises(KeyboardInterrupt):
            analyze(other.out, Selection(TABLES, QUICK), model=FakeModel(), execution=Execution(runner))
        spent += sum(map(len, runner.calls))
    with (other.out / "analysis" / "evaluations.jsonl").open("ab") as file:
        file.write(b'{"input": "e1", "ch')
    last = FakeRunner()
    found = analyze(other.out, Selection(TABLES, QUICK), model=FakeModel(), execution=Execution(last))
    assert found.results == want.results
    assert spent + sum(map(len, last.calls)) == sum(map(len, whole.calls)), "nothing is evaluated twice"


def test_rewards_are_those_by_the_gold_answer_whoever_asked_for_the_chain(study: Study) -> None:
    runner, task = FakeRunner(), fake_task(20)
    with open_subject(study.out, model=FakeModel(), execution=Execution(FakeRunner())) as subject:
        assert subject.task.examples == task.examples
        for result, example in zip(study.inputs, task.examples, strict=True):
            chains = [chain for arm in result.arms.values() for chain, _ in arm.evaluations]
            wanted = [runner.answer(Request(example.prompt, c, expected=example.answer)).matched for c in chains]
            assert subject.evaluate([(example.id, chain) for chain in chains]) == list(map(float, wanted))
        with pytest.raises(InvalidInput, match="another process"):
            analyze(study.out, Selection(TABLES), model=FakeModel(), execution=Execution(FakeRunner()))


def test_what_is_there_is_read_unless_settings_differ(study: Study) -> None:
    first = analyze(study.out, Selection(TABLES, QUICK), model=FakeModel(), execution=Execution(FakeRunner()))
    assert first.read == ()
    again = analyze(study.out, Selection(TABLES, QUICK))  # no model is opened
    assert again.read == tuple(TABLES)
    assert again.results == first.results
    changed = QUICK | {"difficulty": {"seeds": 3, "resamples": 20}}
    third = analyze(study.out, Selection(TABLES, changed), model=FakeModel(), execution=Execution(FakeRunner()))
    assert third.read == ("edits", "robustness")
    for name in TABLES:
        assert json.loads((study.out / "analysis" / f"{name}.json").read_text()) == as_json(third.results[name])
        assert reading(third.results[name])


def test_a_file_that_was_changed_is_refused_and_its_field_named(study: Study) -> None:
    analyze(study.out, Selection(["robustness"]), model=FakeModel(), execution=Execution(FakeRunner()))
    place = study.out / "analysis" / "robustness.json"
    place.write_text(place.read_text().replace('"chance": {', '"chances": {', 1))
    with pytest.raises(InvalidInput, match=r"RobustnessFigures\.best has no 'chance'"):
        analyze(study.out, Selection(["robustness"]), model=FakeModel(), execution=Execution(FakeRunner()))


def test_the_study_itself_is_left_as_it_was(study: Study) -> None:
    before = {path.name: path.read_bytes() for path in study.out.iterdir() if path.is_file()}
    analyze(study.out, Selection(TABLES, QUICK), model=FakeModel(), execution=Execution(FakeRunner()))
    assert {path.name: path.read_bytes() for path in study.out.iterdir() if path.is_file()} == before
    search(
        FakeModel(), fake_task(20), out=study.out, execution=Execution(FakeRunner()), **options()
    )  # and is still read


def test_what_cannot_be_analysed_is_refused(study: Study, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"unknown analysis 'lense'.*lens"):
        analyze(study.out, Selection(["lense"]))
    with pytest.raises(InvalidInput, match="no such setting"):
        analyze(study.out, Selection(["edits"], {"edits": {"beta": 1}}))
    with pytest.raises(InvalidInput, match="isn't the one of this study"):
        analyze(study.out, Selection(TABLES), model=FakeModel("beef"), execution=Execution(FakeRunner()))
    (study.out / "summary.json").unlink()
    with pytest.raises(InvalidInput, match="isn't finished"):
        analyze(study.out, Selection(TABLES), model=FakeModel(), execution=Execution(FakeRunner()))
    with pytest.raises(InvalidInput, match="holds no study"):
        analyze(tmp_path / "nothing", model=FakeModel(), execution=Execution(FakeRunner()))


# Neighbours


@pytest.mark.parametrize("name", ["cola", "skip", "loop"])
def test_neighbours_are_one_edit_away_without_the_identity(name: str) -> None:
    space, rng = make_space(name, 6), random.Random(0)
    for _ in range(20):
        chain = space.sample(rng)
        near = neighbours(chain, space)
        assert len(set(near)) == len(near)
        assert chain not in near
        assert space.identity not in near
        assert all(each in space for each in near)
        assert set(space.children(chain)) - {space.identity} <= set(near)
    if name == "cola":
        near = neighbours(Chain.parse("0 2 4-5", 6), space)
        assert Chain.parse("0-2 4-5", 6) in near, "an edit undone"


def test_robustness_is_the_mean_reward_of_neighbours(study: Study) -> None:
    runner = FakeRunner()
    analysed = analyze(study.out, Selection(["robustness"]), model=FakeModel(), execution=Execution(runner))
    found = analysed.results["robustness"]
    space = make_space("cola", 5)
    kinds = {line.kind for line in found.inputs}
    assert kinds == {"best", "found", "random", "identity"}
    prompts = {result.example["id"]: result.example["prompt"] for result in study.inputs}
    answers = {example.id: example.answer for example in fake_task(20).examples}
    for line in found.inputs:
        near = neighbours(Chain(line.chain, 5), space)
        assert line.neighbours == min(16, len(near))
        if len(near) <= 16:
            name = line.input
            rewards = [runner.answer(Request(prompts[name], c, expected=answers[name])).matched for c in near]
            assert line.reward == pytest.approx(sum(map(bool, rewards)) / len(near))


# Ablation


def test_an_ablation_compares_the_same_inputs_in_three_spaces(tmp_path: Path) -> None:
    found = ablate(FakeModel(), fake_task(20), out=tmp_path, execution=Execution(FakeRunner()), **options())
    assert list(found.studies) == ["skip", "loop", "cola"]
    assert [study.run["settings"]["space"]["name"] for study in found.studies.values()] == list(found.studies)
    assert found == load_ablation(tmp_path) == open_folder(tmp_path)
    assert found.figures.base_differs == 0
    right = {space: [each.search.right for each in study.inputs] for space, study in found.studies.items()}
    gap = found.figures.of_oracle_accuracy()[0]
    assert (gap.first, gap.second) == ("skip", "loop")
    pairs = list(zip(right["skip"], right["loop"], strict=True))
    assert gap.counts.both == pairs.count((True, True))
    assert gap.counts.first == pairs.count((True, False))
    value, ends = gap.difference.value, gap.difference.interval
    assert value == pytest.approx((sum(right["skip"]) - sum(right["loop"])) / 20)
    assert ends is not None and value is not None and ends[0] <= value <= ends[1]
    assert all((each.p_holm or 0) >= (each.p or 0) for each in (*found.figures.shares, *found.figures.excess))
    shorter = [each for each in found.figures.shares if each.measure == "shorter"]
    assert [(each.first, each.second) for each in shorter] == [("skip", "cola")]


def test_with_a_damping_damped_loops_are_searched_beside_plain_ones(tmp_path: Path) -> None:
    settings = by_space(StudySettings().changed(damping=(1, 0.5), cache_policy="first"))
    spaces = {name: (each.space.name, each.space.damping, each.engine.cache_policy) for name, each in settings.items()}
    assert spaces == {
        "skip": ("skip", (), "own"), "loop": ("loop", (), "first"), "damped": ("loop", (0.5,), "first"),
        "cola": ("cola", (1, 0.5), "first"),
    }  # fmt: skip
    execution = Execution(FakeRunner())
    found = ablate(FakeModel(), fake_task(10), out=tmp_path, execution=execution, **options(damping=(1, 0.5)))
    assert found == load_ablation(tmp_path) and list(found.studies) == list(settings)
    tried = {name: [c for e in s.inputs for c, _ in e.search.evaluations[1:]] for name, s in found.studies.items()}
    assert not any("~" in str(chain) for chain in (*tried["skip"], *tried["loop"]))
    assert any("~.5" in str(chain) for chain in tried["damped"]) and any("~.5" in str(chain) for chain in tried["cola"])
    pairs = [(each.first, each.second) for each in found.figures.of_oracle_accuracy()]
    assert ("loop", "damped") in pairs and len(pairs) == 6
    assert [(e.first, e.second) for e in found.figures.shares if e.measure == "shorter"] == [("skip", "cola")]


def test_a_pair_of_spaces_without_inputs_shows_nothing_and_leaves_the_others_their_p(tmp_path: Path) -> None:
    found = ablate(FakeModel(), fake_task(20), out=tmp_path, execution=Execution(FakeRunner()), **options())
    wrong = {
        space: replace(study, inputs=tuple(each for each in study.inputs if not each.base_right))
        for space, study in found.studies.items()
    }
    figures = compare(wrong)
    (shorter,) = (each for each in figures.shares if each.measure == "shorter")
    assert shorter.difference.value is None and shorter.p is None and shorter.p_holm is None and not shorter.shown
    assert all(each.p is not None and each.p_holm is not None for each in figures.of_oracle_accuracy())


def test_an_ablation_that_was_stopped_goes_on(tmp_path: Path) -> None:
    whole = ablate(FakeModel(), fake_task(), out=tmp_path / "whole", execution=Execution(FakeRunner()), **options())
    for after in (2, 30, 40):
        with pytest.raises(KeyboardInterrupt):
            ablate(FakeModel(), fake_task(), out=tmp_path / "cut", execution=Execution(Failing(after)), **options())
    cut = ablate(FakeModel(), fake_task(), out=tmp_path / "cut", execution=Execution(FakeRunner()), **options())
    assert (cut.figures.shares, cut.figures.excess) == (whole.figures.shares, whole.figures.excess)
    ready = FakeRunner()
    ablate(FakeModel(), fake_task(), out=tmp_path / "cut", execution=Execution(ready), **options())
    assert not ready.calls


def test_a_folder_with_a_study_is_no_place_for_an_ablation(study: Study) -> None:
    with pytest.raises(InvalidInput, match="kind 'search', not 'ablation'"):
        ablate(FakeModel(), fake_task(), out=study.out, execution=Execution(FakeRunner()), **options())


# Commands


@pytest.mark.slow
def test_the_commands_work_on_the_embedded_model(tmp_path: Path) -> None:
    run = CliRunner().invoke
    flags = ["--limit", "3", "--budget", "3", "--no-random-peer", "--threads", "1"]
    made = run(app, ["ablate", *flags, "--out", str(tmp_path / "abl"), "--json"])
    assert made.exit_code == 0, made.output
    assert set(json.loads(made.stdout)["spaces"]) == {"skip", "loop", "cola"}
    told = run(app, ["ablate", *flags, "--out", str(tmp_path / "abl")])
    assert "skip and loop" in told.stdout and "No difference in oracle accuracy is shown" in told.stdout
    assert run(app, ["show", str(tmp_path / "abl")]).stdout == told.stdout
    study = str(tmp_path / "abl" / "cola")
    found = run(app, ["analyze", study, "--seeds", "2", "--inputs", "2", "--json", "--threads", "1"])
    assert found.exit_code == 0, found.output
    assert tuple(json.loads(found.stdout)) == ANALYSES
    shown = run(app, ["analyze", study, "--seeds", "2", "--inputs", "2"])
    assert shown.stdout.count("done before") == len(ANALYSES)
    refused = run(app, ["analyze", study, "--only", "nonsense"])
    assert refused.exit_code == 2
    assert "unknown analysis 'nonsense'" in refused.output


def test_ablate_has_the_options_of_search_but_its_own_spaces() -> None:
    own, searching = ({each.name for each in load_command(name).params} for name in ("ablate", "search"))
    static = {"static", "train", "test", "no_references", "gates", "curve", "max_depth", "swap", "timed", "within"}
    static |= {"policies"}
    spread = {"ray", "address", "workers", "gpus_per_worker", "cpus_per_worker", "chunk"}
    assert searching - own == {"space"} | static | spread
    assert own < searching
