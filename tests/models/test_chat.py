"""Chat templates: rendered as the tokenizer does, one BOS, answers that end where a turn ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from skiploop import Engine, InvalidInput, LayeredModel, Request, make_task
from skiploop.engine.plain import PlainEngine

WITH_BOS = (
    "<bos>{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{{ m.content | trim }}{% if m.role == 'assistant' %}<eos>{% endif %}{% endfor %}"
)
TURNS = [{"role": "user", "content": "calc:153+1= "}]


@pytest.fixture
def model() -> LayeredModel:
    made = LayeredModel.from_pretrained("nano")
    made.tokenizer.chat_template = WITH_BOS
    return made


def test_there_is_one_beginning_whoever_puts_it_there(model: LayeredModel) -> None:
    assert model.chat is not None
    text = model.chat.render(TURNS)
    assert text == "<bos>calc:153+1="
    bos = model.tokenizer.bos_token_id
    assert model.encode(text) == model.encode("calc:153+1=")
    assert model.encode(text).count(bos) == 1
    assert model.encode(text) == model.tokenizer.apply_chat_template(TURNS, add_generation_prompt=True)["input_ids"]
    assert model.encode("<bos><bos>1").count(bos) == 2, "only what the tokenizer adds is left out"
    prompt, answer = model.encode_pair(text, "154")
    assert prompt == model.encode(text)
    assert model.tokenizer.decode(answer) == "154"


def test_an_answer_ends_with_its_turn(model: LayeredModel) -> None:
    model.hf.generation_config.eos_token_id = None
    assert model.eos_ids == (model.tokenizer.eos_token_id,)
    text = model.chat.render(TURNS) if model.chat else ""
    request = Request(text, model.identity, max_new_tokens=9)
    assert Engine(model).run([request])[0].text == PlainEngine(model).run([request])[0].text == "154"
    assert model.generate(text, max_new_tokens=9) == ["154"]


def test_a_conversation_that_a_template_refuses_is_explained(model: LayeredModel) -> None:
    with pytest.raises(
        InvalidInput, match=r"refuses a conversation of system, user \(no system role\); leave out --system"
    ):
        make_task("nano", limit=1, chat="on", system="Be brief.").for_model(model.chat)
    assert LayeredModel(model.hf).chat is None


@pytest.mark.slow
@pytest.mark.skipif("SMOLLM2" not in os.environ, reason="SmolLM2 isn't at hand: set SMOLLM2 to its folder")
def test_the_template_of_smollm2(tmp_path: Path) -> None:
    model = LayeredModel.from_pretrained(os.environ["SMOLLM2"])
    (tmp_path / "own.jsonl").write_text('{"question": "Where is Paris?", "answer": "France"}\n', encoding="utf-8")
    task = make_task(f"jsonl:{tmp_path / 'own.jsonl'}", prompt="{question}", system="Be brief.").for_model(model.chat)
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where is Paris?"}]
    expected = model.tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    assert task.examples[0].prompt == expected
    tokens = model.tokenizer.apply_chat_template(turns, add_generation_prompt=True)["input_ids"]
    assert model.encode(expected) == tokens
    text = model.generate(expected, max_new_tokens=40)[0]
    assert "France" in text and "<|im_end|>" not in text
    assert Engine(model).run([Request(expected, model.identity, max_new_tokens=40)])[0].text == text
