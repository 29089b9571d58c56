"""Each input of a task evaluated under one chain: whether it is right by each metric. No torch.

A part of the inputs is a batch of the journal, of lines {"input", "chain", "metrics"}; what it has cost, {"chain",
"layer_calls", "seconds"}, is kept apart, as it differs each time. Who resumes evaluates only what the journal lacks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from skiploop.chains.chain import Chain
from skiploop.engine.request import Runner
from skiploop.storage.files import Line
from skiploop.studies.evaluation import every_metric_request, request, rewards_by_metric
from skiploop.tasks import Example, Task

Metrics = dict[str, float]
Part = list[tuple[str, Metrics]]
"""Inputs by id, with 1 where a metric finds them right and 0 where not; or any number of lm-evaluation-harness."""


@dataclass(frozen=True, slots=True)
class OwnItems:
    """The inputs of a task of ours."""

    task: Task
    runner: Runner
    per_call: int

    @property
    def count(self) -> int:
        """Of inputs."""
        return len(self.task)

    def between(self, first: int, last: int) -> OwnItems:
        """The inputs from `first` up to `last`, which isn't among them."""
        return replace(self, task=replace(self.task, examples=self.task.examples[first:last]))

    def run(self, chain: Chain, known: frozenset[str]) -> Iterator[Callable[[], Part]]:
        """Parts of the inputs that aren't known, each to be run by a call."""
        waiting = [example for example in self.task.examples if example.id not in known]
        for start in range(0, len(waiting), self.per_call):
            part = waiting[start : start + self.per_call]
            yield lambda part=part: self._part(chain, part)  # type: ignore[misc]

    def _part(self, chain: Chain, part: Sequence[Example]) -> Part:
        asked = every_metric_request if self.task.scores_options else request
        results = self.runner.run([asked(self.task, example, chain) for example in part])
        return [(e.id, rewards_by_metric(self.task, e, result)) for e, result in zip(part, results, strict=True)]


@dataclass(frozen=True, slots=True)
class HarnessTask:
    """A task of lm-evaluation-harness: its name, a folder with further tasks, the first so many items, and shots."""

    name: str
    include_path: Path | None = None
    limit: int | None = None
    shots: int | None = None


@dataclass(frozen=True, slots=True)
class HarnessItems:
    """The items of a task of lm-evaluation-harness, which runs them all at once."""

    task: HarnessTask
    model: Any
    runner: Runner

    @property
    def count(self) -> int:
        """Of inputs, before anything was run: not known."""
        return self.task.limit or 1

    def between(self, first: int, last: int) -> HarnessItems:
        """All of them: they have no numbers before they were run."""
        return self

    def run(self, chain: Chain, known: frozenset[str]) -> Iterator[Callable[[], Part]]:
        """One part, unless it is known."""
        if not known:
            yield lambda: self._part(chain)

    def _part(self, chain: Chain) -> Part:
        from skiploop.lm_eval.harness import run_harness
        from skiploop.lm_eval.model import SkiploopLM

        lm, task = SkiploopLM(self.model, chain, self.runner), self.task
        found = run_harness(lm, task.name, include_path=task.include_path, limit=task.limit, shots=task.shots)
        return [(item.name, dict(item.metrics)) for item in found.items]


def timed(part: Callable[[], Part], chain: Chain, runner: Runner) -> tuple[list[Line], Line]:
    """The lines of one part, which is run, and what it cost."""
    calls, begun = runner.layer_calls, time.monotonic()
    found = part()
    cost = {"layer_calls": runner.layer_calls - calls, "seconds": time.monotonic() - begun}
    lines: list[Line] = [{"input": name, "chain": chain.to_json(), "metrics": metrics} for name, metrics in found]
    return lines, {"chain": chain.to_json(), **cost}
