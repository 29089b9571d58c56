"""The engine on the embedded model, text in and text out, against one request after another."""

from __future__ import annotations

import random
import shutil
import sys
from dataclasses import replace

import pytest
import torch

from skiploop import Chain, Engine, InvalidInput, LayeredModel, Request, Result, make_space, make_task
from skiploop.engine.captured_step import Body
from skiploop.engine.plain import PlainEngine
from tests.conformance.tape import Tape


@pytest.fixture(scope="module")
def nano() -> LayeredModel:
    return LayeredModel.from_pretrained("nano")


@pytest.fixture(scope="module")
def together(nano: LayeredModel, requests: list[Request]) -> list[Result]:
    """The results of all requests, in their order."""
    return Engine(nano).run(requests)


@pytest.fixture(scope="module")
def requests(nano: LayeredModel) -> list[Request]:
    """Verdicts, texts and options for real problems, under the identity and random chains."""
    rng = random.Random(0)
    space = make_space("cola", nano.num_layers, max_repeats=1)
    made = []
    for example in make_task("nano", limit=12).examples:
        for chain in (nano.identity, nano.identity.skip(3, 1), nano.identity.loop(2, 2), space.sample(rng)):
            made.append(Request(example.prompt, chain, expected=example.answer))
            made.append(Request(example.prompt, chain, max_new_tokens=14))
            made.append(Request(example.prompt, chain, continuations=("A", "B", "17", "1,2,3", example.answer)))
    return made


def test_results_are_those_of_one_request_after_another(nano: LayeredModel, requests: list[Request]) -> None:
    shuffled = random.Random(1).sample(requests, 60)
    found, alone = Engine(nano).run(shuffled), PlainEngine(nano).run(shuffled)
    for result, expected in zip(found, alone, strict=True):
        assert (result.text, result.matched, result.num_tokens) == (
            expected.text,
            expected.matched,
            expected.num_tokens,
        )
        assert result.loglikelihoods == pytest.approx(expected.loglikelihoods, rel=1e-4, abs=1e-4)
    assert any(result.matched for result in found)
    assert any(result.matched is False for result in found)


def test_a_request_alone_gives_what_it_gives_among_a_hundred_others(
    nano: LayeredModel, requests: list[Request], together: list[Result]
) -> None:
    engine = Engine(nano)
    assert len(requests) > 100
    for index in range(0, len(requests), 13):
        alone = engine.run_alone(requests[index])
        assert (alone.text, alone.matched) == (together[index].text, together[index].matched)
        assert alone.loglikelihoods == pytest.approx(together[index].loglikelihoods, rel=1e-4, abs=1e-4)


def test_the_embedded_model_takes_the_batched_path_of_every_kind(
    nano: LayeredModel, requests: list[Request], caplog: pytest.LogCaptureFixture
) -> None:
    Engine(nano).run(requests[:12])
    assert "no batched path" not in caplog.text


def test_captured_decoding_steps_give_the_same_texts(nano: LayeredModel, requests: list[Request]) -> None:
    generated = [request for request in requests if request.max_new_tokens][:16]
    engine, tape = Engine(nano), Tape()
    engine._capture = tape.capture
    assert engine.run(generated) == Engine(nano).run(generated)
    assert tape.made >= 2  # the trial's, and at least one of the requests'
    assert engine._capture is not None


