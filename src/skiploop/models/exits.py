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
    """The first slot that is certain, as Continuous Thought Machines stop (arXiv 2505.05522, section 3).

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
    exits, looked_at = Exits(len(chain)), rule.looked_at(len(chain))
    states: list[torch.Tensor] = []  # [B, S, D] after each slot looked at
    stand_in: list[torch.Tensor] = []  # for the output of the stack, while the head is run on it

    def keep(slot: int, state: torch.Tensor) -> None:
        if slot in looked_at:
            states.append(state)

    whole = chain_function(chain, checked_policy(cache_policy), keep)

    def run(session: Session, hidden: torch.Tensor) -> tuple[torch.Tensor, Any]:
        if stand_in:
            return stand_in[-1][:, None], None
        states.clear()
        last, raw = whole(session, hidden)
        seen = [state if every else state[:, -1:] for state in states]
        chosen = choose(torch.stack([state.flatten(0, 1) for state in seen]))
        exits.taken.update((looked_at[0] + chosen).tolist())
        if bool((chosen == len(seen) - 1).all()):
            return last, raw  # the model's own tensor, untouched
        index = chosen.view(*seen[0].shape[:2], 1).expand_as(seen[0])
        picked = torch.stack(seen).gather(0, index[None])[0]
        return (picked, raw) if every else (torch.cat([last[:, :-1], picked], 1), raw)

    def choose(looked: torch.Tensor) -> torch.Tensor:
        """Of states [K, P, D], the slot of each position, [P]."""
        slots, positions, width = looked.shape
        flat, entropies, vocabulary = looked.reshape(-1, width), [], 1
        size = max(1, _BYTES // (4 * model.config.get_text_config().vocab_size))
        for start in range(0, len(flat), size):
            stand_in.append(flat[start : start + size])
            try:
                logits = model(**head_inputs(model, stand_in[-1])).logits[:, 0].float()
            finally:
                stand_in.pop()
            logs, vocabulary = logits.log_softmax(-1), logits.shape[-1]
            entropies.append(-(logs.exp() * logs.clamp(min=torch.finfo(logs.dtype).min)).sum(-1))
        return rule.choose(torch.cat(entropies).view(slots, positions), vocabulary)

    with probing(model, run):
        yield exits
