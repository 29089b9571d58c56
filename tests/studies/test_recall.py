"""A memory across inputs: waves, memories of the arms' own, and resuming."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from skiploop import InvalidInput, make_space, search
from skiploop.chains.chain import Chain
from skiploop.searchers import WarmStart
from skiploop.searchers.memory import Memory
from skiploop.searchers.trees.puct import PuctSearcher, few_slots
from skiploop.storage.files import Line
from skiploop.storage.journal import JsonlJournal
from skiploop.studies.arms import InputState, Outcome
from skiploop.studies.execution import Execution
from skiploop.studies.progress import Interrupted
from skiploop.studies.recall import Recall
from skiploop.studies.settings import SearchSettings, StudySettings
from skiploop.testing.fakes import LAYERS, FakeModel, FakeRunner, digest, fake_task, options

SPACE = make_space("cola", LAYERS)
SETTINGS = options(memory=3, wave=4, searcher="evolution")
HELPFUL, MISLEADING = Chain((0, 2, 3, 4), LAYERS), Chain((0, 1, 1, 2, 3, 4), LAYERS)


def embed(prompt: str) -> list[float]:
    return [digest(prompt, part) % 100 / 100 for part in range(3)]


def run(out: Path, **changes: Any) -> list[Line]:
    execution = Execution(FakeRunner(), embed=embed)
    search(FakeModel(), fake_task(12), out=out, execution=execution, **SETTINGS | changes)
    return [line for line in map(json.loads, (out / "journal.jsonl").read_text().splitlines()) if "reward" in line]


def states(count: int, *, right: bool = False) -> list[InputState]:
    """Inputs whose arms have been told the identity."""
    found = []
    for example in fake_task(count).examples:
        state = InputState(example, ())
        state.remember(SPACE.identity, Outcome((float(right), None)))
        state.start(StudySettings().changed(searcher="evolution"), SPACE, None if right else example)
        found.append(state)
    return found


def recall_of(inputs: list[InputState], place: Path) -> Recall:
    found = Recall(inputs, SearchSettings(memory=2, wave=1), SPACE.identity, embed)
    found.embed(JsonlJournal(place / "embeddings.jsonl"))
    return found


def line(state: InputState, arm: str, chain: Chain, reward: float) -> Line:
    return {"input": state.example.id, "arm": arm, "chain": chain.to_json(), "reward": reward}


def first_asked(state: InputState) -> dict[str, Chain]:
    return {arm.name: arm.ask(1)[0] for arm in state.arms}


def test_each_arm_has_a_memory_of_its_own(tmp_path: Path) -> None:
    recall = recall_of(states(2), tmp_path)
    (earlier,), (later,) = recall.waves
    recall.begin([earlier])
    recall.keep([earlier], [line(earlier, "search", HELPFUL, 1.0), line(earlier, "control", MISLEADING, 1.0)])
    recall.begin([later])
    asked = first_asked(later)
    assert (asked["search"], asked["control"]) == (HELPFUL, MISLEADING)
    assert {name for name, arm in zip(asked, later.arms, strict=True) if isinstance(arm.searcher, WarmStart)} == {
        "search", "control",
    }  # fmt: skip


def test_what_helped_where_the_identity_is_right_is_not_recalled_where_it_is_wrong(tmp_path: Path) -> None:
    inputs = states(2)
    recall = recall_of(inputs, tmp_path)
    (earlier,), (later,) = recall.waves
    earlier.memo.clear()
    earlier.remember(SPACE.identity, Outcome((1.0, None)))
    recall.keep([earlier], [line(earlier, "search", HELPFUL, 1.0)])
    recall.begin([later])
    assert not any(isinstance(arm.searcher, WarmStart) for arm in later.arms)


def test_where_the_identity_is_right_only_shorter_chains_are_worth_anything(tmp_path: Path) -> None:
    recall = recall_of(states(2, right=True), tmp_path)
    (earlier,), (later,) = recall.waves
    recall.keep([earlier], [line(earlier, "search", MISLEADING, 1.0), line(earlier, "search", HELPFUL, 1.0)])
    recall.begin([later])
    assert first_asked(later)["search"] == HELPFUL


def test_an_input_recalls_nothing_of_its_own_wave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[tuple[int, int]] = []
    recalled = Memory.recall

    def noted(memory: Memory, embedding: Any, n: int) -> list[Chain]:
        held.append((len(memory), n))
        assert list(embedding) not in [list(each.embedding) for each in memory._inputs]
        return recalled(memory, embedding, n)

    monkeypatch.setattr(Memory, "recall", noted)
    run(tmp_path / "s")
    assert held
    assert all(0 < inputs <= 8 and n == 3 for inputs, n in held)


def test_waves_follow_one_another(tmp_path: Path) -> None:
    rounds: dict[str, list[int]] = {}
    for each in run(tmp_path / "s"):
        if each["arm"] != "identity":
            rounds.setdefault(each["input"], []).append(each["round"])
    begun = sorted({(min(own), max(own)) for own in rounds.values()})
    assert len(begun) == 3
    assert all(one[1] < two[0] for one, two in pairwise(begun))


def test_the_order_of_inputs_follows_the_seed() -> None:
    def order(seed: int) -> list[str]:
        settings = SearchSettings(memory=2, wave=4, seed=seed)
        return [
            state.example.id for wave in Recall(states(12), settings, SPACE.identity, embed).waves for state in wave
        ]

    assert order(0) == order(0) != order(1)
    assert sorted(order(0)) == sorted(order(1))


@pytest.mark.parametrize(
    "changes", [{}, {"total_budget": 200, "budget": 40}, {"searcher": "puct", "warm_start": [[0, 1, 2, 3]]}]
)
@pytest.mark.parametrize("kept", [0.4, 0.9])
def test_a_resumed_study_recalls_the_same(changes: dict[str, Any], kept: float, tmp_path: Path) -> None:
    run(tmp_path / "whole", **changes)
    run(tmp_path / "cut", **changes)
    journal, whole = tmp_path / "cut" / "journal.jsonl", (tmp_path / "whole" / "journal.jsonl").read_bytes()
    for name in ("summary.json", "verified.jsonl", *(["embeddings.jsonl"] if kept < 0.5 else [])):
        (tmp_path / "cut" / name).unlink()
    journal.write_bytes(whole[: int(kept * len(whole))])
    run(tmp_path / "cut", **changes)
    assert journal.read_bytes() == whole


def test_a_memory_changes_what_is_asked_first_and_no_memory_changes_nothing(tmp_path: Path) -> None:
    cold, warm = run(tmp_path / "cold", memory=0), run(tmp_path / "warm")
    wide = run(tmp_path / "wide", memory=0, wave=99)
    assert cold == wide
    key = lambda each: (each["input"], each["arm"])  # noqa: E731
    firsts = [{key(each): each["chain"] for each in reversed(found)} for found in (cold, warm)]
    changed = {name for name in firsts[0] if firsts[0][name] != firsts[1][name]}
    assert {arm for _, arm in changed} == {"search", "control"}


def test_puct_ranks_children_by_what_helped_on_similar_inputs() -> None:
    memory = Memory(LAYERS)
    memory.add(embed("a"), [(HELPFUL, 1.0), (MISLEADING, 0.0)])
    values = memory.expectations(embed("b"), [HELPFUL, MISLEADING])
    assert values[0] > values[1]
    assert Memory(LAYERS).expectations(embed("b"), [HELPFUL]) == [0.0]


@pytest.mark.parametrize("first", [[], [Chain((0, 1, 2, 3), LAYERS)]])
def test_puct_is_given_the_prior(first: list[Chain], tmp_path: Path) -> None:
    inputs, tree = states(2), PuctSearcher(SPACE)
    for state in inputs:
        state.arms[0].searcher = WarmStart(tree, first) if first else tree  # type: ignore[assignment]
    recall = recall_of(inputs, tmp_path)
    (earlier,), (later,) = recall.waves
    recall.keep([earlier], [line(earlier, "search", HELPFUL, 1.0), line(earlier, "search", MISLEADING, 0.0)])
    assert tree.prior is few_slots
    recall.begin([later])
    helpful, misleading = tree.prior(SPACE.identity, [HELPFUL, MISLEADING])
    assert helpful > misleading > 0


def test_on_a_model_an_input_is_like_its_hidden_state(tmp_path: Path) -> None:
    nano = {"limit": 4, "budget": 3, "memory": 2, "wave": 2, "random_peer": False, "nearby_peer": False}
    study = search("nano", "nano", out=tmp_path / "s", verify=False, **nano)
    kept = JsonlJournal(tmp_path / "s" / "embeddings.jsonl").lines()
    assert {line["input"] for line in kept} == {result.example["id"] for result in study.inputs}
    assert len({len(line["embedding"]) for line in kept}) == 1


def test_an_interruption_before_the_first_evaluation_can_be_resumed(tmp_path: Path) -> None:
    def interrupted(prompt: str) -> list[float]:
        raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        execution = Execution(FakeRunner(), embed=interrupted)
        search(FakeModel(), fake_task(12), out=tmp_path / "s", execution=execution, **SETTINGS)
    assert run(tmp_path / "s") == run(tmp_path / "whole")


def test_a_given_runner_needs_an_embedding_for_a_memory(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"Execution\(runner, embed="):
        search(FakeModel(), fake_task(4), out=tmp_path / "s", execution=Execution(FakeRunner()), **options(memory=2))
