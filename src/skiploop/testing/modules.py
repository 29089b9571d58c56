"""A workspace of modules in which the right chain is known: input, increment, output (arXiv 2503.01906).

A question is a number n. `input` writes it into the workspace, `increment` adds one to the value there and takes one
off what is still to be added, `output` says the value: right is input, n times increment, output, and then to stop. Who
knows the right chain of small n has to look at the workspace to be right for larger ones, as no longer chain was ever
seen. What is still to be added is written in unary, among features that say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from skiploop.routing.controller import Lesson
from skiploop.routing.table import Floats

INPUT, INCREMENT, OUTPUT, STOP = range(4)
LARGEST = 30
"""n at most."""
_NOISE = 4
FEATURES = 2 + LARGEST + _NOISE


@dataclass
class Workspace:
    """The workspace of one question.

    Attributes:
        n: the question.
        draw: of the features that say nothing.
        said: what `output` said; None: nothing yet.
    """

    n: int
    draw: np.random.Generator
    said: int | None = None
    _left: int | None = field(default=None, init=False)
    _value: int = field(default=0, init=False)

    def run(self, module: int) -> Floats:
        """Runs a module; the state after it."""
        if module == INPUT:
            self._left, self._value = self.n, 0
        elif module == INCREMENT and self._left is not None:
            self._left, self._value = self._left - 1, self._value + 1
        elif module == OUTPUT and self._left is not None:
            self.said = self._value
        return self.state()

    def state(self) -> Floats:
        """Whether there was an input, whether something was said, what is left in unary, noise, [FEATURES]."""
        left = np.arange(LARGEST) < (self._left or 0)
        flags = [float(self._left is not None), float(self.said is not None)]
        return np.concatenate([flags, left, self.draw.normal(size=_NOISE)])


def right_chain(n: int) -> list[int]:
    """The modules that are right for n."""
    return [INPUT, *[INCREMENT] * n, OUTPUT]


def lesson(n: int, seed: int, *, labelled: bool = False, weight: float = 1.0) -> Lesson:
    """The right chain of n with the states on the way; `labelled`: its actions are also the labels."""
    space = Workspace(n, np.random.default_rng(seed))
    actions = np.array([*right_chain(n), STOP])
    states = np.stack([space.state(), *(space.run(int(module)) for module in actions[:-1])])
    return Lesson(states, actions, actions if labelled else np.full_like(actions, -1), weight)
