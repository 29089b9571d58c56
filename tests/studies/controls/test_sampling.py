"""Sampling and voting: votes counted by hand, equal cost, choices made on training inputs, and resuming."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import pytest

from skiploop.chains.chain import Chain
from skiploop.engine.request import Request, Result
from skiploop.errors import InvalidInput
from skiploop.stats.measured import Measured, measured_share
from skiploop.stats.shares import pass_at_k
from skiploop.storage.journal import JsonlJournal
from skiploop.storage.records import from_json
from skiploop.studies.controls.sampling import Split, affordable, sampling_study, softmax
from skiploop.studies.controls.sampling_figures import BudgetFigures, Reference, SamplingFigures
from skiploop.studies.controls.settings import SamplingSettings
from skiploop.studies.controls.voting import Said, Samples, ballot, curve_points, powers
from skiploop.studies.worklist import Worklist
from skiploop.tasks import Example, Task
from skiploop.testing.fakes import LAYERS, FakeRunner, digest, fake_task, gold

IDENTITY = Chain.identity(LAYERS)


class SampledRunner(FakeRunner):
    """Greedy is right for a third of the inputs. Samples are right with a probability that falls with temperature.

    Wrong samples scatter over ten answers, so that a majority is right oftener than one sample.
    """

    chance: ClassVar[dict[float, float]] = {0.3: 0.25, 0.7: 0.6, 1.0: 0.35}

    def text(self, request: Request) -> str:
        if not request.temperature:
            return gold(request.prompt) if digest("greedy", request.prompt) % 3 == 0 else "1"
        draw = random.Random(f"{request.prompt}/{request.seed}")
        right = draw.random() < self.chance[request.temperature]
        return gold(request.prompt) if right else str(draw.randrange(10))


class NullRunner(FakeRunner):
    """Answers that have nothing to do with the question, greedy or sampled."""

    def text(self, request: Request) -> str:
        return str(100 + digest(request.prompt, request.seed, request.temperature) % 4)


def many(count: int = 160, scoring: str = "verbatim") -> Task:
    return fake_task(count, scoring)


def four_answers(count: int = 160) -> Task:
    examples = [Example(f"q{i}", f"L1 question {i}=", str(100 + digest("gold", i) % 4)) for i in range(count)]
    return Task("four", tuple(examples), "verbatim", 8)


def run(out: Path, task: Task, runner: FakeRunner, budget: float = 17 * LAYERS, **changes: Any) -> SamplingFigures:
    train, test = task.examples[:40], task.examples[40:]
    reference = Reference(
        {"search": budget, "static": float(LAYERS)},
        {example.id: float(digest("static", example.id) % 2) for example in test},
        {example.id: digest("search", example.id) % 2 == 0 for example in test[:30]},
    )
    out.mkdir(exist_ok=True)
    settings = SamplingSettings(**({"per_call": 100} | changes))
    work = Worklist(runner, JsonlJournal(out / "j.jsonl"), per_call=settings.per_call)
    return sampling_study(Split(task, train, test), reference, identity=IDENTITY, settings=settings, work=work)


# Votes


def brute_vote(greedy: str | None, cast: Sequence[str | None]) -> str | None:
    """All ballots tried, each counted anew."""
    readable = [each for each in cast if each is not None]
    if not readable:
        return greedy
    most = max(readable.count(each) for each in readable)
    if greedy is not None and readable.count(greedy) == most:
        return greedy
    return next(each for each in readable if readable.count(each) == most)


def test_votes_agree_with_counting_by_hand() -> None:
    letters = ("a", "b", "c", None)
    for greedy, *cast in product(letters, repeat=5):
        samples = Samples(Said(greedy, 0.0), tuple(Said(each, 0.0) for each in cast))
        for k in range(1, 5):
            assert samples.vote(k).ballot == brute_vote(greedy, cast[:k])


def test_texts_that_a_task_reads_alike_are_one_ballot() -> None:
    assert ballot(many(10, "exact"), "Paris.") == ballot(many(10, "exact"), "  paris")
    assert ballot(many(10), "Paris.") != ballot(many(10), "paris")
    assert ballot(many(10, "exact"), None) is None


def test_the_curve_agrees_with_brute_force() -> None:
    rng = random.Random(3)
    inputs = [Samples(_said(rng), tuple(_said(rng) for _ in range(9))) for _ in range(25)]
    points = curve_points(inputs, 9, LAYERS)
    assert [point.samples for point in points] == [1, 2, 4, 8, 9] == powers(9)
    for point in points:
        k = point.samples
        assert point.layer_calls == (k + 1) * LAYERS
        right = [brute_vote(each.greedy.ballot, [s.ballot for s in each.drawn[:k]]) == "right" for each in inputs]
        assert point.accuracy == measured_share(sum(right), 25)
        groups = [
            [brute_vote(each.greedy.ballot, [s.ballot for s in each.drawn[i * k : (i + 1) * k]]) for i in range(9 // k)]
            for each in inputs
        ]
        assert point.mean_accuracy == pytest.approx(sum(g.count("right") / len(g) for g in groups) / 25)
        counts = [sum(s.reward >= 1 for s in each.drawn) for each in inputs]
        assert point.any_oracle_accuracy.value == pytest.approx(sum(pass_at_k(9, c, k) for c in counts) / 25)
        both = [1.0 if each.greedy.reward else pass_at_k(9, c, k) for each, c in zip(inputs, counts, strict=True)]
        assert point.any_or_greedy_oracle_accuracy.value == pytest.approx(sum(both) / 25)
        low, high = point.any_oracle_accuracy.interval or (1.0, 0.0)
        assert low <= (point.any_oracle_accuracy.value or 0.0) <= high
    assert powers(1) == [1] and powers(8) == [1, 2, 4, 8]


def _said(rng: random.Random) -> Said:
    text = rng.choice(["right", "a", "b", None])
    return Said(text, float(text == "right"))


# Equal cost


def test_a_budget_pays_for_the_greedy_pass_first() -> None:
    assert [affordable(calls, 8) for calls in (8, 15, 16, 24, 800)] == [0, 0, 1, 2, 99]


def test_no_more_passes_are_run_than_the_budget_pays_for(tmp_path: Path) -> None:
    runner = SampledRunner()
    found = run(tmp_path / "a", many(), runner, budget=9.9 * LAYERS)
    per_input = Counter(
        (request.prompt, request.temperature) for call in runner.calls for request in call if request.temperature
    )
    assert set(per_input.values()) == {8} and found.samples == 8
    assert all(request.chain.is_identity for call in runner.calls for request in call)
    seeds = [request.seed for call in runner.calls for request in call if request.temperature]
    assert len(set(seeds)) == len(seeds), "every sample has a seed of its own"
    assert found.budgets["static"] == BudgetFigures(LAYERS, 0, None, None, None), "pays for greedy only"
    capped = run(tmp_path / "b", many(), SampledRunner(), most=3)
    assert capped.samples == 3 and capped.capped
    with pytest.raises(InvalidInput, match="raise --budget"):
        run(tmp_path / "c", many(), SampledRunner(), budget=LAYERS)


# What is chosen, and where it is reported


def test_the_temperature_is_chosen_on_training_inputs_and_nothing_else_is_run_on_test_inputs(tmp_path: Path) -> None:
    task, runner = many(), SampledRunner()
    found = run(tmp_path / "a", task, runner)
    own = found.budgets["search"]
    assert own.vote is not None and own.vote_all is not None
    assert own.vote.temperature == own.vote_all.temperature == 0.7
    assert own.vote_all.samples == 16 and (own.vote.test.value or 0.0) > 0.9
    test = {example.prompt for example in task.examples[40:]}
    used = {request.temperature for call in runner.calls for request in call if request.prompt in test}
    assert used == {0.0, *(curve.temperature for curve in found.test_curves)}
    minus = own.vote.minus_identity
    assert _low(minus.difference) > 0.3 and minus.mcnemar_p < 1e-6
    assert _low(minus.bootstrap) > 0.3 and minus.bootstrap != minus.difference
    assert found.train_inputs == 40 and found.test_inputs == 120
    assert from_json(SamplingFigures, json.loads(json.dumps(found.to_json()))) == found


def _low(figure: Measured) -> float:
    return -1.0 if figure.interval is None else figure.interval[0]


def test_the_figures_can_be_counted_from_the_journal(tmp_path: Path) -> None:
    task = many()
    found = run(tmp_path / "a", task, SampledRunner())
    lines = JsonlJournal(tmp_path / "a" / "j.jsonl").lines()
    by_key = {(line["split"], line["input"], line["temperature"]): line for line in lines}
    own, test = found.budgets["search"], task.examples[40:]
    for vote in (own.vote, own.vote_all):
        assert vote is not None and vote.minus_static is not None
        k, temperature = vote.samples, vote.temperature
        won = []
        for example in test:
            greedy = by_key["test", example.id, 0.0]["answers"][0]
            cast = by_key["test", example.id, temperature]["answers"][:k]
            won.append(brute_vote(greedy, cast) == example.answer)
        assert vote.test.value == pytest.approx(sum(won) / len(test))
        static = [digest("static", example.id) % 2 == 1 for example in test]
        difference = (sum(won) - sum(static)) / len(test)
        assert vote.minus_static.difference.value == pytest.approx(difference)
    beside = found.beside_search
    assert own.any is not None and beside is not None
    hit = [
        example.answer in by_key["test", example.id, own.any.temperature]["answers"]
        or example.answer in by_key["test", example.id, 0.0]["answers"]
        for example in test[:30]
    ]
    assert beside.any_oracle_accuracy == measured_share(sum(hit), 30)
    searched = sum(digest("search", example.id) % 2 == 0 for example in test[:30])
    assert beside.search_oracle_accuracy == measured_share(searched, 30)
    assert beside.search_minus_any.difference.value == pytest.approx((searched - sum(hit)) / 30)


@pytest.mark.parametrize("seed", range(4))
def test_where_answers_have_nothing_to_do_with_the_question_no_vote_is_better(tmp_path: Path, seed: int) -> None:
    own = run(tmp_path / "a", four_answers(), NullRunner(), seed=seed).budgets["search"]
    for vote in (own.vote, own.vote_all):
        assert vote is not None
        low, high = vote.minus_identity.difference.interval or (1.0, -1.0)
        assert low < 0 < high
    assert own.any is not None and own.any.test_oracle_accuracy.value is not None
    assert own.any.test_oracle_accuracy.value > 0.9, "any of 16 of four answers is nearly always right: a lottery"


# Options


@pytest.mark.slow
def test_where_options_are_scored_the_vote_tends_to_the_arg_max_at_one_pass(tmp_path: Path) -> None:
    task, runner = many(scoring="letter"), FakeRunner()
    found = run(tmp_path / "a", task, runner, budget=400 * LAYERS)
    assert found.single_pass and sum(map(len, runner.calls)) == len(task), "one pass for each input"
    last = next(each.points for each in found.train_curves if each.temperature == 0.3)[-1]
    base = sum(FakeRunner().answer(Request(e.prompt, IDENTITY, continuations=task.continuations(e))).loglikelihoods
               .index(_top(task, e)) == e.gold for e in task.examples[:40]) / 40  # fmt: skip
    assert abs((last.accuracy.value or 0.0) - base) < 0.06 and last.samples == 399
    assert (last.any_oracle_accuracy.value or 0.0) > base + 0.1


def _top(task: Task, example: Example) -> float:
    return max(FakeRunner().answer(Request(example.prompt, IDENTITY, continuations=task.continuations(example)))
               .loglikelihoods)  # fmt: skip


def test_the_softmax_sharpens_as_it_gets_colder() -> None:
    assert softmax([0.0, 0.0], 1.0) == [0.5, 0.5]
    assert softmax([1.0, 0.0], 0.1)[0] > softmax([1.0, 0.0], 1.0)[0] == pytest.approx(0.7310585786)
    assert softmax([-1000.0, -2000.0], 0.5) == [1.0, 0.0], "no underflow of all"
    assert softmax([0.0, float("-inf")], 1.0) == [1.0, 0.0]


# Resuming


class Killed(SampledRunner):
    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at

    def run(self, requests: Sequence[Request]) -> list[Result]:
        if len(self.calls) == self._at:
            raise KeyboardInterrupt
        return super().run(requests)


@pytest.mark.parametrize("scoring", ["verbatim", pytest.param("exact", marks=pytest.mark.slow)])
def test_killed_at_any_call_and_resumed_nothing_differs(tmp_path: Path, scoring: str) -> None:
    task, reference = many(60, scoring), SampledRunner()
    whole = run(tmp_path / "whole", task, reference)
    for at in range(0, len(reference.calls), 5):
        out = tmp_path / f"cut{at}"
        with pytest.raises(KeyboardInterrupt):
            run(out, task, Killed(at))
        if (out / "j.jsonl").exists():
            with (out / "j.jsonl").open("ab") as file:
                file.write(b'{"split":"train","inp')  # a torn line
        rest = SampledRunner()
        assert run(out, task, rest) == whole
        assert rest.calls == reference.calls[at:], "in the same batches, nothing twice"
        assert (out / "j.jsonl").read_bytes() == (tmp_path / "whole" / "j.jsonl").read_bytes()


def test_another_runs_journal_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "a", many(60), SampledRunner())
    with pytest.raises(InvalidInput, match="other settings"):
        run(tmp_path / "a", many(60), SampledRunner(), temperatures=(0.7, 1.0))
    with pytest.raises(InvalidInput, match="other settings"):
        run(tmp_path / "a", many(60), SampledRunner(), tune=10)


@pytest.mark.parametrize("changes", [{"temperatures": ()}, {"temperatures": (0.0,)}, {"tune": 0}, {"most": 0}])
def test_bad_settings_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        SamplingSettings(**changes)
