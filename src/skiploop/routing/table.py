"""What passes gave on inputs, as arrays. A chooser sees a `Table`; right answers are kept apart, in `Labelled`.

Shapes: N inputs, K passes, O options of an input (or its distinct answers, where text is generated), D width.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from skiploop.routing.passes import ModelPass

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
NO_ANSWER = -1
"""In place of an answer's number: it couldn't be read, or the chain broke the model."""


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """The options of each input; NaN beyond an input's last option.

    Attributes:
        tokens: of each, [N, O].
        characters: of its text, [N, O].
        bytes: of its text in UTF-8, [N, O].
        prior: its log-likelihood under the identity where nothing stands before it, in nats, [N, O].
        prior_calls: layer calls that the priors of an input cost, by their share of its tokens, [N].
    """

    tokens: Floats
    characters: Floats
    bytes: Floats
    prior: Floats
    prior_calls: Floats

    def rows(self, rows: Ints) -> Options:
        """Those of some inputs."""
        return Options(
            self.tokens[rows], self.characters[rows], self.bytes[rows], self.prior[rows], self.prior_calls[rows]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """What passes gave on inputs; nothing in it depends on which answer is right.

    Attributes:
        ids: of the inputs.
        passes: the first is the identity.
        answers: number of the answer of each pass among the input's options or distinct answers, [N, K].
        logprobs: mean log-probability of that answer's tokens, in nats, [N, K]; NaN where it isn't known.
        scores: log-likelihood of each option under each pass, in nats, [N, K, O]; None where text is generated.
        options: of the inputs; None where text is generated.
        states: the identity's hidden state of the bare question's last token after half of the layers, [N, D].
        prompt_tokens: length of each prompt, [N].
        num_layers: of the model.
    """

    ids: tuple[str, ...]
    passes: tuple[ModelPass, ...]
    answers: Ints
    logprobs: Floats
    scores: Floats | None
    options: Options | None
    states: Floats
    prompt_tokens: Floats
    num_layers: int

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, rows: Ints) -> Table:
        """The table of some inputs."""
        return replace(
            self,
            ids=tuple(self.ids[row] for row in rows),
            answers=self.answers[rows],
            logprobs=self.logprobs[rows],
            scores=None if self.scores is None else self.scores[rows],
            options=None if self.options is None else self.options.rows(rows),
            states=self.states[rows],
            prompt_tokens=self.prompt_tokens[rows],
        )

    def of_passes(self, chosen: list[int]) -> Table:
        """The table of some passes."""
        return replace(
            self,
            passes=tuple(self.passes[index] for index in chosen),
            answers=self.answers[:, chosen],
            logprobs=self.logprobs[:, chosen],
            scores=None if self.scores is None else self.scores[:, chosen],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """A table, and which answers are right.

    Attributes:
        table: what passes gave.
        right: whether each option or distinct answer is right, [N, O].
    """

    table: Table
    right: Bools

    def __len__(self) -> int:
        return len(self.table)

    def rows(self, rows: Ints) -> Labelled:
        """Some inputs."""
        return Labelled(self.table.rows(rows), self.right[rows])

    def of_passes(self, chosen: list[int]) -> Labelled:
        """Some passes."""
        return Labelled(self.table.of_passes(chosen), self.right)

    def judge(self, answers: Ints) -> Bools:
        """Whether answers are right, one for each input, [N]."""
        known = np.clip(answers, 0, None)
        return np.asarray((answers != NO_ANSWER) & self.right[np.arange(len(self)), known])

    @property
    def pass_right(self) -> Bools:
        """Whether each pass is right, [N, K]."""
        return np.stack([self.judge(column) for column in self.table.answers.T], axis=1)

    def permuted(self, seed: int) -> Labelled:
        """The same with right answers that have nothing to do with the inputs: of another number, drawn blindly.

        Each input keeps as many right ones among its options as it has.
        """
        draw, right = np.random.default_rng(seed), self.right.copy()
        options = self.table.options
        for row in range(len(right)):
            known = right.shape[1] if options is None else int(np.isfinite(options.tokens[row]).sum())
            right[row, :known] = draw.permutation(right[row, :known])
        return Labelled(self.table, right)
