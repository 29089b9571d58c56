"""Block Influence against the hidden states that the model itself gives."""

from __future__ import annotations

import pytest
import torch

from skiploop.models.influence import block_influence
from skiploop.models.layered import LayeredModel


def test_block_influence_is_what_the_hidden_states_say() -> None:
    model = LayeredModel.from_pretrained("nano")
    prompts = ["3+4=", "sort 3 1 2:"]
    want = torch.zeros(model.num_layers)
    tokens = 0
    for prompt in prompts:
        ids = torch.tensor([model.encode(prompt)])
        # The last hidden state comes after the final norm, so the last layer can't be compared.
        states = model.hf(input_ids=ids, output_hidden_states=True).hidden_states
        for layer in range(model.num_layers - 1):
            cosines = torch.cosine_similarity(states[layer], states[layer + 1], dim=-1)
            want[layer] += (1 - cosines).sum().item()
        tokens += ids.shape[1]
    hooks = [len(layer._forward_hooks) for layer in model.hf.model.layers]
    found = block_influence(model, prompts)
    assert found[:-1] == pytest.approx((want / tokens).tolist()[:-1], rel=1e-4)
    assert found[-1] > 0
    assert hooks == [len(layer._forward_hooks) for layer in model.hf.model.layers], "no hook stays"
