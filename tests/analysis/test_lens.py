"""The logit lens: its last slot is the model, and what is looked at is what is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from skiploop.analysis.lens import analyse, at_grid, curves, find_place, lens_logits, letter_bias, turn
from skiploop.analysis.settings import LensSettings
from skiploop.analysis.subject import open_subject
from skiploop.chains.chain import Chain
from skiploop.models.layered import LayeredModel
from skiploop.storage.records import as_json
from skiploop.studies.execution import Execution
from skiploop.studies.search import load_study, search
from skiploop.tasks import make_task
from skiploop.testing.fakes import FakeModel, FakeRunner, fake_task, options
from tests.conformance.tiny import prompts, tiny_model


@pytest.fixture(scope="module")
def model() -> LayeredModel:
    return LayeredModel.from_pretrained("nano")


@pytest.mark.parametrize("text", ["0-7", "0-3 2-7", "0 2 2 5x3 7", "3"])
def test_the_last_slot_is_what_the_model_says(model: LayeredModel, text: str) -> None:
    chain, ids = Chain.parse(text, model.num_layers), model.encode("calc:706+12=")
    found = lens_logits(model, ids, chain)
    assert found.shape[0] == len(chain)
    assert torch.allclose(found[-1], model.logits(torch.tensor([ids]), chain)[0, -1], atol=1e-4)
    for slots in range(1, len(chain)):  # an earlier slot is what the chain says that ends there
        shorter = Chain(chain.layers[:slots], model.num_layers)
        assert torch.allclose(found[slots - 1], model.logits(torch.tensor([ids]), shorter)[0, -1], atol=1e-4)


@pytest.mark.parametrize("kind", ["gpt2", "gemma2", "qwen3", "bloom", "mamba", "olmoe", "gptj"])
def test_the_last_slot_is_what_other_architectures_say_too(kind: str) -> None:
    other = LayeredModel(tiny_model(kind))
    ids = prompts(1)["input_ids"][0].tolist()
    for layers in ((0, 1, 2, 3), (0, 2, 2, 3, 1)):
        chain = Chain(layers, 4)
        found = lens_logits(other, ids, chain)
        assert found.shape[0] == len(chain)
        want = other.logits(torch.tensor([ids]), chain)[0, -1]
        assert torch.allclose(found[-1], want, atol=1e-4), kind


def test_the_place_is_where_the_identity_leaves_the_gold_answer(model: LayeredModel) -> None:
    task = make_task("nano").limit(20)
    left = 0
    for example in task.examples:
        place = find_place(model, task, example)
        said = model.generate(example.prompt, max_new_tokens=task.max_new_tokens)[0]
        assert (said == example.answer) == (place.gold == place.said)
        if said != example.answer:
            left += 1
            prompt, answer = model.encode_pair(example.prompt, example.answer)
            assert list(place.ids) == [*prompt, *answer[: place.position]]
            assert model.decode(answer[: place.position]) == said[: len(model.decode(answer[: place.position]))]
    assert 0 < left < 20


def test_curves_are_those_of_the_logits(model: LayeredModel) -> None:
    task = make_task("nano").limit(3)
    place = find_place(model, task, task.examples[0])
    chain = Chain.parse("0-4 4-7", model.num_layers)
    found = curves(model, place, chain)
    logits = lens_logits(model, place.ids, chain)
    chances = logits.softmax(-1)
    for slot in range(len(chain)):
        assert found.gold_probability[slot] == pytest.approx(chances[slot, place.gold].item(), abs=1e-6)
        order = logits[slot].argsort(descending=True).tolist()
        assert found.gold_rank[slot] == order.index(place.gold) + 1
        assert found.entropy[slot] == pytest.approx(
            torch.distributions.Categorical(chances[slot]).entropy().item(), abs=1e-3
        )
    assert found.turn == turn(logits.argmax(-1).tolist())


def test_the_turn_is_the_first_slot_of_the_last_run_of_equal_tokens() -> None:
    assert turn([3, 5, 3, 3]) == 3
    assert turn([3, 3]) == 1
    assert turn([1, 2]) == 2


def test_curves_of_any_length_are_read_at_the_same_shares() -> None:
    assert at_grid([1, 2, 3, 4], 4) == [1, 2, 3, 4]
    assert at_grid([1, 2], 4) == [1, 1, 2, 2]
    assert at_grid(list(range(1, 9)), 4) == [2, 4, 6, 8]
    assert at_grid([7], 3) == [7, 7, 7]


def test_a_study_is_seen_through_the_lens(model: LayeredModel, tmp_path: Path) -> None:
    study = search(model, "nano", limit=10, budget=12, out=tmp_path, random_peer=False, control=False)
    with open_subject(tmp_path, model=model) as subject:
        found = analyse(subject, LensSettings(resamples=50))
    right = study.figures.transitions.right_shorter + study.figures.transitions.identity_best
    groups = found.groups
    assert groups.identity_right.n == right
    assert groups.identity_wrong.n == 10 - right
    assert groups.still_wrong_identity.n == study.figures.transitions.still_wrong
    assert groups.shorter.n == study.figures.transitions.right_shorter
    assert groups.corrected.n == groups.corrected_identity.n == study.figures.transitions.corrected
    assert len(groups.identity_right.curves.gold_rank) == model.num_layers
    assert groups.identity_right.curves.gold_rank[-1].value == 1
    for line in found.inputs:
        assert len(line.slots.entropy) == len(line.chain)
        if line.group in ("corrected", "shorter"):
            assert line.slots.gold_rank[-1] == 1, "the chain is right, so it says the gold token"
    assert found.letters is None
    json.dumps(as_json(found), allow_nan=False)


def test_letter_bias_is_the_share_chosen_less_the_share_right(tmp_path: Path) -> None:
    task = fake_task(30, "choice")
    search(FakeModel(), task, out=tmp_path, execution=Execution(FakeRunner()), **options(budget=2))
    study = load_study(tmp_path)
    rows = letter_bias(task, study.inputs)
    assert rows is not None
    assert [row.letter for row in rows] == list("ABCD")
    assert [row.gold for row in rows] == [1, 0, 0, 0], "option A is always right there"
    chosen = [result.example["choices"].index(result.answer) for result in study.inputs]
    for number, row in enumerate(rows):
        assert row.predicted == pytest.approx(chosen.count(number) / 30)
        assert row.difference.value == pytest.approx(row.predicted - row.gold)
        assert row.difference.interval[0] <= row.difference.value <= row.difference.interval[1]
    assert rows[0].difference.interval[1] < 0, "chosen too rarely"
