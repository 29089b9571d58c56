"""Passes that a model runs when a rule asks for them: prompts whose texts are still to be generated.

Shapes: N prompts.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from skiploop.engine.open import kept_runner
from skiploop.engine.request import Request
from skiploop.routing.passes import ModelPass
from skiploop.routing.runs import PassOutputs
from skiploop.routing.table import NO_ANSWER, Bools, Floats, Ints, Options


class LivePasses:
    """What runs on a model have in common.

    Args:
        model: opened.
        passes: that can be asked for.
        prompts: of the inputs.
    """

    def __init__(self, model: Any, passes: tuple[ModelPass, ...], prompts: list[str]) -> None:
        self._model, self._passes, self._prompts = model, passes, prompts
        self._engine = kept_runner(model)
        self.forget()  # the weights may have changed since
        self._state: Floats | None = None

    def __len__(self) -> int:
        return len(self._prompts)

    @property
    def passes(self) -> tuple[ModelPass, ...]:
        return self._passes

    @property
    def num_layers(self) -> int:
        return int(self._model.num_layers)

    @property
    def prompt_tokens(self) -> Floats:
        return np.array([len(self._model.encode(prompt)) for prompt in self._prompts], dtype=float)

    @property
    def ran(self) -> Bools:
        """Which passes were run on which input, [N, K]."""
        raise NotImplementedError

    @property
    def layer_calls(self) -> Floats:
        calls: Floats = self.ran @ np.array([each.depth for each in self._passes], dtype=float)
        return calls if self._state is None else calls + self.num_layers // 2

    def state(self) -> Floats:
        from skiploop.models.states import middle_state

        if self._state is None:
            self._state = np.array([middle_state(self._model, question) for question in self._questions()])
        return self._state

    def forget(self) -> None:
        """Frees the states that the engine has kept."""
        getattr(self._engine, "forget", tuple)()

    def _questions(self) -> list[str]:
        """What the state is of."""
        return self._prompts


class LiveRuns(LivePasses):
    """Runs on a model, charged as `skiploop.routing.runs.TableRuns` charges them; each pass is run once on a prompt.

    Args:
        model: opened.
        passes: that can be asked for.
        prompts: the inputs.
        max_new_tokens: of a text.
        stop: where a text ends.
    """

    def __init__(
        self, model: Any, passes: tuple[ModelPass, ...], prompts: list[str], max_new_tokens: int, stop: tuple[str, ...]
    ) -> None:
        super().__init__(model, passes, prompts)
        self._limits: dict[str, Any] = {"max_new_tokens": max_new_tokens, "stop": stop}
        self._numbers: list[dict[str, int]] = [{} for _ in prompts]  # distinct texts of each prompt, as they come
        self._known: dict[tuple[int, int], tuple[int, float]] = {}  # (prompt, pass) -> number and log-probability

    @property
    def options(self) -> Options | None:
        return None

    @property
    def ran(self) -> Bools:
        ran: Bools = np.zeros((len(self), len(self._passes)), dtype=bool)
        for row, index in self._known:
            ran[row, index] = True
        return ran

    def run(self, index: int, rows: Ints | None = None) -> PassOutputs:
        wanted = list(range(len(self))) if rows is None else [int(row) for row in rows]
        self._generate(index, [row for row in wanted if (row, index) not in self._known])
        found = [self._known[row, index] for row in wanted]
        answers = np.array([number for number, _ in found], dtype=np.int64)
        return PassOutputs(answers, np.array([logprob for _, logprob in found], dtype=float), None)

    def prior(self) -> Floats:
        raise ValueError("generated answers have no priors")

    def texts(self, answers: Ints) -> list[str]:
        """The texts that answers are the numbers of; nothing for `NO_ANSWER`."""
        named = [{number: text for text, number in numbers.items()} for numbers in self._numbers]
        return ["" if number == NO_ANSWER else named[row][int(number)] for row, number in enumerate(answers)]

    def _generate(self, index: int, rows: list[int]) -> None:
        chain = self._passes[index].chain
        results = self._engine.run([Request(self._prompts[row], chain, **self._limits) for row in rows])
        texts = [result.text or "" for result in results]
        said = [(row, text) for row, text in zip(rows, texts, strict=True) if text.strip()]
        scored = self._engine.run([Request(self._prompts[row], chain, continuations=(text,)) for row, text in said])
        means = {row: each.loglikelihoods[0] / each.num_tokens[0] for (row, _), each in zip(said, scored, strict=True)}
        for row, text in zip(rows, texts, strict=True):
            number = self._numbers[row].setdefault(text, len(self._numbers[row]))
            mean = means.get(row, math.nan)
            self._known[row, index] = number, mean if math.isfinite(mean) else math.nan
