"""Gates: what they find out about a tiny model, and that the model is given back as it was."""

from __future__ import annotations

import math

import pytest
import torch
from transformers import BertConfig, BertModel, PreTrainedModel

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput, UnsupportedModel
from skiploop.models.gates import GateResult, GateSettings, gated, train_gates
from skiploop.models.replay import find_layers, run_chain
from tests.conformance.tiny import tiny_model

HARMFUL = 2
Batches = list[tuple[torch.Tensor, torch.Tensor]]


def llama() -> PreTrainedModel:
    return tiny_model("llama")


def spoil(model: PreTrainedModel) -> None:
    """Replaces the weights of one layer by noise that drowns the others."""
    generator = torch.Generator().manual_seed(7)
    for parameter in find_layers(model)[HARMFUL].parameters():
        parameter.data = 2.0 * torch.randn(parameter.shape, generator=generator)


def batches_of(model: PreTrainedModel, count: int = 4) -> Batches:
    """Sequences that the model itself goes on with greedily, the first three tokens not counted."""
    generator = torch.Generator().manual_seed(1)
    found = []
    for _ in range(count):
        ids = torch.randint(8, 99, (4, 3), generator=generator)
        with torch.no_grad():
            for _ in range(9):
                ids = torch.cat([ids, model(ids).logits[:, -1:].argmax(-1)], dim=1)
        labels = ids.clone()
        labels[:, :3] = -100
        found.append((ids, labels))
    return found


@pytest.fixture(scope="module")
def planted() -> tuple[PreTrainedModel, Batches, GateResult]:
    """A task that the model without layer 2 does perfectly, and a model in which that layer is noise."""
    model = llama()
    with run_chain(model, Chain([0, 1, 3], 4)):
        batches = batches_of(model)
    spoil(model)
    return (
        model,
        batches,
        train_gates(model, batches, GateSettings(steps=120, lr=0.05, penalty=0.05, tau_end=20.0, seed=0)),
    )


def test_the_gate_of_a_harmful_layer_closes_and_the_others_stay_open(
    planted: tuple[PreTrainedModel, Batches, GateResult],
) -> None:
    _, _, result = planted
    assert result.chain == Chain([0, 1, 3], 4)
    assert result.gates[HARMFUL] < 0.01 and min(result.gates[layer] for layer in (0, 1, 3)) > 0.99
    assert len(result.history) == 120
    assert result.history[-1].task_loss < result.history[0].task_loss - 1
    taus = [step.tau for step in result.history]
    assert taus == sorted(taus) and (taus[0], taus[-1]) == (1.0, 20.0)


def test_the_chain_is_what_was_trained(planted: tuple[PreTrainedModel, Batches, GateResult]) -> None:
    """At the end the gates are as good as 0 or 1, so the loss is that of the chain."""
    model, batches, result = planted
    losses = []
    with torch.inference_mode(), run_chain(model, result.chain):
        for ids, labels in batches:
            losses.append(model(input_ids=ids, labels=labels).loss.item())
    last = [step.task_loss for step in result.history[-len(batches) :]]
    assert sum(last) / len(last) == pytest.approx(sum(losses) / len(losses), rel=1e-3)


def test_a_large_penalty_closes_all_but_one() -> None:
    model = llama()
    result = train_gates(model, batches_of(model, 1), GateSettings(steps=60, lr=0.2, penalty=1000.0))
    assert max(result.gates) < 0.5
    assert len(result.chain) == 1


