"""Where a text ends, and with which settings it is continued: the same for `generate` and the engine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from skiploop import Chain, Engine, InvalidInput, LayeredModel, Request
from skiploop.models import ends
from skiploop.models.ends import beyond_greedy, end_of_turn, end_tokens
from skiploop.models.loading import nano_folder

PROMPTS = ["sort:45,59,80=", "calc:345+7="]
CHAIN = Chain((0, 1, 2, 3, 3, 4, 5, 6, 7), 8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "model"
    place.mkdir()
    for file in Path(nano_folder()).iterdir():
        if file.suffix in (".json", ".safetensors"):
            shutil.copy(file, place)
    return place


def said(model: LayeredModel) -> tuple[list[str], list[str | None]]:
    requests = [Request(prompt, CHAIN, max_new_tokens=12) for prompt in PROMPTS]
    texts = [result.text for result in Engine(model).run(requests)]
    return model.generate(PROMPTS, chain=CHAIN, max_new_tokens=12), texts


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({"repetition_penalty": 1.8}, marks=pytest.mark.slow),
        {"num_beams": 4},
        {"do_sample": True, "temperature": 5.0},
        pytest.param({"no_repeat_ngram_size": 1}, marks=pytest.mark.slow),
        {"min_length": 30},
    ],
    ids=str,
)
def test_what_a_checkpoint_asks_for_beyond_greedy_is_reported_and_not_obeyed(
    folder: Path, asked: dict[str, Any]
) -> None:
    plain = LayeredModel.from_pretrained("nano")
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | asked))
    model = LayeredModel.from_pretrained(str(folder))
    assert asked.items() <= beyond_greedy(model.hf).items()
    assert beyond_greedy(plain.hf) == {}
    assert said(model) == said(plain)
    generate, engine = said(model)
    assert generate == engine


def test_an_end_that_only_the_tokenizer_knows_ends_a_text() -> None:
    model = LayeredModel.from_pretrained("nano")
    prompt, whole = PROMPTS[0], LayeredModel.from_pretrained("nano").generate(PROMPTS[:1])[0]
    third = model.encode_pair(prompt, whole)[1][2]
    model.hf.generation_config.eos_token_id = None
    model.tokenizer.eos_token = model.tokenizer.convert_ids_to_tokens(third)
    assert model.eos_ids == (third,)
    generate = model.generate(prompt, max_new_tokens=12)[0]
    engine = Engine(model).run([Request(prompt, model.identity, max_new_tokens=12)])[0].text
    assert generate == engine == whole[: len(generate)] != whole


def test_the_config_is_asked_last() -> None:
    """Architectures fill it in with a token that is an ordinary one in other vocabularies."""
    model = LayeredModel.from_pretrained("nano")
    ends = model.eos_ids
    model.hf.config.eos_token_id = 11
    assert model.eos_ids == ends
    model.hf.generation_config.eos_token_id = None
    model.tokenizer.eos_token = None
    assert end_tokens(model.hf, model.tokenizer) == (11,)


def test_the_end_of_a_turn_in_a_chat_template_ends_a_text() -> None:
    tokenizer = LayeredModel.from_pretrained("nano").tokenizer
    assert end_of_turn(tokenizer) == []
    end = tokenizer.eos_token
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }}" + end + "\n{% endfor %}"
    assert end_of_turn(tokenizer) == [tokenizer.eos_token_id]
    tokenizer.chat_template = "{{ raise_exception('only for one') }}"
    assert end_of_turn(tokenizer) == []


def test_an_end_token_that_the_tokenizer_appends_doesnt_close_the_prompt(folder: Path) -> None:
    plain = LayeredModel.from_pretrained("nano")
    end = plain.tokenizer.eos_token
    fast = Tokenizer.from_file(str(folder / "tokenizer.json"))
    fast.post_processor = TemplateProcessing(single=f"$A {end}", special_tokens=[(end, plain.tokenizer.eos_token_id)])
    fast.save(str(folder / "tokenizer.json"))
    model = LayeredModel.from_pretrained(str(folder))
    assert model.tokenizer("a").input_ids[-1] == plain.tokenizer.eos_token_id
    bare = plain.tokenizer(PROMPTS[0], add_special_tokens=False).input_ids
    assert model.encode(PROMPTS[0]) == bare
    assert model.encode_pair(PROMPTS[0], "45")[0] == bare
    assert plain.tokenizer.eos_token_id not in model.encode_pair(PROMPTS[0], "45")[1]


def test_white_space_at_the_end_of_a_prompt_moves_to_the_option() -> None:
    model = LayeredModel.from_pretrained("nano")
    assert model.encode_pair("sort: ", "45") == model.encode_pair("sort:", " 45")
    assert model.encode_pair("sort: ", "45", move_space=False)[0] == model.encode("sort: ")
    scores = [
        Engine(model).run([Request(prompt, CHAIN, continuations=options)])[0].loglikelihoods
        for prompt, options in (("sort:", (" 45", " 59")), ("sort: ", ("45", "59")))
    ]
    assert scores[0] == scores[1]


@pytest.mark.parametrize(
    "settings",
    [
        {"do_sample": True, "num_return_sequences": 3}, {"num_beams": 3, "num_return_sequences": 2},
        {"return_dict_in_generate": True}, {"output_scores": True},
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_change_the_form_of_the_output_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=list(settings)[-1]):
        LayeredModel.from_pretrained("nano").generate(PROMPTS, max_new_tokens=3, **settings)


def test_a_token_without_an_embedding_is_named(folder: Path) -> None:
    model = LayeredModel.from_pretrained("nano")
    model.tokenizer.add_tokens(["surplus"])
    with pytest.raises(InvalidInput, match=r"'surplus'.*embeddings"):
        model.encode("surplus")
    with pytest.raises(InvalidInput, match="surplus"):
        model.encode_pair("sort:", "surplus")


@pytest.mark.parametrize("ids, ends", [(-1, (2,)), (10**9, (2,)), ([28, -1], (28, 2)), ([], (2,)), (None, (2,))])
def test_tokens_that_cant_be_generated_end_nothing(folder: Path, ids: Any, ends: tuple[int, ...]) -> None:
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"eos_token_id": ids}))
    assert LayeredModel.from_pretrained(str(folder)).eos_ids == ends


@pytest.mark.parametrize("ids", ["2", 2.5, True, {"a": 1}, [[2]], [2, "x"]], ids=str)
def test_an_end_that_is_no_token_id_is_refused(folder: Path, ids: Any) -> None:
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"eos_token_id": ids}))
    model = LayeredModel.from_pretrained(str(folder))
    with pytest.raises(InvalidInput, match=r"eos_token_id is .*not a token id"):
        model.generate(PROMPTS[0])


def test_a_chat_template_that_never_ends_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    model = LayeredModel.from_pretrained("nano")
    monkeypatch.setattr(ends, "_SECONDS", 0.2)
    loop = "{% for a in range(99999) %}{% for b in range(99999) %}{{ a }}{% endfor %}{% endfor %}"
    model.tokenizer.chat_template = loop
    assert end_of_turn(model.tokenizer) == []


@pytest.mark.parametrize(
    "given, said",
    [
        ({"num_return_sequences": 0}, "num_return_sequences"), ({"generation_config": 1}, "can't be given"),
        ({"input_ids": 1}, "can't be given"), ({"max_length": 3}, "can't be given"), ({"num_beams": 0}, "doesn't work"),
        ({"repetition_penalty": "x"}, "doesn't work"), ({"bad_words_ids": "x"}, "doesn't work"),
        ({"temperature": -1.0, "do_sample": True}, "doesn't work"), ({"custom_generate": "a/b"}, "code from elsewhere"),
        ({"stop_strings": ["1"]}, "give stop instead"), ({"nothing_like_it": 1}, "doesn't work"),
        ({"max_new_tokens": 0}, "too small"), ({"max_new_tokens": 2.5}, "isn't a whole number"),
    ],
    ids=str,
)  # fmt: skip
def test_a_setting_that_doesnt_work_is_one_line(given: dict[str, Any], said: str) -> None:
    model = LayeredModel.from_pretrained("nano")
    with pytest.raises(InvalidInput, match=said) as error:
        model.generate(PROMPTS[0], **{"max_new_tokens": 3, **given})
    assert "\n" not in str(error.value)
