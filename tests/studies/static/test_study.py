"""Static chains: what is planted is found, what isn't there isn't, and a kill loses nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from skiploop.chains.chain import Chain
from skiploop.engine.request import Request, Result
from skiploop.errors import InvalidInput
from skiploop.models.layered import LayeredModel
from skiploop.searchers import make_searcher
from skiploop.spaces.named import make_space
from skiploop.studies.execution import Execution, References
from skiploop.studies.progress import Progress
from skiploop.studies.search import load_study
from skiploop.studies.static.race import Candidate, Halving, StaticSearch, race
from skiploop.studies.static.references import answer_batches, gate_chains
from skiploop.studies.static.selection import best
from skiploop.studies.static.settings import StaticSettings
from skiploop.studies.static.split import split
from skiploop.studies.static.study import StaticStudy, load_static, search_static
from skiploop.tasks import Example, Task, make_task
from skiploop.testing.fakes import FakeModel, FakeRunner, digest, fake_task, gold

HARMFUL = 3
SMALL = StaticSettings(train=48, test=96, first=12, per_round=4)


class PlantedRunner(FakeRunner):
    """Layer 3 spoils half of the answers; without any other layer most of them are wrong, too."""

    def answer(self, request: Request) -> Result:
        layers = set(request.chain.layers)
        spoiled = HARMFUL in layers and digest("spoiled", request.prompt) % 2 == 0
        lost = len({0, 1, 2, 4} - layers) * 4 > digest("lost", request.prompt) % 10
        return Result(matched=not spoiled and not lost)


class NullRunner(FakeRunner):
    """The verdict has nothing to do with the chain: a coin for each pair of input and chain."""

    def answer(self, request: Request) -> Result:
        return Result(matched=digest(request.prompt, request.chain.layers) % 2 == 0)


def many(count: int = 200) -> Task:
    prompts = [f"L{i % 5 + 1} number {i}=" for i in range(count)]
    return Task(
        "many", tuple(Example(f"m{i}", p, gold(p), level=i % 5 + 1) for i, p in enumerate(prompts)), "verbatim", 8
    )


def run(tmp_path: Path, runner: FakeRunner, **changes: object) -> StaticStudy:
    options = {"searcher": "random", "space": "skip", "budget": 31} | changes
    return search_static(
        FakeModel(), many(), out=tmp_path / "run", static=SMALL, execution=Execution(runner), **options
    )


def test_a_planted_harmful_layer_is_found(tmp_path: Path) -> None:
    chosen = run(tmp_path, PlantedRunner()).figures.chosen
    assert chosen["search"].chain == (0, 1, 2, 4)
    minus = chosen["search"].minus_identity
    assert minus is not None and minus.difference.interval is not None
    assert minus.difference.interval[0] > 0.2 and minus.mcnemar_p < 1e-6
    assert chosen["identity"].minus_identity is None


@pytest.mark.parametrize("seed", range(3))
def test_where_chains_do_nothing_no_difference_is_shown(tmp_path: Path, seed: int) -> None:
    chosen = run(tmp_path, NullRunner(), seed=seed).figures.chosen["search"]
    assert chosen.train > 0.5, "chosen by luck"
    if chosen.minus_identity is not None:
        low, high = chosen.minus_identity.difference.interval or (1.0, -1.0)
        assert low < 0 < high


def test_references_are_chosen_and_reported_alike(tmp_path: Path) -> None:
    references = References(
        influence=lambda prompts: [0.9, 0.5, 0.4, 0.01, 0.7], gates=lambda examples: [Chain([0, 1, 2, 4], 5)]
    )
    execution = Execution(PlantedRunner(), references=references)
    study = search_static(FakeModel(), many(), out=tmp_path / "run", execution=execution, static=SMALL, budget=12)
    chosen = study.figures.chosen
    assert list(chosen) == ["identity", "search", "random", "block", "influence", "gates"]
    assert chosen["influence"].chain == (0, 1, 2, 4), "the layer of least influence is left out"
    assert chosen["gates"].chain == chosen["influence"].chain
    blocks = {(cell.first, cell.last) for cell in study.figures.block_map or ()}
    assert blocks == {(i, j) for i in range(5) for j in range(i, 5)}
    assert study.figures.block_influence == (0.9, 0.5, 0.4, 0.01, 0.7)


def test_no_question_is_in_both_parts() -> None:
    task = many(40)
    doubled = Task("doubled", task.examples + tuple(
        Example(f"again{i}", each.prompt, each.answer, level=each.level) for i, each in enumerate(task.examples)
    ), "verbatim", 8)  # fmt: skip
    train, test = split(doubled, 20, 20)
    assert len({each.prompt for each in train} | {each.prompt for each in test}) == 40
    with pytest.raises(InvalidInput, match="40 distinct questions, and 20 \\+ 21"):
        split(doubled, 20, 21)


class Stopping(Progress):
    """Ctrl-C after so many rounds."""

    def __init__(self, after: int, figure: str) -> None:
        self._left = after

    def update(self, done: int, total: int, figure: float, *, replayed: bool = False) -> None:
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt


def test_a_study_that_was_stopped_ends_in_the_same_result(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", PlantedRunner(), searcher="cola", budget=20)
    task = many()
    for after in (1, 2, 4):
        execution = Execution(PlantedRunner(), partial(Stopping, after))
        with pytest.raises(KeyboardInterrupt):
            search_static(
                FakeModel(), task, out=tmp_path / "cut", static=SMALL, execution=execution,
                searcher="cola", space="skip", budget=20,
            )  # fmt: skip
    with (tmp_path / "cut" / "journal.jsonl").open("ab") as file:
        file.write(b'{"input": "m1", "cha')  # a torn line
    cut = search_static(
        FakeModel(), task, out=tmp_path / "cut", static=SMALL, execution=Execution(PlantedRunner()),
        searcher="cola", space="skip", budget=20,
    )  # fmt: skip
    assert cut.figures == whole.figures
    assert (tmp_path / "cut/journal.jsonl").read_bytes() == (tmp_path / "whole/run/journal.jsonl").read_bytes()


def test_nothing_is_run_twice(tmp_path: Path) -> None:
    runner = PlantedRunner()
    study = run(tmp_path, runner)
    pairs = [(request.prompt, request.chain) for call in runner.calls for request in call]
    assert len(pairs) == study.figures.evaluations
    again = PlantedRunner()
    assert run(tmp_path, again) == study
    assert not again.calls, "a finished study is only read"


def test_generated_answers_and_options_are_judged_by_the_task(tmp_path: Path) -> None:
    for scoring in ("exact", "choice"):
        study = search_static(
            FakeModel(), fake_task(60, scoring), out=tmp_path / scoring, execution=Execution(FakeRunner()),
            space="skip", static=StaticSettings(train=20, test=30, first=10), budget=8, searcher="random",
        )  # fmt: skip
        journal = (tmp_path / scoring / "journal.jsonl").read_text().splitlines()
        rewards = [line["reward"] for line in map(json.loads, journal) if "reward" in line]
        assert set(rewards) == {0.0, 1.0}
        assert 0 <= (study.figures.chosen["identity"].test.value or 0.0) <= 1


def test_the_two_kinds_of_study_are_told_apart(tmp_path: Path) -> None:
    run(tmp_path, NullRunner(), budget=4)
    assert load_static(tmp_path / "run").figures.chains["search"] == 4
    with pytest.raises(InvalidInput, match="kind 'static', not 'search'"):
        load_study(tmp_path / "run")


# Successive halving


def mean_of(pairs: Sequence[tuple[Chain, int]]) -> list[float]:
    return [float(digest(number) % 10 < len(chain)) for chain, number in pairs]


def test_the_better_half_goes_on() -> None:
    plan = Halving(inputs=40, first=10, per_round=4)
    assert plan.steps == (10, 20, 40)
    chains = [Chain(range(n), 8) for n in (2, 8, 5, 6)]
    found = race(chains, plan, mean_of)
    assert [len(each.rewards) for each in found] == [10, 40, 10, 20]
    assert best([each for each in found if len(each.rewards) == 40]).chain == chains[1]


def test_only_what_was_run_on_all_inputs_can_be_chosen() -> None:
    searcher = make_searcher("random", make_space("skip", 6), seed=0)
    search = StaticSearch(searcher, Halving(32, 8, 4), 20, mean_of)
    rounds = list(search.run())
    assert sum(map(len, rounds)) == len(search.candidates) == 20
    assert 0 < len(search.complete) < 20
    assert all(len(each.rewards) == 32 for each in search.complete)
    with pytest.raises(InvalidInput, match="raise the budget"):
        best([])


def test_among_equals_the_shortest_is_chosen() -> None:
    long, short = (Candidate(Chain(range(n), 8), (1.0, 0.0)) for n in (8, 3))
    assert best([long, short]) is short


def test_gates_are_trained_on_the_tokens_of_the_answers_alone() -> None:
    model, task = LayeredModel.from_pretrained("nano"), make_task("nano").limit(5)
    ((ids, labels),) = answer_batches(model, task, task.examples)
    for example, row, wanted in zip(task.examples, ids, labels, strict=True):
        answer = wanted[wanted != -100].tolist()
        assert model.tokenizer.decode(answer[:-1]).strip() == example.answer and answer[-1] in model.eos_ids
        assert (row[wanted != -100] == wanted[wanted != -100]).all()
        assert row[: len(model.encode(example.prompt))].tolist() == model.encode(example.prompt)


def test_dear_gates_close_and_cheap_ones_stay_open() -> None:
    model, task = LayeredModel.from_pretrained("nano"), make_task("nano").limit(4)
    cheap, dear = gate_chains(model, task, task.examples, penalties=(0.01, 30.0), steps=40)
    assert len(dear) <= 2 and len(cheap) >= model.num_layers - 2
