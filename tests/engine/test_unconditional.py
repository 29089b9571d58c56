"""Options scored where nothing but the model's first token stands before them, and what log-likelihoods are worth."""

from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from skiploop import Chain, Engine, LayeredModel, Request
from skiploop.engine.plain import PlainEngine, loglikelihoods
from skiploop.models.replay import run_chain

TEXTS = ("12", " 7,8", "12")


@pytest.fixture(scope="module")
def nano() -> LayeredModel:
    return LayeredModel.from_pretrained("nano", dtype="float32", device="cpu")


def alone(model: LayeredModel, text: str, chain: Chain) -> float:
    tokens = model.tokenizer(text, add_special_tokens=False).input_ids
    with torch.inference_mode(), run_chain(model.hf, chain):
        return float(loglikelihoods(model, [model.prefix_id], tokens).sum())


@pytest.mark.parametrize("kind", [Engine, PlainEngine])
def test_options_are_scored_after_nothing_under_the_same_chain(nano: LayeredModel, kind: type[Engine]) -> None:
    chains = [nano.identity, nano.identity.loop(2, 2)]
    asked = [Request("sum:1,2=", chain, continuations=TEXTS, unconditional=True) for chain in chains]
    plain = Request("sum:1,2=", chains[0], continuations=TEXTS)
    *found, without = kind(nano).run([*asked, plain])
    for chain, result in zip(chains, found, strict=True):
        assert result.unconditional == pytest.approx([alone(nano, text, chain) for text in TEXTS], abs=1e-4)
    assert found[0].unconditional != pytest.approx(found[1].unconditional, abs=1e-3)
    assert without.unconditional == ()
    assert without.loglikelihoods == found[0].loglikelihoods, "it changes nothing else"


def test_each_different_option_is_run_once_for_a_chain(nano: LayeredModel) -> None:
    engine = PlainEngine(nano)
    engine.run([Request(prompt, nano.identity, continuations=TEXTS, unconditional=True) for prompt in ("1+1=", "2+2=")])
    assert engine.layer_calls == (2 * len(TEXTS) + 2) * nano.num_layers


def test_only_continuations_can_be_asked_for_it(nano: LayeredModel) -> None:
    with pytest.raises(ValueError, match="only continuations"):
        Request("1+1=", nano.identity, max_new_tokens=3, unconditional=True)


def test_a_large_vocabulary_costs_no_precision(nano: LayeredModel) -> None:
    """In float32 on a CPU, `log_softmax` over 49,152 logits is wrong by 2e-5 nats a token; ours by a tenth of that."""
    sizes = {"vocab_size": 49152, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    torch.manual_seed(0)
    model = LayeredModel(LlamaForCausalLM(LlamaConfig(**sizes, intermediate_size=8)).eval(), nano.tokenizer)
    prompt, answer = "1,2,3=", "4,5,6,7,8"
    ids, tokens = model.encode_pair(prompt, answer)
    with torch.inference_mode():
        logits = model.hf(torch.tensor([[*ids, *tokens]])[:, :-1]).logits[0, len(ids) - 1 :]
    exact = float(logits.double().log_softmax(-1).gather(1, torch.tensor(tokens)[:, None]).sum())
    for engine in (Engine(model), PlainEngine(model)):
        (found,) = engine.run([Request(prompt, model.identity, continuations=(answer,))])
        assert found.loglikelihoods[0] == pytest.approx(exact, abs=4e-6 * len(tokens))
