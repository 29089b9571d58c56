"""Decoding with captured steps == stock generate; on a CPU a capture is a tape, on a GPU a CUDA graph."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from skiploop.chains.chain import Chain
from skiploop.engine.captured_step import cuda_graph
from skiploop.engine.decode_batch import DecodeRow
from skiploop.engine.decoding import Decoder
from skiploop.engine.plain import greedy
from skiploop.models.layered import LayeredModel
from tests.conformance.tape import Graphs, Tape, new_recorder
from tests.conformance.tiny import DEVICE, VOCABULARY, tiny_model

CAPTURABLE = (
    *("llama", "qwen2", "qwen3", "olmo2", "olmo3", "gemma", "gemma2", "gemma3_text", "mistral", "gpt2", "gptj"),
    *("gpt_neox", "opt", "phi", "phi3", "starcoder2", "cohere2", "gpt_neo"),
    *("mpt", "mixtral", "qwen3_moe", "olmoe", "gpt_oss", "falcon", "codegen", "glm4", "granite"),
)

# Each step copies from the host, or waits for numbers of experts: nothing that a tape sees, but a graph can't be made.
COPYING_FROM_THE_HOST = ("gptj", "codegen", "gpt_neo", "mpt", "falcon", "mixtral", "olmoe", "qwen3_moe", "gpt_oss")


def wide_windows(name: str) -> LayeredModel:
    """Windows of attention that no test leaves, and no token that ends a generation."""
    return endless(LayeredModel(tiny_model(name, sliding_window=64, attention_chunk_size=64, window_size=64)))


def endless(model: LayeredModel) -> LayeredModel:
    model.hf.generation_config.eos_token_id = model.hf.config.eos_token_id = None
    return model


def random_rows(
    rng: random.Random, lengths: tuple[int, int], limits: tuple[int, int], count: int = 8
) -> list[DecodeRow]:
    return [
        DecodeRow(
            tuple(rng.randrange(8, VOCABULARY) for _ in range(rng.randint(*lengths))),
            tuple(rng.randrange(4) for _ in range(rng.randint(1, 7))),
            rng.randint(*limits),
        )
        for _ in range(count)
    ]


def decode(
    model: LayeredModel, rows: list[DecodeRow], tape: Tape | Graphs | None, ends: tuple[int, ...] = ()
) -> Decoder:
    decoder = Decoder(
        model, max_batch_tokens=4096, cache_bytes=2**24, ends=ends, capture=tape.capture if tape else None
    )
    decoder.run_rows(rows)
    return decoder


def assert_alone(model: LayeredModel, rows: list[DecodeRow]) -> None:
    for row in rows:
        assert row.emitted == greedy(model, [list(row.prompt)], Chain(row.layers, 4), row.limit)[0][: row.limit]
        assert len(row.emitted) == row.limit


# Padding is one code path for all types, experts are the slowest to capture, and the others of these have a relative:
# they are for `-m slow`.
QUICKLY_PADDED, SLOWLY_CAPTURED = (
    ("llama", "gpt2"),
    (
        *("olmoe", "qwen3_moe", "mixtral", "gpt_oss"),
        *("qwen2", "qwen3", "olmo2", "gemma", "gemma2", "phi", "starcoder2", "cohere2", "codegen", "granite"),
    ),
)
CASES = [
    pytest.param(
        *(name, padded),
        marks=[pytest.mark.slow] if name in SLOWLY_CAPTURED or (padded and name not in QUICKLY_PADDED) else [],
    )
    for name in CAPTURABLE
    for padded in (False, True)
]


@pytest.mark.parametrize(("name", "padded"), CASES)
def test_a_captured_step_generates_what_stock_generate_does(name: str, padded: bool) -> None:
    model, tape = wide_windows(name), new_recorder(DEVICE)
    rows = random_rows(random.Random(name), (3, 12) if padded else (7, 7), (10, 10), count=4)
    calls = decode(model, rows, tape).layer_calls
    captured = DEVICE.type == "cpu" or name not in COPYING_FROM_THE_HOST
    assert (tape.made, tape.replayed) == ((1, 9) if captured else (0, 0))
    assert_alone(model, rows)
    again = [DecodeRow(row.prompt, row.layers, row.limit) for row in rows]
    assert decode(model, again, None).layer_calls == calls
    assert [row.emitted for row in again] == [row.emitted for row in rows]


def test_rows_that_leave_are_left_out_of_the_next_capture() -> None:
    model, tape = wide_windows("llama"), new_recorder(DEVICE)
    rows = random_rows(random.Random(0), (3, 12), (1, 45), count=12)
    decode(model, rows, tape)
    assert tape.made >= 2
    assert 0 < tape.replayed < max(row.limit for row in rows) - 1  # the last few steps weren't worth a capture
    assert_alone(model, rows)


def test_a_row_that_is_done_may_be_beyond_the_context() -> None:
    model, tape = wide_windows("gpt2"), new_recorder(DEVICE)  # 64 learned positions
    rows = random_rows(random.Random(0), (60, 60), (3, 3), count=1)
    rows += random_rows(random.Random(1), (40, 40), (20, 20), count=6)
    decode(model, rows, tape)
    assert tape.replayed
    assert_alone(model, rows)


def test_sampling_is_the_same_with_a_captured_step() -> None:
    model, tape = wide_windows("qwen3"), new_recorder(DEVICE)

    def rows() -> list[DecodeRow]:
        drawn = random_rows(random.Random(2), (3, 12), (16, 16))
        return [DecodeRow(row.prompt, row.layers, row.limit, temperature=i % 2, seed=i) for i, row in enumerate(drawn)]

    captured, plain = rows(), rows()
    decode(model, captured, tape)
    decode(model, plain, None)
    assert tape.replayed == 15
    assert [row.emitted for row in captured] == [row.emitted for row in plain]


def test_what_reads_values_on_the_host_goes_on_without(caplog: pytest.LogCaptureFixture) -> None:
    # Rotary tables that depend on the largest position so far.
    dynamic = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}
    model, tape = endless(LayeredModel(tiny_model("llama", rope_parameters=dynamic))), new_recorder(DEVICE)
    rows = random_rows(random.Random(5), (3, 12), (10, 10))
    with caplog.at_level(logging.WARNING, logger="skiploop"):
        decoder = decode(model, rows, tape)
    assert not tape.replayed
    assert "can't be captured" in caplog.text
    assert decoder.capture is None
    assert_alone(model, rows)


def test_a_window_that_moves_on_is_not_captured() -> None:
    model, tape = endless(LayeredModel(tiny_model("mistral"))), new_recorder(DEVICE)  # a window of 4
    rows = random_rows(random.Random(3), (3, 12), (10, 10))
    decode(model, rows, tape)
    assert not tape.made
    assert_alone(model, rows)


def test_the_tape_freezes_what_python_decides_and_forbids_reading() -> None:
    x, tape, counter = torch.zeros(3), Tape(), iter(range(100))
    replay = tape.capture(lambda: (x * 2 + next(counter))[:2], torch.device("cpu"))
    assert replay().tolist() == [1, 1]  # 1: the second of the two runs of a capture
    x += 5
    assert replay().tolist() == [11, 11]
    with pytest.raises(RuntimeError, match="not permitted"):
        tape.capture(lambda: x + x.sum().item(), torch.device("cpu"))


class FakeCuda:
    """As much of `torch.cuda` as a capture asks for; keeps what it was asked for."""

    def __init__(self) -> None:
        self.now, self.mode, self.log = "main", 0, list[str]()

    def device(self, device: torch.device) -> AbstractContextManager[None]:
        return nullcontext()

    def current_stream(self) -> Any:
        return SimpleNamespace(name=self.now, wait_stream=lambda stream: self.log.append(f"{self.now} waits"))

    def Stream(self) -> Any:  # noqa: N802
        return SimpleNamespace(name="side", wait_stream=lambda stream: self.log.append("side waits"))

    def set_stream(self, stream: Any) -> None:
        self.now = stream.name

    @contextmanager
    def stream(self, stream: Any) -> Iterator[None]:
        before, self.now = self.now, stream.name
        yield
        self.now = before

    def get_sync_debug_mode(self) -> int:
        return self.mode

    def set_sync_debug_mode(self, mode: int | str) -> None:
        self.mode = 2 if mode == "error" else int(mode)

    def CUDAGraph(self) -> Any:  # noqa: N802
        return SimpleNamespace(replay=lambda: self.log.append("replay"), reset=lambda: self.log.append("reset"))

    @contextmanager
    def graph(self, graph: Any) -> Iterator[None]:
        self.now = "capturing"
        yield  # like the real one, this leaves its stream in place when something is raised inside
        self.now = "main"


def test_a_capture_is_rehearsed_and_one_that_fails_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeCuda()
    monkeypatch.setattr(torch, "cuda", fake)
    output, seen = torch.ones(2), list[tuple[str, int]]()

    def body() -> torch.Tensor:
        seen.append((fake.now, fake.mode))
        if fake.log.count("replay") and fake.now == "capturing":
            raise RuntimeError("not permitted")
        return output

    replay = cuda_graph(body, torch.device("cpu"))
    assert seen == [("side", 2), ("capturing", 0)]  # to wait for the device is an error in the rehearsal
    assert replay() is output
    assert fake.log == ["side waits", "main waits", "replay"]
    with pytest.raises(RuntimeError, match="not permitted"):
        cuda_graph(body, torch.device("cpu"))
    assert (fake.now, fake.mode, fake.log[-1]) == ("main", 0, "reset")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda_graphs_generate_what_a_cpu_does() -> None:
    model = endless(LayeredModel(tiny_model("llama").cuda()))
    rows = random_rows(random.Random(4), (3, 12), (10, 30))
    decoder = Decoder(model, max_batch_tokens=4096, cache_bytes=2**24, ends=(), capture=cuda_graph)
    decoder.run_rows(rows)
    assert decoder.capture is cuda_graph
    on_cpu = wide_windows("llama")
    assert_alone(on_cpu, rows)
