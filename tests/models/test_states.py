"""Hidden states after each slot, and what an input is like."""

from __future__ import annotations

import pytest
import torch

from skiploop.chains.chain import Chain
from skiploop.models.layered import LayeredModel
from skiploop.models.replay import run_chain
from skiploop.models.states import middle_state, states_after_slots


@pytest.fixture(scope="module")
def model() -> LayeredModel:
    return LayeredModel.from_pretrained("nano")


def test_states_are_those_under_run_chain_and_the_last_gives_the_logits(model: LayeredModel) -> None:
    ids = model.encode("calc:12+30=")
    for text in ("0-7", "0 2 2 3x3 6-7", "7 0"):
        chain = Chain.parse(text, model.num_layers)
        states = states_after_slots(model, ids, chain)
        assert states.shape[:2] == (len(chain) + 1, len(ids))
        with torch.inference_mode(), run_chain(model.hf, chain):
            theirs = model.hf(input_ids=torch.tensor([ids]), output_hidden_states=True, use_cache=False).hidden_states
        for slot in range(len(chain)):  # the model's last one comes after the final norm
            assert torch.equal(states[slot], theirs[slot][0])
        picked = states_after_slots(model, ids, chain, positions=[2, 0])
        assert torch.equal(picked, states[:, [2, 0]])


def test_the_middle_state_is_the_last_tokens_after_half_of_the_layers_and_no_other_is_run(model: LayeredModel) -> None:
    prompt, ran = "calc:12+30=", []
    with torch.inference_mode():
        theirs = model.hf(input_ids=torch.tensor([model.encode(prompt)]), output_hidden_states=True).hidden_states
    hooks = [
        layer.mlp.register_forward_hook(lambda *_, number=number: ran.append(number))
        for number, layer in enumerate(model.hf.model.layers)
    ]
    found = middle_state(model, prompt)
    for hook in hooks:
        hook.remove()
    half = model.num_layers // 2
    assert found == theirs[half][0, -1].tolist()
    assert ran == list(range(half))
