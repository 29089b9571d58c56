"""Each input of a task evaluated under one chain: whether it is right by each metric. No torch.

A part of the inputs is a batch of the journal: lines {"input", "chain", "metrics"}, then one {"chain", "layer_calls",
"seconds"} with what the part has cost. Who resumes evaluates only what the journal lacks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skiploop.chains.chain import Chain
from skiploop.engine.request import Request, Result, Runner
from skiploop.storage.files import Line
from skiploop.studies.evaluation import request, reward
from skiploop.tasks import Example, Task
from skiploop.tasks.metrics import OptionScores

Metrics = dict[str, float]
Part = list[tuple[str, Metrics]]
"""Inputs by id, with 1 where a metric finds them right and 0 where not; or any number of lm-evaluation-harness."""


@dataclass(frozen=True, slots=True)
class OwnItems:
    """The inputs of a task of ours."""

    task: Task
    model: Any
    runner: Runner
    per_call: int

    @property
    def count(self) -> int:
        """Of inputs."""
        return len(self.task)

    def run(self, chain: Chain, known: frozenset[str]) -> Iterator[Callable[[], Part]]:
        """Parts of the inputs that aren't known, each to be run by a call."""
        waiting = [example for example in self.task.examples if example.id not in known]
        for start in range(0, len(waiting), self.per_call):
            part = waiting[start : start + self.per_call]
            yield lambda part=part: self._part(chain, part)  # type: ignore[misc]

    def _part(self, chain: Chain, part: Sequence[Example]) -> Part:
        results = self.runner.run([request(self.task, example, chain) for example in part])
        if not self.task.scores_options:
            rewards = [reward(self.task, example, result) for example, result in zip(part, results, strict=True)]
            return [(example.id, {"accuracy": value}) for example, value in zip(part, rewards, strict=True)]
        bare = self._unconditional(chain, part)
        return [(e.id, self._metrics(e, result, bare)) for e, result in zip(part, results, strict=True)]

    def _unconditional(self, chain: Chain, part: Sequence[Example]) -> dict[str, float]:
        """The log-likelihood of each different option where nothing but the first token stands before it."""
        texts = list(dict.fromkeys(text for example in part for text in self.task.continuations(example)))
        tokens = [tuple(self.model.encode_bare(text)) for text in texts]
        prefix = (self.model.prefix_id,)
        results = self.runner.run([Request(prefix, chain, continuations=(each,)) for each in tokens])
        return {text: result.loglikelihoods[0] for text, result in zip(texts, results, strict=True)}

    def _metrics(self, example: Example, result: Result, bare: dict[str, float]) -> Metrics:
        continuations = self.task.continuations(example)
        texts = [text.removeprefix(" ") for text in continuations]
        unconditional = [bare[text] for text in continuations]
        picks = OptionScores(texts, result.loglikelihoods, result.num_tokens, unconditional).picks()
        return {name: float(pick == example.gold) for name, pick in picks.items()}


@dataclass(frozen=True, slots=True)
class HarnessItems:
    """The items of a task of lm-evaluation-harness, which runs them all at once."""

    name: str
    model: Any
    runner: Runner
    include_path: Path | None = None
    limit: int | None = None

    @property
    def count(self) -> int:
        """Of inputs, before anything was run: not known."""
        return self.limit or 1

    def run(self, chain: Chain, known: frozenset[str]) -> Iterator[Callable[[], Part]]:
        """One part, unless it is known."""
        if not known:
            yield lambda: self._part(chain)

    def _part(self, chain: Chain) -> Part:
        from skiploop.lm_eval.harness import run_harness
        from skiploop.lm_eval.model import SkiploopLM

        lm = SkiploopLM(self.model, chain, self.runner)
        found = run_harness(lm, self.name, include_path=self.include_path, limit=self.limit)
        return [(item.name, dict(item.metrics)) for item in found.items]


def timed(part: Callable[[], Part], chain: Chain, runner: Runner) -> list[Line]:
    """The lines of one part, which is run."""
    calls, begun = runner.layer_calls, time.monotonic()
    found = part()
    cost = {"layer_calls": runner.layer_calls - calls, "seconds": time.monotonic() - begun}
    lines: list[Line] = [{"input": name, "chain": chain.to_json(), "metrics": metrics} for name, metrics in found]
    return [*lines, {"chain": chain.to_json(), **cost}]
