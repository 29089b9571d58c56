"""Studies: budgets, arms, controls, and that what disturbs one leaves no trace."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from skiploop.engine.request import Request, Result
from skiploop.errors import InvalidInput
from skiploop.stats.measured import Measured, measured_share
from skiploop.stats.shares import mcnemar
from skiploop.studies.arms import seed_for, wrong_candidates
from skiploop.studies.execution import Execution
from skiploop.studies.figures import VerificationFigures
from skiploop.studies.folder import read_inputs
from skiploop.studies.progress import Interrupted
from skiploop.studies.results import TRANSITIONS
from skiploop.studies.search import Study, load_study, search
from skiploop.studies.settings import SearchSettings
from skiploop.tasks import Subset, Task
from skiploop.testing.fakes import LAYERS, FakeModel, FakeRunner, fake_task, options

IDENTITY = list(range(LAYERS))
FILES = ("journal.jsonl", "verified.jsonl", "summary.json", "inputs.jsonl")


def run(out: Path, runner: FakeRunner | None = None, scoring: str = "verbatim", **changes: Any) -> Study:
    task = fake_task(scoring=scoring)
    return run_with(Execution(runner or FakeRunner()), out, task, **changes)


def run_with(execution: Execution, out: Path, task: Task, **changes: Any) -> Study:
    return search(FakeModel(), task, out=out, execution=execution, **options(**changes))


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]


def evaluations(out: Path) -> list[dict[str, Any]]:
    return [line for line in lines(out) if "end" not in line]


def found_of(lines: list[dict[str, Any]], arm: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["arm"] == arm]


def contents(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in FILES}


@pytest.mark.parametrize("scoring", ["verbatim", "exact", "choice", "letter"])
def test_budgets_are_distinct_evaluations_per_input_and_arm(tmp_path: Path, scoring: str) -> None:
    run(tmp_path / "s", scoring=scoring)
    found = evaluations(tmp_path / "s")
    chains = Counter((line["input"], line["arm"], tuple(line["chain"])) for line in found)
    assert set(chains.values()) == {1}
    per_arm = Counter((line["input"], line["arm"]) for line in found)
    assert all(per_arm[f"e{i}", arm] == 19 for i in range(10) for arm in ("search", "random", "nearby"))
    assert all(per_arm[f"e{i}", "identity"] == 1 for i in range(10))  # the 20th of each arm
    assert not [line for line in found if line["arm"] != "identity" and line["chain"] == IDENTITY]
    wrong = {line["input"] for line in found if line["arm"] == "identity" and line["reward"] < 1}
    assert {name for name, arm in per_arm if arm == "control"} == wrong
    assert all(per_arm[name, "control"] == 19 for name in wrong)


@pytest.mark.parametrize("scoring", ["verbatim", "exact", "choice"])
def test_a_chain_is_run_once_per_input_and_target(tmp_path: Path, scoring: str) -> None:
    runner = FakeRunner()
    study = run(tmp_path / "s", runner, scoring, budget=60, verify=False)
    requests = [request for call in runner.calls for request in call]
    assert max(Counter((r.prompt, r.chain, r.expected) for r in requests).values()) == 1
    found = evaluations(tmp_path / "s")
    assert len(requests) < len(found), "the arms had chains in common"
    assert study.figures.layer_calls == runner.layer_calls == sum(len(r.chain) for r in requests)


def test_every_round_is_one_call_unless_it_is_cut(tmp_path: Path) -> None:
    whole, cut = FakeRunner(), FakeRunner()
    run(tmp_path / "whole", whole, per_call=1000, verify=False)
    rounds = max(line.get("round", 0) for line in lines(tmp_path / "whole"))
    assert rounds == math.ceil(19 / 4) and len(whole.calls) == 1 + rounds
    run(tmp_path / "cut", cut, per_call=10, verify=False)
    assert len(cut.calls) > 2 * len(whole.calls)
    for call in cut.calls[1:]:
        assert len(call) < 10 + 3 * 4  # the last input's chains stay together
    by_input: dict[str, Any] = {}
    for out, name in ((tmp_path / "whole", "whole"), (tmp_path / "cut", "cut")):
        by_input[name] = evaluations(out)
    assert by_input["whole"] == by_input["cut"], "how rounds are cut doesn't change what is asked"


def test_the_identity_is_generated_and_shown(tmp_path: Path) -> None:
    runner = FakeRunner()
    study = run(tmp_path / "s", runner)
    assert all(request.max_new_tokens == 8 and request.chain.is_identity for request in runner.calls[0])
    assert all(request.expected is not None for request in runner.calls[1])
    assert study.inputs[0].text == "1"
    assert study.inputs[4].answer is None
    failed = [result for result in study.inputs if result.example["level"] == 5]
    failures = study.figures.format_failures
    assert failures is not None and failures.errors == len(failed) == 2
    assert failures.corrected == sum(result.search.right for result in failed)


def test_the_figures_agree_with_the_journal(tmp_path: Path) -> None:
    study = run(tmp_path / "s")
    figures = study.figures
    found = evaluations(tmp_path / "s")
    base = {line["input"]: line["reward"] for line in found if line["arm"] == "identity"}
    hit: dict[str, set[str]] = {"search": set(), "random": set(), "nearby": set(), "control": set()}
    for line in found:
        if line["reward"] >= 1 and line["arm"] in hit:
            hit[line["arm"]].add(line["input"])
    right = {name for name, reward in base.items() if reward >= 1}
    wrong = set(base) - right
    assert figures.inputs == 10 and figures.base_accuracy.value == len(right) / 10 == 0.4
    assert figures.oracle_accuracy == measured_share(len(right | hit["search"]), 10)
    assert list(figures.peers) == ["random", "nearby"]
    for name, peer in figures.peers.items():
        assert peer.oracle_accuracy == measured_share(len(right | hit[name]), 10)
        apart = peer.difference.difference
        assert apart.value == pytest.approx((len(right | hit["search"]) - len(right | hit[name])) / 10)
        low, high = apart.interval or (1.0, -1.0)
        assert low <= (apart.value or 0.0) <= high and apart.count == 10
        only = [len(hit["search"] - hit[name] - right), len(hit[name] - hit["search"] - right)]
        assert peer.difference.mcnemar_p == pytest.approx(mcnemar(*only))
    for arm in ("search", "control"):
        own = [line["reward"] for line in found_of(found, arm) if line["input"] in wrong]
        assert figures.right_chain_share_control_inputs[arm] == pytest.approx(sum(own) / len(own))
    assert figures.corrected_share == measured_share(len(wrong & hit["search"]), len(wrong))
    control = figures.control
    assert control.inputs == len(wrong) and control.reached == measured_share(len(hit["control"]), len(wrong))
    assert control.excess.value == pytest.approx((len(wrong & hit["search"]) - len(hit["control"])) / len(wrong))
    low, high = control.excess.interval or (1.0, -1.0)
    assert low <= (control.excess.value or 0.0) <= high
    assert figures.evaluations == 200
    assert [figures.evaluations_by_arm[arm] for arm in ("random", "nearby")] == [200, 200]
    shorter = {
        line["input"]
        for line in found
        if line["arm"] == "search" and line["reward"] >= 1 and len(line["chain"]) < LAYERS
    }
    assert figures.shorter_share == measured_share(len(right & shorter), len(right))
    moves = asdict(figures.transitions)
    assert sum(moves.values()) == 10 and tuple(moves) == TRANSITIONS
    assert [row.group for row in figures.by_level] == [1, 2, 3, 4, 5]
    for name in TRANSITIONS:
        assert sum(getattr(row.transitions, name) for row in figures.by_level) == moves[name]
        assert sum(getattr(row.transitions, name) for row in figures.by_family) == moves[name]
        assert getattr(figures.transition_shares, name) == measured_share(moves[name], 10)
    verification = figures.verification
    assert verification.reruns >= len(right | hit["search"]) and verification.flips == 0
    assert figures.mean_base_depth == LAYERS and study.seconds > 0
    assert study.out == tmp_path / "s" and study.complete and figures.complete


def test_the_figures_come_back_from_summary_json_and_a_file_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    study, place = run(tmp_path / "s"), tmp_path / "s" / "summary.json"
    written = json.loads(place.read_text())
    assert {
        name: value for name, value in written.items() if name not in ("files", "checksum")
    } == study.figures.to_json()
    assert written["oracle_accuracy"] == study.figures.oracle_accuracy.to_json()
    place.write_text(json.dumps(written | {"budget": "many"}))
    with pytest.raises(InvalidInput, match=r"summary\.json: SearchFigures\.budget is 'many'"):
        load_study(tmp_path / "s")
    place.write_text(json.dumps({name: value for name, value in written.items() if name != "control"}))
    with pytest.raises(InvalidInput, match=r"summary\.json: SearchFigures has no 'control'"):
        load_study(tmp_path / "s")


def test_wrong_to_wrong_counts_the_identity(tmp_path: Path) -> None:
    study = run(tmp_path / "s", budget=2)
    still = [result for result in study.inputs if result.transition() == "still_wrong"]
    assert still and all(result.search.best[0].is_identity for result in still)


def test_arms_can_be_left_out(tmp_path: Path) -> None:
    figures = run(tmp_path / "a", random_peer=False, nearby_peer=False, control=False, verify=False).figures
    assert set(figures.evaluations_by_arm) == {"search"}
    assert not figures.peers and figures.control.inputs == 0
    assert figures.control.reached.value is None and figures.control.excess == Measured(None, None, 0)
    assert figures.verification == VerificationFigures(0, 0, None)
    for searcher, other in (("random", "nearby"), ("nearby", "random")):
        figures = run(tmp_path / searcher, searcher=searcher).figures
        assert set(figures.evaluations_by_arm) == {"search", other, "control"}
        assert list(figures.peers) == [other]
    figures = run(tmp_path / "c", budget=1).figures
    assert figures.oracle_accuracy == figures.peers["random"].oracle_accuracy == figures.base_accuracy


def test_a_small_space_is_exhausted(tmp_path: Path) -> None:
    study = run(tmp_path / "s", space="early-exit", budget=100)
    assert all(len(arm.evaluations) == LAYERS for each in study.inputs for arm in each.arms.values())


def test_stopping_early_saves_what_can_not_help(tmp_path: Path) -> None:
    normal, early = run(tmp_path / "a", space="loop"), run(tmp_path / "b", space="loop", stop_early=True)
    for before, after in zip(normal.inputs, early.inputs, strict=True):
        assert len(after.search.evaluations) == (1 if after.base_right else 20)
        assert before.search.best == after.search.best or not before.base_right
    assert early.figures.oracle_accuracy == normal.figures.oracle_accuracy
    skip = run(tmp_path / "c", space="skip", stop_early=True, budget=31)
    for result in skip.inputs:
        at = [i for i, (chain, reward) in enumerate(result.search.evaluations) if reward == 1 and len(chain) == 1]
        # What was asked in the same round is evaluated, too; nothing after it.
        assert not at or len(result.search.evaluations) <= at[0] + 4


def test_seeds_differ_by_seed_arm_and_input() -> None:
    keys = [(s, arm, f"e{i}") for s in range(3) for arm in ("search", "random", "control") for i in range(20)]
    assert len({seed_for(*key) for key in keys}) == len(keys)


def test_the_control_aims_at_wrong_answers_of_the_same_kind() -> None:
    task = fake_task(60)
    found = wrong_candidates(task, task.examples, 0)
    by_answer = {example.answer: example for example in task.examples}
    for example, candidates in zip(task.examples, found, strict=True):
        assert len(candidates) == 3 == len({each.answer for each in candidates})
        assert example.answer not in {each.answer for each in candidates}
        donor = by_answer[candidates[0].answer]
        assert (donor.family, donor.level) == (example.family, example.level)
        assert replace(candidates[0], answer=example.answer) == example
    first = [candidates[0].answer for candidates in found]
    assert len(set(first)) == len(first), "the right answers, permuted"
    assert found == wrong_candidates(task, task.examples, 0) != wrong_candidates(task, task.examples, 1)


def test_the_control_takes_another_option(tmp_path: Path) -> None:
    study = run(tmp_path / "s", scoring="letter")
    controls = [result for result in study.inputs if "control" in result.arms]
    assert controls
    for result in controls:
        assert result.arms["control"].target in {"B", "C", "D"} - {result.answer}


def test_with_two_options_there_is_no_control(tmp_path: Path) -> None:
    task = fake_task(scoring="choice")
    task = replace(task, examples=tuple(replace(e, choices=e.choices[:2]) for e in task.examples))
    study = search(FakeModel(), task, out=tmp_path / "s", execution=Execution(FakeRunner()), **options())
    assert study.figures.control.inputs == 0 and study.figures.control.excess.value is None


def test_a_subset_of_a_task_is_searched_and_takes_no_limit(tmp_path: Path) -> None:
    task, execution = fake_task(20), Execution(FakeRunner())
    study = search(FakeModel(), Subset(task, task.examples[3:6]), out=tmp_path / "s", execution=execution, budget=3)
    assert [each.example["id"] for each in study.inputs] == ["e3", "e4", "e5"]
    wrong = {answer for line in read_inputs(tmp_path / "s") for answer in line["wrong"]}
    assert not wrong <= {each.example["answer"] for each in study.inputs}, "wrong answers come from the whole task"
    with pytest.raises(InvalidInput, match="limit=2"):
        search(FakeModel(), Subset(task, task.examples), out=tmp_path / "t", execution=execution, limit=2)


def test_a_limit_keeps_the_whole_task_for_wrong_answers(tmp_path: Path) -> None:
    study = search(
        FakeModel(), fake_task(60), out=tmp_path / "s", execution=Execution(FakeRunner()), **options(limit=5)
    )
    answers = {example.id: example.answer for example in fake_task(60).examples}
    kept = {result.example["id"] for result in study.inputs}
    assert len(kept) == 5
    for result in study.inputs:
        same = {answers[f"e{i}"] for i in range(60) if i % 5 + 1 == result.example["level"]}
        assert set(result.example["wrong"]) <= same
        assert not set(result.example["wrong"]) & {answers[name] for name in kept}


def test_two_runs_are_equal_and_a_seed_changes_them(tmp_path: Path) -> None:
    run(tmp_path / "a")
    run(tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    run(tmp_path / "c", seed=1)
    assert contents(tmp_path / "a")["journal.jsonl"] != contents(tmp_path / "c")["journal.jsonl"]


def test_a_complete_study_is_only_read(tmp_path: Path) -> None:
    first = run(tmp_path / "s")
    before, timing = contents(tmp_path / "s"), (tmp_path / "s" / "timing.json").read_bytes()
    runner = FakeRunner()
    second = run(tmp_path / "s", runner)
    assert not runner.calls and contents(tmp_path / "s") == before
    assert (tmp_path / "s" / "timing.json").read_bytes() == timing
    assert second == first == load_study(tmp_path / "s")


class Stopping(FakeRunner):
    """Presses Ctrl-C during a call."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at

    def run(self, requests: Sequence[Request]) -> list[Result]:
        if len(self.calls) == self._at:
            raise KeyboardInterrupt
        return super().run(requests)


