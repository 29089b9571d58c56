"""A model and an engine without torch: every answer is a hash of prompt and chain.

`python -m skiploop.testing.fakes OUT [SECONDS]` runs a study with an engine that takes that long for each call; the
tests that kill a study start it.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Sequence
from typing import Any

from skiploop.chains.chain import Chain
from skiploop.engine.request import Request, Result
from skiploop.studies.execution import Execution
from skiploop.tasks import Example, Task

LAYERS = 5


def digest(*parts: object) -> int:
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=8).digest(), "big")


def gold(prompt: str) -> str:
    return str(100 + digest(prompt) % 900)


class FakeModel:
    num_layers = LAYERS
    name = "fakes/fake-model"
    dtype = "torch.float32"
    device = "cpu"
    revision = None
    context_length: int | None = 64
    attn_implementation = "none"
    chat: Any = None
    cache_policy = "own"

    @property
    def chain(self) -> Chain:
        return Chain.identity(self.num_layers)

    def __init__(self, fingerprint: str = "f00d") -> None:
        self.fingerprint = fingerprint

    def encode(self, text: str) -> list[int]:
        return list(text.encode())


class FakeRunner:
    """Right for a tenth of the chains; the identity is right on even levels, unreadable on level 5."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.layer_calls = 0
        self.calls: list[list[Request]] = []
        self._seconds = seconds

    def run(self, requests: Sequence[Request]) -> list[Result]:
        self.calls.append(list(requests))
        time.sleep(self._seconds)
        self.layer_calls += sum(len(request.chain) for request in requests)
        return [self.answer(request) for request in requests]

    def run_alone(self, request: Request) -> Result:
        return self.run([request])[0]

    def answer(self, request: Request) -> Result:
        if request.continuations:
            scores, bare = (
                tuple(-(digest(prompt, request.chain.layers, each) % 1000) / 100.0 for each in request.continuations)
                for prompt in (request.prompt, "")
            )
            return Result(scores, (1,) * len(scores), unconditional=bare if request.unconditional else ())
        text = self.text(request)
        if request.expected is None:
            return Result(text=text)
        matched = text == request.expected
        if not request.with_loglikelihood:
            return Result(matched=matched)
        nats = -(digest(request.prompt, request.chain.layers, request.expected) % 1000) / 100.0
        return Result(loglikelihoods=(nats,), num_tokens=(len(request.expected) + 1,), matched=matched)

    def text(self, request: Request) -> str:
        assert isinstance(request.prompt, str)
        level = int(request.prompt.partition("L")[2][0])
        if request.chain.is_identity:
            return gold(request.prompt) if level % 2 == 0 else " " if level == 5 else "1"
        number = digest(request.prompt, request.chain.layers)
        return gold(request.prompt) if number % 10 == 0 else str(number % 1000)


def fake_task(count: int = 10, scoring: str = "verbatim") -> Task:
    """Two families, levels 1 to 5; with options where they are scored."""
    examples = []
    for i in range(count):
        prompt = f"L{i % 5 + 1} number {i}="
        choices = ("one", "two", "three", "four") if scoring in ("choice", "letter") else ()
        answer = (choices or [gold(prompt)])[0] if scoring != "letter" else "A"
        where = 0 if choices else None
        examples.append(Example(f"e{i}", prompt, answer, choices, where, level=i % 5 + 1, family="ab"[i % 3 > 0]))
    return Task("fake", tuple(examples), scoring, max_new_tokens=8)


def options(**changes: Any) -> dict[str, Any]:
    """The settings of most tests; a searcher that costs less than the default, which fits a Gaussian process."""
    return {"budget": 20, "per_call": 40, "searcher": "cola"} | changes


def main() -> None:
    from skiploop.studies.search import search

    class Announcing(FakeRunner):
        def run(self, requests: Sequence[Request]) -> list[Result]:
            if not self.calls:
                print("working", flush=True)
            return super().run(requests)

    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    search(FakeModel(), fake_task(), out=sys.argv[1], execution=Execution(Announcing(seconds)), **options())
    assert "torch" not in sys.modules


if __name__ == "__main__":
    main()
