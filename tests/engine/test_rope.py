"""A batch never straddles the length at which a model's rotary embeddings change."""

from __future__ import annotations

import pytest
import torch

from skiploop import Chain, Engine, LayeredModel, Request
from skiploop.engine.plain import PlainEngine
from skiploop.engine.rope import RopeSwitch, Side, find_switch
from tests.conformance.tiny import tiny_model

LENGTH = 32


class Letters:
    """A tokenizer with a token for each letter."""

    pad_token_id = eos_token_id = 0

    def __call__(self, text: str, **_settings: object) -> dict[str, list[int]]:
        return {"input_ids": [ord(letter) - 90 for letter in text]}

    def decode(self, ids: list[int], **_settings: object) -> str:
        return "".join(chr(i + 90) for i in ids)


def longrope() -> LayeredModel:
    half = 4  # frequencies: half of the width of a head
    hf = tiny_model(
        "phi3",
        hidden_size=32, num_attention_heads=4, num_key_value_heads=4, intermediate_size=64,
        max_position_embeddings=256, original_max_position_embeddings=LENGTH,
        rope_parameters={
            "rope_type": "longrope", "rope_theta": 10000.0, "factor": 8.0, "short_factor": [1.0] * half,
            "long_factor": [1.0, 2.0, 4.0, 8.0], "original_max_position_embeddings": LENGTH,
        },
    )  # fmt: skip
    return sharpened(hf)


def dynamic() -> LayeredModel:
    parameters = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 4.0}
    hf = tiny_model("llama", max_position_embeddings=LENGTH, rope_parameters=parameters)
    return sharpened(hf)


def sharpened(hf: torch.nn.Module) -> LayeredModel:
    """With larger weights, so that other positions give visibly other scores."""
    with torch.no_grad():
        for weight in hf.parameters():
            if weight.dim() > 1:
                weight.mul_(3)
    return LayeredModel(hf, Letters())


def requests(model: LayeredModel) -> list[Request]:
    """Of all lengths around the switch that the model's context allows."""
    chain = Chain((0, 1, 1, *range(2, model.num_layers)), model.num_layers)
    asked = []
    for length in (20, 25, 26, 27, 30, 31, 32, 33, 40):
        if length + 6 > (model.context_length or 0):
            continue
        prompt = ("abcdefgh" * 6)[:length]
        for each in (chain, model.identity):
            asked.append(Request(prompt, each, continuations=("c", "dd", "cdcdcd")))
            asked.append(Request(prompt, each, expected="cd"))
            asked.append(Request(prompt, each, max_new_tokens=6))
    return asked


@pytest.mark.parametrize("make", [longrope, dynamic])
def test_results_dont_depend_on_the_company(make: object) -> None:
    model = make()  # type: ignore[operator]
    asked = requests(model)
    together, alone = Engine(model).run(asked), PlainEngine(model).run(asked)
    for request, first, second in zip(asked, together, alone, strict=True):
        assert (first.text, first.matched) == (second.text, second.matched), request
        assert first.loglikelihoods == pytest.approx(second.loglikelihoods, abs=1e-4), request


def test_the_two_sides_differ_or_the_test_above_shows_nothing() -> None:
    model = longrope()
    ids = torch.tensor([[5, 6, 7, 8] * 10])
    with torch.inference_mode():
        short = model.hf(input_ids=ids[:, :LENGTH], use_cache=False).logits[0]
        long = model.hf(input_ids=ids[:, : LENGTH + 1], use_cache=False).logits[0, :LENGTH]
    assert (short - long).abs().max() > 1e-2


def test_short_sequences_still_share_batches() -> None:
    model = longrope()
    engine, plain = Engine(model), PlainEngine(model)
    chains = [Chain((*range(model.num_layers), 3), model.num_layers), model.identity]
    asked = [Request("abcdefgh", chain, continuations=("c", "dd")) for chain in chains]
    engine.run(asked[:1])  # the trials of the engine
    before = engine.layer_calls
    engine.run([Request("hgfedcba", chain, continuations=("c", "dd")) for chain in chains])
    plain.run(asked)
    assert engine.layer_calls - before < plain.layer_calls


def test_sides() -> None:
    once, always = RopeSwitch(32, True), RopeSwitch(32, False)
    assert once.of_sequences([31, 32]) is Side.SHORT
    assert once.of_sequences([32, 33]) is Side.ALONE
    assert once.of_sequences([33, 90]) is Side.LONG
    assert always.of_sequences([33, 90]) is Side.ALONE
    assert once.of_generation(20, 12) is Side.SHORT
    assert once.of_generation(20, 13) is Side.ALONE
    assert once.of_generation(33, 10) is Side.LONG
    assert [once.padded(length, padded) for length, padded in ((30, 32), (30, 40), (33, 40))] == [32, 32, 40]


def test_most_models_have_no_switch() -> None:
    assert find_switch(tiny_model("llama").config) is None
    assert find_switch(longrope().hf.config) == RopeSwitch(LENGTH, True)
    assert find_switch(dynamic().hf.config) == RopeSwitch(LENGTH, False)
