"""Passes that a model runs when a rule asks for them: questions with options, whose right one isn't known.

Shapes: N inputs, O options.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skiploop.engine.request import Request
from skiploop.routing.live import LivePasses
from skiploop.routing.load import picked
from skiploop.routing.passes import ModelPass
from skiploop.routing.runs import PassOutputs
from skiploop.routing.table import Bools, Floats, Ints, Options
from skiploop.tasks import Task


class LiveOptions(LivePasses):
    """Runs on a model, charged as `skiploop.routing.runs.TableRuns` charges them; each pass is run once on an input.

    Args:
        model: opened.
        passes: that can be asked for.
        task: as the model is asked it; options are scored. Which one is right is never looked at.
    """

    def __init__(self, model: Any, passes: tuple[ModelPass, ...], task: Task) -> None:
        super().__init__(model, passes, [example.prompt for example in task.examples])
        self._task = task
        self._texts = [task.continuations(example) for example in task.examples]
        most = max(map(len, self._texts), default=0)
        self._scores = np.full((len(task), len(passes), most), np.nan)
        self._ran: Bools = np.zeros((len(task), len(passes)), dtype=bool)
        self._tokens = np.full((len(task), most), np.nan)
        self._prior: Floats | None = None
        for row, (example, texts) in enumerate(zip(task.examples, self._texts, strict=True)):
            for at, text in enumerate(texts):
                self._tokens[row, at] = len(model.encode_pair(example.prompt, text)[1])

    @property
    def ran(self) -> Bools:
        return self._ran

    @property
    def options(self) -> Options:
        unknown = np.full_like(self._tokens, np.nan)
        total = np.nansum(self._tokens, axis=1)
        choices = [example.choices for example in self._task.examples]
        return Options(
            self._tokens,
            self._padded([[len(text) for text in row] for row in choices]),
            self._padded([[len(text.encode()) for text in row] for row in choices]),
            unknown if self._prior is None else self._prior,
            self.num_layers * total / (self.prompt_tokens + total),
        )

    @property
    def layer_calls(self) -> Floats:
        calls = super().layer_calls
        return calls if self._prior is None else calls + self.options.prior_calls

    def run(self, index: int, rows: Ints | None = None) -> PassOutputs:
        wanted = np.arange(len(self)) if rows is None else np.asarray(rows)
        missing = [int(row) for row in wanted if not self._ran[row, index]]
        chain = self._passes[index].chain
        asked = [Request(self._task.examples[row].prompt, chain, continuations=self._texts[row]) for row in missing]
        for row, result in zip(missing, self._engine.run(asked), strict=True):
            self._scores[row, index, : len(result.loglikelihoods)] = result.loglikelihoods
            self._ran[row, index] = True
        scores = self._scores[wanted, index]
        answers, shares = picked(scores[:, None], self._tokens[wanted])
        return PassOutputs(answers[:, 0], shares[:, 0], scores)

    def prior(self) -> Floats:
        if self._prior is None:
            identity = self._passes[0].chain
            asked = [
                Request(example.prompt, identity, continuations=texts, unconditional=True)
                for example, texts in zip(self._task.examples, self._texts, strict=True)
            ]
            self._prior = self._padded([list(result.unconditional) for result in self._engine.run(asked)])
        return self._prior

    def _questions(self) -> list[str]:
        return [example.question or example.prompt for example in self._task.examples]

    def _padded(self, rows: list[list[Any]]) -> Floats:
        filled = np.full_like(self._tokens, np.nan)
        for at, row in enumerate(rows):
            filled[at, : len(row)] = row
        return filled
