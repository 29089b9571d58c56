"""A folder with `chain_config.json` alone is opened as its base, run under its chain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from skiploop import InvalidInput, LayeredModel
from skiploop.chains.chain import Chain
from skiploop.cli.main import app
from skiploop.models.chain_config import FILE, ChainConfig, load_chain_config
from skiploop.models.replay import run_chain

PROMPT = "sort: 5 3 ="
IDS = torch.arange(5, 15)[None]
PLAIN, DAMPED = Chain.parse("0-3 4x2 5 7", 8), Chain.parse("0 1-2x3~.5 3-7", 8)


@pytest.fixture(scope="module")
def base() -> LayeredModel:
    return LayeredModel.from_pretrained("nano")


def saved(folder: Path, chain: Chain = PLAIN, **said: Any) -> Path:
    ChainConfig(**({"base_model": "nano", "chain": chain} | said)).save(folder)
    return folder


@pytest.mark.parametrize("chain", [PLAIN, DAMPED], ids=str)
def test_a_folder_of_a_few_hundred_bytes_is_opened_as_its_base_under_the_chain(
    chain: Chain, base: LayeredModel, tmp_path: Path
) -> None:
    folder = saved(tmp_path, chain)
    assert (folder / FILE).stat().st_size < 600 and load_chain_config(folder).chain == chain
    opened = LayeredModel.from_pretrained(str(folder))
    assert (opened.name, opened.chain, opened.fingerprint) == (base.name, chain, base.fingerprint)
    assert torch.equal(opened.logits(IDS), base.logits(IDS, chain))
    assert not torch.equal(opened.logits(IDS), base.logits(IDS)), "the chain changed nothing"
    assert opened.generate(PROMPT, max_new_tokens=8) == base.generate(PROMPT, chain=chain, max_new_tokens=8)
    assert torch.equal(opened.logits(IDS, opened.identity), base.logits(IDS))


def test_the_policy_is_obeyed(base: LayeredModel, tmp_path: Path) -> None:
    opened = LayeredModel.from_pretrained(str(saved(tmp_path, Chain.parse("0-3x3 4-7", 8), cache_policy="last")))
    ids = torch.tensor([opened.encode(PROMPT)])
    with torch.inference_mode(), run_chain(base.hf, opened.chain, cache_policy="last"):
        wanted = base.hf.generate(ids, max_new_tokens=8, do_sample=False)[0, ids.shape[1] :].tolist()
    (text,) = opened.generate(PROMPT, max_new_tokens=8)
    assert text == base.text_of(ids[0].tolist(), wanted)
    assert text != base.generate(PROMPT, chain=opened.chain, max_new_tokens=8)[0], "the policy changes nothing here"


def test_generate_runs_the_chain_and_another_one_where_it_is_given(base: LayeredModel, tmp_path: Path) -> None:
    command = ["generate", "--model", str(saved(tmp_path)), "--max-new-tokens", "8", PROMPT, "--json"]
    told = json.loads(CliRunner().invoke(app, command).stdout)
    assert told["chain"] == PLAIN.to_json()
    assert told["outputs"][0]["text"] == base.generate(PROMPT, chain=PLAIN, max_new_tokens=8)[0]
    told = json.loads(CliRunner().invoke(app, [*command, "--chain", "0-7"]).stdout)
    assert told["outputs"][0]["text"] == base.generate(PROMPT, max_new_tokens=8)[0]


def test_a_study_wants_the_base(tmp_path: Path) -> None:
    command = ["evaluate", "--model", str(saved(tmp_path)), "--limit", "2", "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code != 0 and "give --model nano" in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"base_model": "no/such/folder"}, "on the base 'no/such/folder': there is no folder"),
        ({"chain": Chain([0, 1, 1], 4)}, "for a model of 4 layers, but its base 'nano' has 8"),
    ],
    ids=["no base", "another size"],
)
def test_a_base_that_is_not_the_one_is_refused(said: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=message):
        LayeredModel.from_pretrained(str(saved(tmp_path, **said)))


def test_a_chain_on_a_chain_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path, base_model=str(tmp_path))
    with pytest.raises(InvalidInput, match="a chain, too"):
        LayeredModel.from_pretrained(str(folder))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "install a newer one"),
        ({"base_model": None}, "lacks base_model"),
        ({"layers": [0, 99]}, "99"),
        ({"cache_policy": "newest"}, "unknown cache policy"),
    ],
    ids=lambda given: str(given)[:24],
)
def test_a_damaged_file_is_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = saved(tmp_path) / FILE
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change), encoding="utf-8")
    with pytest.raises(InvalidInput, match=message):
        LayeredModel.from_pretrained(str(tmp_path))


def test_a_checkpoint_beside_it_is_a_model_of_its_own(base: LayeredModel, tmp_path: Path) -> None:
    base.hf.save_pretrained(tmp_path)
    base.tokenizer.save_pretrained(tmp_path)
    opened = LayeredModel.from_pretrained(str(saved(tmp_path)))
    assert opened.chain.is_identity and torch.equal(opened.logits(IDS), base.logits(IDS))
