"""Damaged files of a model: one line that says what is wrong, no harm, or a model that a study tells from the first.

What config.json or a tokenizer says can't be checked against anything else where it is of the right form: another
`rope_theta` is another model. So a file that gives other logits, tokens or ends must give another fingerprint, by which
a study refuses to be resumed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given

from skiploop import Chain, LayeredModel
from skiploop.models.loading import nano_folder
from tests.fuzz.mutations import damaged, documents, text_of
from tests.fuzz.trials import TRIED, few, many, refused

NANO = Path(nano_folder())
FUZZED = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")
TEXTS = ("calc:153+1=", "sort: banana, apple =", "a  b\tc.", "héé")
# transformers tells of settings that it ignores.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("model")
    for file in (*FUZZED, "model.safetensors"):
        (place / file).symlink_to(NANO / file)
    return place


def seen(model: LayeredModel) -> list[Any]:
    """What a study would have of a model."""
    ids = [model.encode(text) for text in TEXTS]
    chain = Chain((0, 1, 2, 2, 4, 5, 7), 8)
    logits = [model.logits(torch.tensor(ids[:1]), each).tolist() for each in (None, chain)]
    return [ids, [model.decode(row) for row in ids], model.eos_ids, logits, model.generate(TEXTS[0], max_new_tokens=3)]


@pytest.fixture(scope="module")
def reference() -> tuple[list[Any], str]:
    model = LayeredModel.from_pretrained("nano")
    return seen(model), model.fingerprint


def trial(folder: Path, file: str, data: bytes, reference: tuple[list[Any], str]) -> None:
    def run() -> tuple[list[Any], str]:
        model = LayeredModel.from_pretrained(str(folder))
        model.check()
        return seen(model), model.fingerprint

    place = folder / file
    place.unlink()
    place.write_bytes(data)
    try:
        found = refused(file, run)
    finally:
        place.unlink()
        place.symlink_to(NANO / file)
    if found is not None:
        same = found[0] == reference[0]
        TRIED[f"{file} {'harmless' if same else 'another model, by another fingerprint'}"] += 1
        assert same or found[1] != reference[1], "another model under the same fingerprint"


def fuzz(wrapped: Callable[[Any], Any], folder: Path, file: str, reference: tuple[list[Any], str]) -> None:
    whole = (NANO / file).read_bytes()

    @wrapped
    @given(documents(json.loads(whole)))
    def values(drawn: Any) -> None:
        trial(folder, file, text_of(drawn), reference)

    @wrapped
    @given(damaged(whole))
    def data(drawn: bytes) -> None:
        trial(folder, file, drawn, reference)

    values()
    data()


@pytest.mark.parametrize("file", FUZZED)
def test_damage_is_refused_or_harmless(file: str, folder: Path, reference: tuple[list[Any], str]) -> None:
    fuzz(few, folder, file, reference)


@pytest.mark.slow
@pytest.mark.parametrize("file", FUZZED)
def test_much_damage_is_refused_or_harmless(file: str, folder: Path, reference: tuple[list[Any], str]) -> None:
    fuzz(many, folder, file, reference)
    print({what: count for what, count in TRIED.items() if what.startswith(file)})
