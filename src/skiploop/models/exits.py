"""Exits: a token is read off an earlier slot than the last, through the model's own final norm and head.

    model.generate(prompts, exit=Confident(window=10))

All slots are run all the same: those after the exit write the keys and values that later tokens look at, as the model
itself would. So the context of every token is that of the model, and where no exit is taken the logits are the
model's bit for bit. It also means that an exit saves no layer calls; what it costs is norm and head for each slot
that is looked at. `Exits` says at which slots tokens were read off: what another treatment of keys and values, such as
the state propagation of CALM (arXiv 2207.07061), could save at most.

Shapes: K slots looked at, B rows, S tokens, P positions, D width, V vocabulary.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from transformers import PreTrainedModel

from skiploop.chains.chain import Chain
from skiploop.chains.policy import CachePolicy, checked_policy
from skiploop.errors import InvalidInput
from skiploop.models.recorded_calls import head_inputs
from skiploop.models.replay import Session, chain_function, checked_layers, probing
from skiploop.validate import whole_number

_BYTES = 2**28  # of logits at a time


class Exit(Protocol):
    """A rule that says at which slot each token is read off."""

    def looked_at(self, slots: int) -> range:
        """The slots among `slots` whose entropies it wants, the last one included."""

    def choose(self, entropies: torch.Tensor, vocabulary: int) -> torch.Tensor:
        """From entropies in nats [K, P] of what would be said at each slot looked at, the one that is read off, [P]."""


@dataclass(frozen=True, slots=True)
class Confident:
    """Confident Decoding (arXiv 2606.21906): the entropy valley that is nearest to the last slot.

    From the last slot it goes back as long as the entropy gets smaller, within a window. As in the authors' code
    (`trough`, github.com/QwenLM/Confident-Decoding), the last slot itself is such a valley, where the slot before it is
    less sure; then nothing differs from the model.

    Attributes:
        window: slots looked at, the last one included; 1 is the model as it is.

    Raises:
        InvalidInput: a window below 1.
    """

    window: int = 10

    def __post_init__(self) -> None:
        whole_number("window", self.window, 1)

    def looked_at(self, slots: int) -> range:
        return range(max(0, slots - self.window), slots)

    def choose(self, entropies: torch.Tensor, vocabulary: int) -> torch.Tensor:
        falls = entropies[:-1] < entropies[1:]  # [K - 1, P] going back from k + 1 to k makes it surer
        steps = falls.flip(0).long().cumprod(0).sum(0)
        return len(entropies) - 1 - steps


@dataclass(frozen=True, slots=True)
class Halt:
    """The first slot that is certain, as Continuous Thought Machines stop (arXiv 2505.05522).

    Certainty is 1 - H / log V, with H the entropy of what the slot would say.

    Attributes:
        threshold: that certainty has to exceed; 1 is the model as it is.
        first: the slot from which on it may halt, counted from 0.

    Raises:
        InvalidInput: a threshold outside 0 to 1, or a negative slot.
    """

    threshold: float = 0.9
    first: int = 0

    def __post_init__(self) -> None:
        whole_number("first", self.first, 0)
        if not 0 <= self.threshold <= 1:
            raise InvalidInput(f"threshold={self.threshold} isn't possible; certainty lies between 0 and 1")

    def looked_at(self, slots: int) -> range:
        return range(min(self.first, slots - 1), slots)

    def choose(self, entropies: torch.Tensor, vocabulary: int) -> torch.Tensor:
        certain = 1 - entropies / torch.log(torch.tensor(float(vocabulary))) > self.threshold
        certain[-1] = True  # who was never certain runs to the end
        return certain.long().argmax(0)


FORMS = "confident, confident:WINDOW, or halt:THRESHOLD"


def parse_exit(text: str) -> Exit:
    """The exit that is written so: `confident`, `confident:10` or `halt:0.9`.

    Raises:
        InvalidInput: another text, or numbers that aren't possible.
    """
    name, _, number = text.partition(":")
    try:
        if name == "confident":
            return Confident(int(number)) if number else Confident()
        if name == "halt":
            return Halt(float(number))
    except ValueError as error:
        if isinstance(error, InvalidInput):
            raise
    raise InvalidInput(f"unknown exit {text!r}; give {FORMS}")


@dataclass(slots=True)
class Exits:
    """Where tokens were read off.

    Attributes:
        slots: of the chain.
        taken: how many tokens were read off each slot, counted from 0.
    """

    slots: int
    taken: Counter[int] = field(default_factory=Counter)

    @property
    def mean_depth(self) -> float:
        """Slots up to the exit, in the mean of all tokens; NaN where there were none."""
        count = sum(self.taken.values())
        return sum((slot + 1) * n for slot, n in self.taken.items()) / count if count else float("nan")


@contextmanager
def run_exit(
    model: PreTrainedModel, chain: Chain, rule: Exit, *, cache_policy: CachePolicy = "own", every: bool = False
) -> Iterator[Exits]:
    """While the context is open, the model's `forward` and `generate` run `chain` and read tokens off earlier slots.

    Args:
        model: any model that `run_chain` can run chains on.
        chain: the slots.
        rule: where each token is read off.
        cache_policy: see `run_chain`.
        every: whether all positions are, or the last one of each row alone, which is what generation looks at.

    Yields:
        Where tokens were read off, as far as the model has come.

    Raises:
        InvalidInput: as for `run_chain`.
        UnsupportedModel: as for `run_chain`.
    """
    checked_layers(model, chain)
    stack = _Stack(model, chain, rule, checked_policy(cache_policy), every)
    with probing(model, stack.run):
        yield stack.exits


class _Stack:
    """Runs a chain in place of the model's layers, and hands the head the states that the rule chooses."""

    def __init__(self, model: PreTrainedModel, chain: Chain, rule: Exit, policy: CachePolicy, every: bool) -> None:
        self.exits = Exits(len(chain))
        self._model, self._rule, self._every = model, rule, every
        self._looked_at = rule.looked_at(len(chain))
        self._whole = chain_function(chain, policy, self._keep)
        self._states: list[torch.Tensor] = []  # [B, S, D] after each slot looked at
        self._stand_in: torch.Tensor | None = None  # [P, D] for the output of the layers, while the head is run on it

    def run(self, session: Session, hidden: torch.Tensor) -> tuple[torch.Tensor, Any]:
        """The stack of layers, see `skiploop.models.replay.probing`."""
        if self._stand_in is not None:
            return self._stand_in[:, None], None
        self._states = []
        last, raw = self._whole(session, hidden)
        seen = torch.stack([state if self._every else state[:, -1:] for state in self._states])  # [K, B, S, D]
        self._states = []
        chosen = self._rule.choose(*self._entropies(seen.flatten(1, 2)))
        self.exits.taken.update((self._looked_at[0] + chosen).tolist())
        if bool((chosen == len(seen) - 1).all()):
            return last, raw  # the model's own tensor, untouched
        index = chosen.view(1, *seen.shape[1:3], 1).expand(1, *seen.shape[1:])
        picked = seen.gather(0, index)[0]
        return (picked if self._every else torch.cat([last[:, :-1], picked], 1)), raw

    def _keep(self, slot: int, state: torch.Tensor) -> None:
        if slot in self._looked_at:
            self._states.append(state)

    def _entropies(self, states: torch.Tensor) -> tuple[torch.Tensor, int]:
        """Of what is said after states [K, P, D], in nats [K, P]; and the size of the vocabulary."""
        flat, found, vocabulary = states.flatten(0, 1), [], 1
        size = max(1, _BYTES // (4 * self._model.config.get_text_config().vocab_size))
        for start in range(0, len(flat), size):
            logs = self._logits(flat[start : start + size]).float().log_softmax(-1)
            vocabulary = logs.shape[-1]
            found.append(-(logs.exp() * logs.clamp(min=torch.finfo(logs.dtype).min)).sum(-1))
        return torch.cat(found).view(states.shape[:2]), vocabulary

    def _logits(self, states: torch.Tensor) -> torch.Tensor:
        """The model's norm and head on states [P, D]: a forward within the one that is under way."""
        self._stand_in = states
        try:
            logits: torch.Tensor = self._model(**head_inputs(self._model, states)).logits
        finally:
            self._stand_in = None
        return logits[:, 0]