@pytest.mark.parametrize(
    "scoring, searcher, step",
    [
        *(("verbatim", "cola", 3), ("letter", "cola", 5)),
        pytest.param("exact", "gp", 5, marks=pytest.mark.slow),
        pytest.param("verbatim", "cola", 1, marks=pytest.mark.slow),
    ],
)
def test_interrupted_at_any_call_and_resumed_nothing_differs(
    tmp_path: Path, scoring: str, searcher: str, step: int
) -> None:
    reference, settings = FakeRunner(), {"searcher": searcher, "budget": 16 if searcher == "gp" else 12}
    run(tmp_path / "whole", reference, scoring, **settings)
    assert len(reference.calls) > 3 * step
    for at in range(0, len(reference.calls), step):
        out = tmp_path / f"cut{at}"
        with pytest.raises(Interrupted) as caught:
            run(out, Stopping(at), scoring, **settings)
        assert caught.value.out == out and not load_study(out).complete
        rest = FakeRunner()
        resumed = run(out, rest, scoring, **settings)
        assert contents(out) == contents(tmp_path / "whole")
        assert rest.calls == reference.calls[at:], "in the same batches"
        assert json.loads((out / "timing.json").read_text())["attempts"] == 2
        assert resumed.figures.layer_calls == load_study(tmp_path / "whole").figures.layer_calls


