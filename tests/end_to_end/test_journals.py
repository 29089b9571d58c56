"""Journals are byte for byte what they were before the code was ordered into packages.

The digests were made with the last commit of the flat layout. A change of seeds, of the order of evaluations, of a
default or of a line's form shows here; such a change is a decision, and these digests are made anew with it.
They are older than the guide: with `--guide none`, journals are what they were. GUIDED are those with it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from skiploop import LayeredModel, search
from skiploop.cli.main import app
from skiploop.studies.execution import Execution
from skiploop.testing.fakes import FakeModel, FakeRunner, fake_task

FILES = ("inputs.jsonl", "journal.jsonl", "verified.jsonl")

# By searcher and scoring, without a model: the same on every machine.
FAKES = {
    ("cola", "verbatim"): "132b942e31dd17f6",
    ("random", "verbatim"): "ecbc14dee1a93058",
    ("evolution", "verbatim"): "50dc61f28c2390e1",
    ("metropolis", "verbatim"): "53659be36a07500a",
    ("gp", "verbatim"): "480ac77ab90b62cb",
    ("cola", "exact"): "7629607dbae47ad4",
    ("cola", "choice"): "7984241bfaf40cb5",
}
GUIDED = {
    ("cola", "verbatim"): "132b942e31dd17f6",  # the paper's searcher is told verdicts alone
    ("gp", "verbatim"): "547be229c7511222",
    ("gp", "choice"): "d66ec542ce4813a6",
    ("evolution", "verbatim"): "08c2fdfa0aa315e2",
    ("puct", "verbatim"): "b0c30d5b4505ccfe",
}

# What nano's logits and a Cholesky factor were on the machine of the digests below. Other processors round otherwise,
# and a verdict or a tie of the Gaussian process may turn out differently there.
MACHINE = "023706b499168bb8"
SEARCH = {
    "inputs.jsonl": "c856408bc4736aab",
    "journal.jsonl": "5591823a34d7ac89",
    "verified.jsonl": "31b8c44601dc4763",
}
STUDY = {
    "controls/options.jsonl": "d93503c61cb754b8",
    "controls/sampling.jsonl": "c80f294160fb9d3e",
    "search/inputs.jsonl": "98ad720d22fce384",
    "search/journal.jsonl": "88fa135654735656",
    "search/verified.jsonl": "67dd1fe696004a44",
    "static/inputs.jsonl": "53fcfc9abcd63378",
    "static/journal.jsonl": "360e8adf199b0400",
}


def short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def journals_of_a_fake_model(searcher: str, scoring: str, guide: str, out: Path) -> str:
    search(
        FakeModel(), fake_task(20, scoring), out=out, execution=Execution(FakeRunner()), searcher=searcher, budget=30,
        per_call=64, guide=guide,
    )  # fmt: skip
    return short(b"".join([(out / name).read_bytes() for name in FILES]))


@pytest.mark.parametrize("searcher, scoring", FAKES)
def test_journals_of_a_fake_model(searcher: str, scoring: str, tmp_path: Path) -> None:
    assert journals_of_a_fake_model(searcher, scoring, "none", tmp_path / "study") == FAKES[searcher, scoring]


@pytest.mark.parametrize("searcher, scoring", GUIDED)
def test_journals_of_guided_searches(searcher: str, scoring: str, tmp_path: Path) -> None:
    assert journals_of_a_fake_model(searcher, scoring, "auto", tmp_path / "study") == GUIDED[searcher, scoring]


def on_this_machine() -> str:
    model = LayeredModel.from_pretrained("nano")
    ids = model.tokenizer(["sort:45,59,80="] * 3, return_tensors="pt").input_ids
    logits = model.logits(ids, model.identity).contiguous().numpy()
    noise = np.random.default_rng(0).normal(size=(40, 40))
    factor = np.linalg.cholesky(noise @ noise.T + np.eye(40))
    return short(logits.tobytes() + factor.tobytes())


def run(out: Path, *arguments: str) -> None:
    done = CliRunner().invoke(app, [*arguments, "--out", str(out), "--threads", "1"])
    assert done.exit_code == 0, done.output


def digests(out: Path, names: dict[str, str]) -> dict[str, str]:
    return {name: short((out / name).read_bytes()) for name in names}


@pytest.mark.slow
def test_journals_of_nano(tmp_path: Path) -> None:
    if on_this_machine() != MACHINE:
        pytest.skip("this processor rounds otherwise than the one on which the digests were made")
    run(tmp_path / "search", "search", "--limit", "6", "--budget", "12", "--guide", "none")
    assert digests(tmp_path / "search", SEARCH) == SEARCH
    split = ("--limit", "5", "--budget", "10", "--train", "12", "--test", "12", "--static-budget", "8")
    without = [word for part in ("ablation", "analyses", "report") for word in ("--without", part)]
    run(tmp_path / "study", "study", *split, *without, "--guide", "none")
    assert digests(tmp_path / "study", STUDY) == STUDY
