"""Stop strings: the engine, one request after another, and `generate` end texts in the same place."""

from __future__ import annotations

import pytest
import torch

from skiploop import Chain, Engine, LayeredModel, Request
from skiploop.engine.plain import PlainEngine
from skiploop.models import stops
from skiploop.models.stops import cut_at_stop, stop_tokens

PROMPT = "sort:45,59,80,12,33="
WHOLE = "12,33,45,59,80"


@pytest.fixture(scope="module")
def nano() -> LayeredModel:
    return LayeredModel.from_pretrained("nano")


def texts(model: LayeredModel, stop: tuple[str, ...], chain: Chain | None = None, limit: int = 20) -> list[str | None]:
    chain = chain or model.identity
    request = Request(PROMPT, chain, max_new_tokens=limit, stop=stop)
    others = [Request(PROMPT, chain, max_new_tokens=limit), Request("calc:1+2=", chain, max_new_tokens=3, stop=("9",))]
    sampled = Request(PROMPT, chain, max_new_tokens=limit, stop=stop, temperature=1e-4)
    found = [Engine(model).run([request, *others, sampled])[i].text for i in (0, 3)]
    found += [PlainEngine(model).run([each])[0].text for each in (request, sampled)]
    together = model.generate([PROMPT, "calc:1+2="], chain=chain, max_new_tokens=limit, stop=stop)
    return [*found, together[0], *model.generate(PROMPT, chain=chain, max_new_tokens=limit, stop=stop)]


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        pytest.param((), WHOLE, marks=pytest.mark.slow),
        pytest.param((",",), "12", marks=pytest.mark.slow),
        (("3,4",), "12,3"),  # three tokens, from the middle of a number
        pytest.param(("59", ",45"), "12,33", marks=pytest.mark.slow),  # whichever comes first
        (("45,5", "33,45,"), "12,"),  # the one that begins first, though it is complete last
        pytest.param(("nothing",), WHOLE, marks=pytest.mark.slow),
        (("1",), ""),
        pytest.param(("80<eos>",), WHOLE, marks=pytest.mark.slow),  # end tokens aren't text
    ],
)
def test_all_ways_end_in_the_same_place(nano: LayeredModel, stop: tuple[str, ...], expected: str) -> None:
    assert texts(nano, stop) == [expected] * 6


def test_under_a_chain_and_where_the_limit_comes_first(nano: LayeredModel) -> None:
    chain = nano.identity.loop(3, 2)
    said = nano.generate(PROMPT, chain=chain, max_new_tokens=20)[0]
    assert len(said) > 6
    assert texts(nano, (said[4:6],), chain) == [said[: said.index(said[4:6])]] * 6
    assert texts(nano, (said[4:6],), chain, limit=3) == [said[:3]] * 6


def test_beams_end_there_too(nano: LayeredModel) -> None:
    assert nano.generate([PROMPT, "calc:1+2="], max_new_tokens=20, num_beams=2, stop=("3,4",))[0] == "12,3"


def test_nothing_is_generated_after_a_stop_string(nano: LayeredModel) -> None:
    def calls(*stop: str) -> int:
        engine = Engine(nano)
        engine.batched_paths()
        before = engine.layer_calls
        engine.run([Request(PROMPT, nano.identity, max_new_tokens=20, stop=stop)])
        return engine.layer_calls - before

    assert calls() - calls("3,4") >= 8 * nano.num_layers


def test_a_special_token_is_an_end_token(nano: LayeredModel) -> None:
    assert stop_tokens(nano.tokenizer, ("<eos>", "<pad>", "x")) == {nano.eos_ids[0], nano.tokenizer.pad_token_id}
    bias = torch.zeros(nano.hf.get_output_embeddings().weight.shape[0])
    bias[nano.tokenizer.pad_token_id] = 1e4

    def only_padding(module: object, inputs: object, output: torch.Tensor) -> torch.Tensor:
        return output + bias

    handle = nano.hf.get_output_embeddings().register_forward_hook(only_padding)
    try:
        engine = PlainEngine(nano)
        engine.run([Request(PROMPT, nano.identity, max_new_tokens=9, stop=("<pad>",))])
        assert engine.layer_calls == nano.num_layers, "one token is generated, not nine"
    finally:
        handle.remove()


def test_a_text_is_cut_where_the_first_of_them_begins() -> None:
    assert cut_at_stop("18\n\nQuestion: 5", ("Question:", "\n\n")) == "18"
    assert cut_at_stop("18", ("Question:",)) == cut_at_stop("18", ()) == "18"


def test_the_end_of_a_text_is_looked_at_first(nano: LayeredModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(prompt: object, ids: object) -> str:
        raise AssertionError("the whole text is decoded where its end has no stop string")

    monkeypatch.setattr(nano, "decode_after", refused)
    assert not stops.is_stopped(nano, [1], nano.encode("1" * 400), ("2",))