def test_killed_at_random_moments_nothing_differs(tmp_path: Path) -> None:
    run(tmp_path / "whole")
    rng, killed, folders = random.Random(7), 0, [tmp_path / "killed0"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    while killed < 5:
        command = [sys.executable, "-m", "skiploop.testing.fakes", str(folders[-1]), "0.025"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
            assert process.stdout is not None and process.stdout.readline() == b"working\n", "not complete yet"
            time.sleep(rng.uniform(0, 0.08))
            process.send_signal(signal.SIGKILL)
        killed += process.returncode == -signal.SIGKILL
        if (folders[-1] / "summary.json").exists():  # on a busy machine the signal may come too late: once more
            folders.append(tmp_path / f"killed{len(folders)}")
    for out in folders:
        run(out)
        assert contents(out) == contents(tmp_path / "whole")


def test_successes_that_do_not_hold_when_run_again_do_not_count(tmp_path: Path) -> None:
    class Fickle(FakeRunner):
        def text(self, request: Request) -> str:
            alone = len(self.calls[-1]) == 1 and request.max_new_tokens > 0
            return "9" if alone and "L3" in request.prompt else super().text(request)

    study = run(tmp_path / "s", Fickle(), budget=60)
    level = next(row for row in study.figures.by_level if row.group == 3)
    before = run(tmp_path / "t", FakeRunner(), budget=60)
    claimed = next(row for row in before.figures.by_level if row.group == 3)
    assert claimed.transitions.corrected > 0
    assert level.transitions.corrected == 0
    verification = study.figures.verification
    assert verification.flips >= claimed.transitions.corrected
    assert verification.flip_rate == verification.flips / verification.reruns


def test_an_edited_journal_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "s")
    (tmp_path / "s" / "summary.json").unlink()
    journal = tmp_path / "s" / "journal.jsonl"
    text = journal.read_text()
    row = next(line for line in text.splitlines() if '"arm":"search"' in line)
    journal.write_text(text.replace(row, row.replace('"chain":[', '"chain":[0,')))
    with pytest.raises(InvalidInput, match=r"arm search.*another version"):
        run(tmp_path / "s")
    end = len(text.splitlines())
    extra = row.replace('"round":1', '"round":99') + '\n{"end":1}\n'
    journal.write_text(text + extra)
    with pytest.raises(InvalidInput, match=r"round 99.*doesn't ask for"):
        run(tmp_path / "s")
    journal.write_text(text.replace('"end":10', '"end":9', 1))
    with pytest.raises(InvalidInput, match="line 11: damaged"):
        run(tmp_path / "s")
    journal.write_text(text)
    assert run(tmp_path / "s").complete and len(journal.read_text().splitlines()) == end


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget": 0}, "budget=0"),
        ({"budget": 2.5}, "budget=2.5"),
        ({"per_round": 0}, "per_round=0"),
        ({"limit": 0}, "limit=0"),
        ({"seed": -1}, "seed=-1"),
        ({"searcher": "best"}, "'best'.*cola"),
        ({"searcher": "cola", "searcher_settings": {"lambda": 1}}, "lambda.*length_penalty"),
        ({"space": "all"}, "'all'.*early-exit"),
        ({"max_block": 0}, "max_block=0"),
        ({"max_length": 2}, "max_length=2.*5 layers"),
        ({"engine": "warp"}, "'warp'.*plain"),
        ({"batch_tokens": -4}, "batch_tokens=-4"),
        ({"budgett": 3}, "'budgett'.*budget"),
    ],
)
def test_bad_settings_are_named_before_any_work(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    runner = FakeRunner()
    with pytest.raises(InvalidInput, match=message):
        run(tmp_path / "s", runner, **changes)
    assert not runner.calls and not (tmp_path / "s").exists()


def test_a_prompt_beyond_the_context_is_named(tmp_path: Path) -> None:
    task = fake_task()
    long = replace(task.examples[3], prompt="L4 " + "x" * 60)
    task = replace(task, examples=(*task.examples[:3], long))
    with pytest.raises(InvalidInput, match=r"'e3' takes 63 tokens.*8.*71 together.*holds 64"):
        search(FakeModel(), task, out=tmp_path / "s", execution=Execution(FakeRunner()))
    model = FakeModel()
    model.context_length = None
    assert search(model, task, out=tmp_path / "s", execution=Execution(FakeRunner()), budget=2).complete
    with pytest.raises(InvalidInput, match=r"'e0' takes 4 tokens with its end, and 3 may.*max-new-tokens 4"):
        short = replace(fake_task(), max_new_tokens=3)
        search(FakeModel(), short, out=tmp_path / "t", execution=Execution(FakeRunner()))


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_scores_that_are_no_numbers_are_refused(tmp_path: Path, score: float) -> None:
    class Broken(FakeRunner):
        def answer(self, request: Request) -> Result:
            result = super().answer(request)
            return replace(result, loglikelihoods=(score, *result.loglikelihoods[1:]))

    with pytest.raises(InvalidInput, match=r"'e0' aren't finite.*float32.*--dtype"):
        run(tmp_path / "s", Broken(), "choice")
    # Nothing was evaluated, so the way out that the message names can be taken with the same --out.
    model = FakeModel("another")
    assert search(model, fake_task(), out=tmp_path / "s", execution=Execution(FakeRunner()), budget=2).complete


def test_settings_of_a_searcher_are_recorded_in_full(tmp_path: Path) -> None:
    study = run(tmp_path / "s", searcher="cola", searcher_settings={"length_penalty": 0})
    recorded = study.run["settings"]["search"]["searcher_settings"]
    assert recorded["length_penalty"] == 0 and recorded["exploration"] == pytest.approx(math.sqrt(2))
    assert study.figures.searcher_settings == recorded
    assert SearchSettings(searcher="random").searcher_settings == {}


def test_progress_is_told_after_every_part(tmp_path: Path) -> None:
    from skiploop.studies.progress import Progress

    class Told(Progress):
        def __init__(self) -> None:
            self.calls: list[tuple[int, int, float, bool]] = []

        def update(self, done: int, total: int, oracle: float, *, replayed: bool = False) -> None:
            self.calls.append((done, total, oracle, replayed))

    with pytest.raises(Interrupted):
        run(tmp_path / "s", Stopping(4))
    told = Told()
    study = run_with(Execution(FakeRunner(), lambda figure: told), tmp_path / "s", fake_task())
    done = [call[0] for call in told.calls]
    assert done == sorted(done) and told.calls[-1][:2] == (done[-1], done[-1])
    assert done[-1] == sum(study.figures.evaluations_by_arm.values())
    assert [call[3] for call in told.calls[:5]] == [True] * 4 + [False]
    assert told.calls[-1][2] == study.figures.oracle_accuracy.value