def test_seeds_decide() -> None:
    model = llama()
    batches = batches_of(model, 3)
    runs = [train_gates(model, batches, GateSettings(steps=5, seed=seed)) for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize("model_type", ["llama", "gpt2", "gpt_neox", "falcon"])
def test_gates_of_1_are_the_model_and_gates_of_0_or_1_a_chain_bit_for_bit(model_type: str) -> None:
    model = tiny_model(model_type)
    layers = list(find_layers(model))
    ids = torch.arange(8, 20).reshape(2, 6)
    with torch.inference_mode():
        own = model(ids).logits
        with gated(layers, torch.ones(4)):
            assert torch.equal(model(ids).logits, own)
        with gated(layers, torch.tensor([1.0, 0.0, 1.0, 0.0])):
            skipped = model(ids).logits
        with run_chain(model, Chain([0, 2], 4)):
            assert torch.equal(model(ids).logits, skipped)


def test_a_gate_scales_the_update_of_its_layer() -> None:
    layer = torch.nn.Linear(3, 3)
    hidden = torch.randn(2, 3)
    want = hidden + 0.3 * (layer(hidden) - hidden)
    with gated([layer], torch.tensor([0.3])):
        torch.testing.assert_close(layer(hidden), want)
    assert not layer._forward_hooks


def state_of(model: PreTrainedModel) -> tuple[object, ...]:
    return (
        {name: value.clone() for name, value in model.state_dict().items()},
        {name: value.requires_grad for name, value in model.named_parameters()},
        {name: module.training for name, module in model.named_modules()},
        {name: len(module._forward_hooks) + len(module._forward_pre_hooks) for name, module in model.named_modules()},
        all(value.grad is None for value in model.parameters()),
    )


def assert_same(model: PreTrainedModel, before: tuple[object, ...]) -> None:
    weights, *rest = state_of(model)
    assert rest == list(before[1:])
    assert isinstance(weights, dict) and isinstance(before[0], dict) and weights.keys() == before[0].keys()
    assert all(torch.equal(value, before[0][name]) for name, value in weights.items())


def mixed_up() -> PreTrainedModel:
    """A model with some weights frozen and some modules in training mode."""
    model = llama()
    layers = find_layers(model)
    layers[1].requires_grad_(False)
    model.train()
    layers[0].eval()
    return model


def test_the_model_is_given_back_as_it_was() -> None:
    model = mixed_up()
    batches, before = batches_of(model, 2), state_of(model)
    random_state = torch.random.get_rng_state()
    train_gates(model, batches, GateSettings(steps=4))
    assert_same(model, before)
    assert torch.equal(torch.random.get_rng_state(), random_state)


def test_the_model_is_given_back_after_an_error() -> None:
    model = mixed_up()
    (ids, labels), before = batches_of(model, 1)[0], state_of(model)
    with pytest.raises(IndexError):
        train_gates(model, [(ids + 1000, labels)], GateSettings(steps=4))
    assert_same(model, before)


def test_no_gradients_outside_are_no_hindrance() -> None:
    model = llama()
    batches = batches_of(model, 1)
    with torch.inference_mode():
        ids, labels = batches[0]
        first = train_gates(model, [(ids.clone(), labels.clone())], GateSettings(steps=3))
    assert first == train_gates(model, batches, GateSettings(steps=3))


@pytest.mark.parametrize(
    ("setting", "value"),
    [("steps", 0), ("lr", -1.0), ("penalty", math.nan), ("penalty", True), ("tau_end", 0.5), ("tau_end", math.inf),
     ("seed", -1)],
)  # fmt: skip
def test_bad_numbers_are_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(InvalidInput, match=f"{setting}={value!r}"):
        GateSettings(**{setting: value})  # type: ignore[arg-type]


def test_batches_that_teach_nothing_are_refused() -> None:
    model = llama()
    ids = torch.arange(8, 16).reshape(2, 4)
    for batches, message in (
        ([], "no batches"),
        ([(ids, ids[:, :3])], "of shape"),
        ([(ids[0], ids[0])], "of shape"),
        ([(ids, torch.full_like(ids, -100))], "batch 0 has no label"),
    ):
        with pytest.raises(InvalidInput, match=message):
            train_gates(model, batches)


def test_models_without_a_causal_head_or_under_a_chain_are_refused() -> None:
    config = BertConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, vocab_size=40)
    ids = torch.arange(8, 16).reshape(2, 4)
    with pytest.raises(UnsupportedModel, match="causal"):
        train_gates(BertModel(config), [(ids, ids)])
    model = llama()
    with run_chain(model, Chain([0, 1], 4)), pytest.raises(InvalidInput, match="a chain is active"):
        train_gates(model, [(ids, ids)])
