"""An adapter is merged whole into the base that it was made for, or refused by name."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from skiploop import Chain, InvalidInput, LayeredModel, UnsupportedModel
from skiploop.models.loading import nano_folder
from skiploop.models.replay import run_chain

peft = pytest.importorskip("peft")
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
IDS = torch.arange(5, 15)[None]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, torch.Tensor]:
    """An adapter of nano that changes what it says, and the logits with it."""
    torch.manual_seed(0)
    base = LayeredModel.from_pretrained("nano").hf
    with warnings.catch_warnings(action="ignore"):  # peft asks for what transformers has renamed
        tuned = peft.get_peft_model(base, peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight)
    place = tmp_path_factory.mktemp("adapter")
    tuned.save_pretrained(place)
    return place, tuned.eval()(input_ids=IDS).logits.detach()


@pytest.fixture
def adapter(made: tuple[Path, torch.Tensor], tmp_path: Path) -> Path:
    place = tmp_path / "adapter"
    shutil.copytree(made[0], place)
    configure(place, base_model_name_or_path="nano")
    return place


def configure(place: Path, **changes: Any) -> None:
    path = place / CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def rewrite(place: Path, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> None:
    weights = change({name: weight.clone() for name, weight in load_file(place / WEIGHTS).items()})
    save_file(weights, place / WEIGHTS, metadata={"format": "pt"})


def test_an_adapter_is_merged_into_its_base(made: tuple[Path, torch.Tensor], adapter: Path) -> None:
    model = LayeredModel.from_pretrained(str(adapter))
    assert torch.allclose(model.logits(IDS), made[1], atol=1e-4)
    assert not torch.allclose(LayeredModel.from_pretrained("nano").logits(IDS), made[1], atol=1e-1)


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda w: {k: v for k, v in w.items() if ".layers.2." not in k}, r"lacks weights.*layers\.2\."),
        (lambda w: w | {k.replace("s.1.", "s.9."): v.clone() for k, v in w.items()}, r"no place.*layers\.9\."),
        (lambda w: {k: v[..., :-1].contiguous() for k, v in w.items()}, "size mismatch"),
    ],
    ids=["half of it", "for more layers", "of another width"],
)
def test_an_adapter_for_another_base_or_half_of_one_is_refused(adapter: Path, change: Any, said: str) -> None:
    rewrite(adapter, change)
    with pytest.raises(InvalidInput, match=said):
        LayeredModel.from_pretrained(str(adapter))


def test_a_pickled_adapter_is_not_read(adapter: Path) -> None:
    torch.save(load_file(adapter / WEIGHTS), adapter / "adapter_model.bin")
    (adapter / WEIGHTS).unlink()
    with pytest.raises(InvalidInput, match="no pickles"):
        LayeredModel.from_pretrained(str(adapter))


def test_a_folder_with_a_model_and_an_adapter_is_ambiguous(adapter: Path) -> None:
    for file in ("config.json", "model.safetensors"):
        shutil.copy(Path(nano_folder()) / file, adapter)
    with pytest.raises(InvalidInput, match="which one is meant"):
        LayeredModel.from_pretrained(str(adapter))


@pytest.mark.parametrize("base, said", [(None, "names no base model"), (7, "names no base model"), (".", "itself")])
def test_a_base_that_cant_be_one_is_refused(adapter: Path, base: Any, said: str) -> None:
    configure(adapter, base_model_name_or_path=str(adapter) if base == "." else base)
    with pytest.raises(InvalidInput, match=said):
        LayeredModel.from_pretrained(str(adapter))


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000], ids=range(4))
def test_a_damaged_config_is_one_line(adapter: Path, text: str) -> None:
    (adapter / CONFIG).write_text(text)
    with pytest.raises(InvalidInput, match=CONFIG) as error:
        LayeredModel.from_pretrained(str(adapter))
    assert "\n" not in str(error.value)


def test_what_is_no_change_of_weights_is_refused(tmp_path: Path) -> None:
    base = LayeredModel.from_pretrained("nano").hf
    config = peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3)
    with warnings.catch_warnings(action="ignore"):
        peft.get_peft_model(base, config).save_pretrained(tmp_path)
    configure(tmp_path, base_model_name_or_path="nano")
    with pytest.raises(UnsupportedModel, match=r"PROMPT_TUNING.*can't be merged"):
        LayeredModel.from_pretrained(str(tmp_path))


CHAIN = Chain.parse("0-3 2-3x2 5-7", 8)


def looped(base: Any) -> Any:
    """PEFT's model of `CHAIN`, with adapters for each slot that change nothing yet."""
    torch.manual_seed(0)
    settings = {"r": 4, "target_modules": ["q_proj", "v_proj"], "layer_replication": CHAIN.to_layer_replication()}
    with warnings.catch_warnings(action="ignore"):
        return peft.get_peft_model(base, peft.LoraConfig(**settings))


def test_layer_replication_is_the_chain_bit_for_bit() -> None:
    base = LayeredModel.from_pretrained("nano")
    wanted, plain = base.logits(IDS, CHAIN), base.logits(IDS)
    with torch.inference_mode(), run_chain(base.hf, CHAIN):
        tokens = base.hf.generate(IDS, max_new_tokens=8, do_sample=False)
    tuned = looped(base.hf).eval()
    with torch.inference_mode():
        found = tuned(input_ids=IDS).logits
        assert torch.equal(tuned.generate(input_ids=IDS, max_new_tokens=8, do_sample=False), tokens)
    assert torch.equal(found, wanted) and not torch.equal(found, plain)


def test_an_adapter_of_a_looped_model_has_a_change_of_its_own_for_each_slot(tmp_path: Path) -> None:
    tuned = looped(LayeredModel.from_pretrained("nano").hf)
    train(tuned)
    tuned.save_pretrained(tmp_path)
    configure(tmp_path, base_model_name_or_path="nano")
    with torch.inference_mode():
        wanted = tuned.eval()(input_ids=IDS).logits
    opened = LayeredModel.from_pretrained(str(tmp_path))
    assert opened.num_layers == len(CHAIN)
    assert torch.allclose(opened.logits(IDS), wanted, atol=1e-4)


def test_an_adapter_is_trained_under_a_chain(tmp_path: Path) -> None:
    base = LayeredModel.from_pretrained("nano")
    before = base.logits(IDS, CHAIN)
    with warnings.catch_warnings(action="ignore"):
        tuned = peft.get_peft_model(base.hf, peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))
    with run_chain(tuned.base_model.model, CHAIN):
        first, last = train(tuned)
        with torch.inference_mode():
            wanted = tuned.eval()(input_ids=IDS).logits
    assert last < first - 0.1, "the loss didn't fall"
    tuned.save_pretrained(tmp_path)
    configure(tmp_path, base_model_name_or_path="nano")
    found = LayeredModel.from_pretrained(str(tmp_path)).logits(IDS, CHAIN)
    assert torch.allclose(found, wanted, atol=1e-4) and not torch.allclose(found, before, atol=1e-1)


def train(tuned: Any, steps: int = 12) -> tuple[float, float]:
    """Fits some tokens; returns the losses of the first and the last step."""
    optimizer = torch.optim.AdamW([each for each in tuned.parameters() if each.requires_grad], lr=0.02)
    losses = []
    for _ in range(steps):
        loss = tuned.train()(input_ids=IDS, labels=IDS).loss
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses[0], losses[-1]
