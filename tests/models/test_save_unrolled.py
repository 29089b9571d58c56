"""A chain saved as a checkpoint is opened again as the same model, or refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from skiploop import Chain, InvalidInput, LayeredModel, UnsupportedModel, run_chain
from skiploop.models.unroll import unroll
from tests.conformance.tiny import prompts, tiny_model


@pytest.mark.parametrize("layers", [[0, 1, 2, 1, 2, 3], [0, 2, 1, 3], [0, 1, 3], [3, 3, 3]], ids=str)
@pytest.mark.parametrize("kind", ["llama", "gemma3_text", "gpt2"])  # gpt2's head is tied to its embeddings
def test_a_saved_chain_is_the_chain(kind: str, layers: list[int], tmp_path: Path) -> None:
    model, chain, inputs = tiny_model(kind), Chain(layers, 4), prompts()
    real = inputs["attention_mask"].bool()
    with torch.inference_mode(), run_chain(model, chain):
        wanted = model(**inputs).logits[real]
    unroll(model, chain).save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    with torch.inference_mode():
        assert torch.equal(again(**inputs).logits[real], wanted)


def test_the_product_opens_what_it_saved(tmp_path: Path) -> None:
    model, chain = LayeredModel.from_pretrained("nano"), Chain([0, 1, 2, 2, 2, 4, 7], 8)
    unroll(model.hf, chain).save_pretrained(tmp_path)
    model.tokenizer.save_pretrained(tmp_path)
    again = LayeredModel.from_pretrained(str(tmp_path))
    again.check()
    assert again.num_layers == 7
    assert again.generate("sort: 5 3 =", max_new_tokens=4) == model.generate(
        "sort: 5 3 =", chain=chain, max_new_tokens=4
    )


@pytest.mark.parametrize("text", ["0-1 2*0.5 3", "0 1-2x2~.5 3"])
def test_what_no_checkpoint_can_hold_is_refused(text: str, tmp_path: Path) -> None:
    model = tiny_model("llama")
    with pytest.raises(InvalidInput, match="no checkpoint can hold"):
        unroll(model, Chain.parse(text, num_layers=4)).save_pretrained(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_layer_that_is_what_its_place_says_is_refused(tmp_path: Path) -> None:
    """Jamba derives the kind of a layer from a period in its config."""
    model = tiny_model("jamba")
    with pytest.raises(UnsupportedModel, match="by its place"):
        unroll(model, Chain([0, 1, 1, 2, 3], 4)).save_pretrained(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_saving_leaves_the_model_and_its_weights_alone(tmp_path: Path) -> None:
    model = tiny_model("llama")
    copied = unroll(model, Chain([0, 1, 1, 3], 4))
    copied.save_pretrained(tmp_path)
    layers = copied.model.layers
    assert layers[1].mlp.up_proj.weight.data_ptr() == layers[2].mlp.up_proj.weight.data_ptr()
    assert model.config.num_hidden_layers == 4
