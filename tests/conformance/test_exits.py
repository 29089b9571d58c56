"""Exits: where none is taken the model's logits bit for bit, where one is those of the slot that was chosen."""

from __future__ import annotations

import math

import pytest
import torch
from transformers import PreTrainedModel
from typer.testing import CliRunner

from skiploop import Chain, InvalidInput, LayeredModel, run_chain
from skiploop.cli.main import app
from skiploop.models.exits import Confident, Exit, Halt, parse_exit, run_exit
from skiploop.models.recorded_calls import head as run_head
from skiploop.models.replay import Session, hidden_of, probing
from tests.conformance.tiny import prompts, tiny_model

TYPES = ["llama", "gemma2", "gpt2", "qwen3_moe", "mamba"]  # gemma2 caps its logits
CHAINS = [Chain.identity(4), Chain((0, 1, 1, 3), 4)]
NEVER: list[Exit] = [Confident(1), Halt(1.0)]
ALWAYS = Halt(0.0, first=1)


def forward(model: PreTrainedModel, **inputs: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return model(**inputs, use_cache=False).logits


def head(model: PreTrainedModel, state: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return run_head(model, state)


def states(model: PreTrainedModel, chain: Chain, inputs: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    """After each slot, [B, S, D]; by a loop of its own."""
    found: list[torch.Tensor] = []

    def run(session: Session, hidden: torch.Tensor) -> tuple[torch.Tensor, object]:
        raw = None
        for layer in chain.layers:
            raw = session.calls[layer].replay(session.layers[layer], hidden, None)
            hidden = hidden_of(raw)
            found.append(hidden)
        return hidden, raw

    with torch.inference_mode(), probing(model, run):
        model(**inputs, use_cache=False)
    return found


def valley(entropies: list[float], window: int) -> int:
    """The rule in words: back from the last one as long as the entropy gets smaller."""
    slot = len(entropies) - 1
    while slot > max(0, len(entropies) - window) and entropies[slot - 1] < entropies[slot]:
        slot -= 1
    return slot


@pytest.mark.parametrize("chain", CHAINS, ids=str)
@pytest.mark.parametrize("model_type", TYPES)
def test_an_exit_that_is_never_taken_is_the_model_bit_for_bit(model_type: str, chain: Chain) -> None:
    model, inputs = tiny_model(model_type), prompts()
    with run_chain(model, chain):
        wanted = forward(model, **inputs)
    for rule in NEVER:
        for every in (True, False):
            with run_exit(model, chain, rule, every=every) as exits:
                assert torch.equal(forward(model, **inputs), wanted)
            assert set(exits.taken) == {3} and exits.mean_depth == 4


@pytest.mark.parametrize("chain", CHAINS, ids=str)
@pytest.mark.parametrize("model_type", TYPES)
def test_the_valley_that_is_nearest_to_the_last_slot_is_read_off(model_type: str, chain: Chain) -> None:
    model, inputs = tiny_model(model_type), prompts(length=12)
    slots = [head(model, each.flatten(0, 1)) for each in states(model, chain, inputs)]
    entropies = torch.stack([-(s.float().softmax(-1) * s.float().log_softmax(-1)).sum(-1) for s in slots])
    for window in (2, 4):
        chosen = [valley(column.tolist(), window) for column in entropies.T]
        assert len(set(chosen)) > 1, "some are read off early, some at the end"
        wanted = torch.stack([slots[slot][place] for place, slot in enumerate(chosen)])
        with run_exit(model, chain, Confident(window), every=True) as exits:
            found = forward(model, **inputs)
        torch.testing.assert_close(found.flatten(0, 1), wanted, rtol=1e-5, atol=1e-5)
        assert exits.mean_depth == pytest.approx(1 + sum(chosen) / len(chosen))


def test_the_first_certain_slot_is_read_off() -> None:
    model, inputs = tiny_model("llama"), prompts()
    slots = torch.stack([head(model, each.flatten(0, 1)) for each in states(model, CHAINS[0], inputs)])
    certainty = 1 + (slots.softmax(-1) * slots.log_softmax(-1)).sum(-1) / math.log(slots.shape[-1])
    threshold = float(certainty.median())
    chosen = [next((i for i, c in enumerate(column[:-1]) if c > threshold), 3) for column in certainty.T.tolist()]
    assert len(set(chosen)) > 2
    with run_exit(model, CHAINS[0], Halt(threshold), every=True):
        found = forward(model, **inputs).flatten(0, 1)
    wanted = torch.stack([slots[slot, place] for place, slot in enumerate(chosen)])
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("model_type", TYPES)
def test_later_tokens_see_the_keys_of_all_slots(model_type: str) -> None:
    """With a cache the logits are those of a forward over the whole text, read off at the same slots."""
    model, inputs = tiny_model(model_type), prompts(batch=1)
    arguments = {"max_new_tokens": 6, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    arguments |= {"output_logits": True, "return_dict_in_generate": True}
    with torch.inference_mode(), run_exit(model, CHAINS[0], ALWAYS) as exits:
        made = model.generate(**inputs, **arguments)
    assert set(exits.taken) == {1}
    early = states(model, CHAINS[0], {"input_ids": made.sequences[:, :-1]})[1][0, -6:]
    torch.testing.assert_close(torch.cat(made.logits), head(model, early), rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def nano() -> LayeredModel:
    return LayeredModel.from_pretrained("nano")


def test_a_batch_is_each_prompt_alone_and_the_command_says_the_same(nano: LayeredModel) -> None:
    texts = ["sort:45,59,80=", "calc:345+7=", "word:abcde R=", "largest:A 17+53 B 63+61 C 30-52 D 48+29="]
    rule = Halt(0.9, first=3)
    together = nano.generate(texts, exit=rule, max_new_tokens=12)
    assert together == [nano.generate(text, exit=rule, max_new_tokens=12)[0] for text in texts]
    assert together != nano.generate(texts, max_new_tokens=12), "some token is read off early"
    assert nano.generate(texts, exit=Confident(1), max_new_tokens=12) == nano.generate(texts, max_new_tokens=12)
    ids = torch.tensor([nano.encode(texts[0])])
    assert torch.equal(nano.logits(ids, exit=Halt(1.0)), nano.logits(ids))
    said = CliRunner().invoke(app, ["generate", *texts[:2], "--exit", "halt:0", "--max-new-tokens", "3"])
    assert said.stdout.splitlines() == nano.generate(texts[:2], exit=Halt(0.0), max_new_tokens=3)


@pytest.mark.parametrize("text", ["", "halt", "halt:x", "halt:2", "confident:0", "confident:x", "last"])
def test_another_exit_is_one_message(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_exit(text)
    said = CliRunner().invoke(app, ["generate", "calc:1+1=", "--exit", text])
    assert said.exit_code == 2 and "Traceback" not in said.output


def test_exits_are_read_as_they_are_written() -> None:
    found = [parse_exit(text) for text in ("confident", "confident:4", "halt:.5")]
    assert found == [Confident(10), Confident(4), Halt(0.5)]
    with pytest.raises(InvalidInput, match="first"):
        Halt(0.5, first=-1)


def test_slots_that_are_as_sure_as_can_be_or_all_alike_change_nothing() -> None:
    alike = torch.zeros(4, 2)
    assert Halt(1.0).choose(alike, 99).tolist() == Confident().choose(alike, 99).tolist() == [3, 3]
    assert Halt(0.99, first=0).choose(alike, 99).tolist() == [0, 0]
