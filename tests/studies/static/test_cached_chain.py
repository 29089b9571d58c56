"""A static search that also chooses what loops leave in the cache."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from skiploop.chains.chain import Chain
from skiploop.engine.request import Request, Result
from skiploop.errors import InvalidInput
from skiploop.searchers import make_searcher
from skiploop.spaces.named import make_space
from skiploop.storage.journal import JsonlJournal
from skiploop.studies.execution import Execution
from skiploop.studies.record import differing
from skiploop.studies.static.cached_chain import CachedChain, variants
from skiploop.studies.static.figures import StaticFigures
from skiploop.studies.static.race import Halving, StaticSearch
from skiploop.studies.static.settings import StaticSettings
from skiploop.studies.static.study import StaticStudy, load_static, rewards_on_test, search_static
from skiploop.studies.static.wall_clock import read_wall_clock
from skiploop.testing.fakes import FakeModel, FakeRunner, digest, fake_task

LOOP = Chain((0, 1, 1, 2, 3, 4), 5)
BOTH = StaticSettings(train=40, test=60, first=40, per_round=4, policies=("own", "prefill"))


class Roomy(FakeModel):
    context_length = None


class Prefilled(FakeRunner):
    """The identity is right on half of the inputs, loops in the prompt on four fifths, all other chains on a fifth."""

    def answer(self, request: Request) -> Result:
        layers = request.chain.layers
        loops = len(set(layers)) < len(layers)
        share = 5 if request.chain.is_identity else 8 if loops and request.cache_policy == "prefill" else 2
        right = digest("input", request.prompt) % 10 < share
        return Result(matched=right) if request.expected is not None else Result(text="7" if right else "0")


def run(out: Path, static: StaticSettings = BOTH, runner: FakeRunner | None = None, **changes: Any) -> StaticStudy:
    options = {"searcher": "random", "space": "cola", "budget": 12, "task": fake_task(200)} | changes
    execution = Execution(runner or Prefilled())
    return search_static(Roomy(), out=out, static=static, execution=execution, **options)


def policies(out: Path) -> list[tuple[Any, str]]:
    lines = JsonlJournal(out / "journal.jsonl").lines()
    return [(tuple(line["chain"]), line.get("policy", "own")) for line in lines]


def test_a_chain_without_a_loop_has_one_variant_and_one_with_a_loop_one_for_each_policy() -> None:
    for policies in (("own", "first"), ("first", "prefill")):
        assert variants(Chain((0, 2, 1), 3), policies) == [CachedChain(Chain((0, 2, 1), 3))]
    assert [each.policy for each in variants(LOOP, ("last", "prefill"))] == ["last", "prefill"]


def test_the_policy_that_does_best_on_training_inputs_is_chosen_and_reported(tmp_path: Path) -> None:
    study = run(tmp_path / "s")
    chosen = study.figures.chosen["search"]
    assert chosen.policy == "prefill" and chosen.title == f"{chosen.notation} (cache policy prefill)"
    assert chosen.test.value is not None and chosen.test.value > 0.7
    assert study.figures.chosen["identity"].policy == "own" and study.figures.chosen["identity"].test.value < 0.7
    assert load_static(study.out).figures == study.figures
    rewards = rewards_on_test(study.out)["search"]
    assert sum(rewards.values()) / 60 == chosen.test.value
    tried = policies(study.out)
    assert all(policy == "own" for layers, policy in tried if len(set(layers)) == len(layers)), (
        "once where it's the same"
    )
    assert {policy for layers, policy in tried if len(set(layers)) < len(layers)} == {"own", "prefill"}


def test_a_study_of_one_policy_has_the_journal_of_before(tmp_path: Path) -> None:
    run(tmp_path / "s", StaticSettings(train=40, test=60, first=40, per_round=4))
    assert '"policy"' not in (tmp_path / "s" / "journal.jsonl").read_text()


def test_a_study_from_before_there_were_policies_is_read(tmp_path: Path) -> None:
    study = run(tmp_path / "s", StaticSettings(train=40, test=60, first=40, per_round=4))
    line = study.figures.to_json()
    for chosen in (*line["chosen"].values(), *(each["chosen"] for each in line["curve"])):
        assert chosen.pop("policy") == "own"
    assert StaticFigures.from_json(line) == study.figures
    again = json.loads((study.out / "run.json").read_text())
    assert again["settings"]["static"].pop("policies") == ["own"]
    assert not differing(again, study.run), "a study that doesn't say it was made with the usual policy"


def test_it_is_resumed_to_the_same_bytes(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole").out
    cut = run(tmp_path / "cut").out
    lines = (cut / "journal.jsonl").read_text().splitlines(keepends=True)
    (cut / "journal.jsonl").write_text("".join(lines[: len(lines) // 2]))
    (cut / "summary.json").unlink()
    runner = Prefilled()
    run(cut, runner=runner)
    for name in ("journal.jsonl", "summary.json"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes()
    assert 0 < sum(map(len, runner.calls)) < len(lines), "what the journal has isn't run again"


def test_the_searcher_is_told_the_best_policy_and_the_budget_counts_chains() -> None:
    told: list[tuple[Chain, float]] = []
    searcher = make_searcher("random", make_space("loop", 6), seed=0)
    searcher.tell = lambda chain, reward: told.append((chain, reward))  # type: ignore[method-assign]

    def rewards(pairs: Sequence[tuple[CachedChain, int]]) -> list[float]:
        return [1.0 if each.policy == "last" else 0.0 for each, _ in pairs]

    search = StaticSearch(searcher, Halving(8, 8, 4), 6, rewards, ("own", "last"))
    list(search.run())
    assert search.chains == 6 and len(search.candidates) == 12
    assert [reward for _, reward in told] == [1.0] * 6


def test_each_chain_is_timed_under_its_policy(tmp_path: Path) -> None:
    runner = Prefilled()
    study = run(tmp_path / "s", replace(BOTH, timed=2), runner=runner)
    assert read_wall_clock(study.out) is not None
    last = [each.cache_policy for call in runner.calls[-6:] for each in call]
    assert "prefill" in last


def test_where_a_policy_makes_no_difference_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--policies prefill makes no difference on 'fake'"):
        run(tmp_path / "a", task=fake_task(200, "choice"))
    with pytest.raises(InvalidInput, match="the space 'skip', which runs no layer more than once"):
        run(tmp_path / "b", space="skip")
    with pytest.raises(InvalidInput, match="--cache-policy first has no effect with --policies"):
        run(tmp_path / "c", cache_policy="first")
    with pytest.raises(InvalidInput, match="give different ones"):
        StaticSettings(policies=("own", "own"))
    with pytest.raises(InvalidInput, match="unknown cache policy 'none'"):
        StaticSettings(policies=("none",))