def test_captured_steps_that_are_not_exact_are_left_out(
    nano: LayeredModel, requests: list[Request], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(body: Body, device: torch.device) -> Body:
        logits = body()
        return lambda: logits  # a replay that does nothing

    generated = [request for request in requests if request.max_new_tokens][:8]
    engine = Engine(nano)
    engine._capture = broken
    assert engine.run(generated) == Engine(nano).run(generated)
    assert "captured decoding steps aren't exact" in caplog.text
    assert engine._capture is None


def test_a_forced_pass_decides_what_generation_decides(nano: LayeredModel, requests: list[Request]) -> None:
    engine = Engine(nano)
    forced = [request for request in requests if request.expected is not None]
    verdicts = engine.run(forced)
    texts = engine.run([Request(r.prompt, r.chain, max_new_tokens=40) for r in forced])
    for request, verdict, generated in zip(forced, verdicts, texts, strict=True):
        assert verdict.matched == (generated.text == request.expected)


def test_memory_limits_change_nothing(nano: LayeredModel, requests: list[Request], together: list[Result]) -> None:
    tight = Engine(nano, max_batch_tokens=40, cache_bytes=30_000)
    for result, expected in zip(tight.run(requests[:60]), together, strict=False):
        assert (result.text, result.matched) == (expected.text, expected.matched)
        assert result.loglikelihoods == pytest.approx(expected.loglikelihoods, rel=1e-4, abs=1e-4)


@pytest.mark.slow  # a minute of compiling
@pytest.mark.filterwarnings("ignore")  # the compiler warns about itself
def test_compiled_layers_give_the_same_results(requests: list[Request], caplog: pytest.LogCaptureFixture) -> None:
    """Where there is no C++ compiler the engine goes on without, so the results are the same in any case.

    Two layers do, for each is compiled by itself.
    """
    model = LayeredModel.from_pretrained("nano")
    del model.hf.model.layers[2:]
    model.hf.config.num_hidden_layers = 2
    model = LayeredModel(model.hf, model.tokenizer)
    chains = [model.identity, Chain([1], 2), Chain([0, 0, 1, 1], 2)]
    verdicts, options = requests[::24], requests[2::24]
    scored = [replace(request, chain=chain) for request in (*verdicts, *options) for chain in chains]
    engine = Engine(model, compile=True)
    for result, expected in zip(engine.run(scored), Engine(model).run(scored), strict=True):
        assert result.matched == expected.matched
        assert result.loglikelihoods == pytest.approx(expected.loglikelihoods, rel=1e-4, abs=1e-4)
    if shutil.which("g++") and sys.platform == "linux":
        assert "going on without" not in caplog.text


def test_an_engine_whose_compiled_layers_fail_goes_on_without(
    nano: LayeredModel, requests: list[Request], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_compiler(*_: object) -> None:
        raise RuntimeError("no C++ compiler")

    monkeypatch.setattr(torch, "compile", lambda *_args, **_kwargs: no_compiler)
    forced = [request for request in requests if request.expected is not None]
    found = Engine(nano, compile=True).run(forced)
    assert "going on without" in caplog.text
    assert "no batched path" not in caplog.text
    assert found == Engine(nano).run(forced)


def test_sharing_saves_layer_calls(nano: LayeredModel) -> None:
    chains = [nano.identity.skip(start, 1) for start in range(nano.num_layers)]
    engine = Engine(nano)
    engine.run([Request("sort:45,59,80=", nano.identity, expected="1")])  # the self-test is behind it
    before = engine.layer_calls
    engine.run([Request("sort:80,59,45=", chain, expected="45,59,80") for chain in chains])
    separate = sum(len(chain) for chain in chains)
    assert engine.layer_calls - before <= 0.75 * separate


def test_a_chain_that_breaks_the_model_is_wrong_not_an_error(nano: LayeredModel) -> None:
    broken = LayeredModel.from_pretrained("nano")
    layer = broken.hf.model.layers[3].mlp.down_proj
    layer.weight.data.fill_(float("inf"))
    without = Chain([0, 1, 2, 4, 5, 6, 7], broken.num_layers)
    engine = Engine(nano)
    engine.model, engine._plain.model = broken, broken
    through, around = engine.run(
        [Request("sort:45,59,80=", chain, expected="45,59,80") for chain in (broken.identity, without)]
    )
    assert through.matched is False
    assert around.matched is not None
    assert all(x != x for x in engine.run([Request("ab", broken.identity, continuations=("c", "d"))])[0].loglikelihoods)


def test_wrong_limits_are_refused(nano: LayeredModel) -> None:
    with pytest.raises(InvalidInput, match="max_batch_tokens is 0"):
        Engine(nano, max_batch_tokens=0)
    with pytest.raises(ValueError, match="exactly one"):
        Request("a", nano.identity)
