"""What can be chosen for `skiploop route train`. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.settings.flag import STUDY, Flag
from skiploop.studies.settings import EngineSettings
from skiploop.validate import whole_number

DEFAULT_MENU = 6
"""Chains, where none are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSettings:
    """A menu of chains, what stands beside it, and the chooser of the router that is kept.

    Attributes:
        menu: chains to choose from; none: see `default_menu`.
        chooser: of the router that is kept, one of `skiploop.routing.choosers.named.CHOOSERS`.
        prompts: further forms of the prompt, with other shots, as opponents.
        samples: sampled answers of the identity, as opponents.
        limit: size of a sample of the task's inputs; None: all.
        seed: of the blind chains and of the splits.
        engine: what evaluates.
    """

    menu: Annotated[
        Sequence[str] | None, Flag("A chain of the menu, such as '0-9 12-29'; repeatable.", panel=STUDY, repeated=True)
    ] = None
    chooser: Annotated[
        str, Flag("gain, menu, mix, vote, values, controller, ...; all are in docs/routing.md.", panel=STUDY)
    ] = "gain"
    prompts: Annotated[int, Flag("Opponents: further prompts with other shots.", panel=STUDY)] = 0
    samples: Annotated[int, Flag("Opponents: sampled answers of the model.", panel=STUDY)] = 0
    limit: Annotated[int | None, Flag("Size of the sample of inputs (default: all).")] = None
    seed: Annotated[int, Flag("Of the splits and of the blind chains.", panel=STUDY, shared=True)] = 0
    engine: EngineSettings = field(default_factory=EngineSettings)

    def __post_init__(self) -> None:
        from skiploop.routing.choosers.named import CHOOSERS

        if self.chooser not in CHOOSERS:
            raise InvalidInput(f"unknown chooser {self.chooser!r}; there are {', '.join(CHOOSERS)}")
        whole_number("prompts", self.prompts, 0)
        whole_number("samples", self.samples, 0)
        if self.limit is not None:
            whole_number("limit", self.limit, 1)

    def chains(self, num_layers: int) -> list[Chain]:
        """The menu on a model."""
        if self.menu is None:
            return default_menu(num_layers)
        return [Chain.parse(text, num_layers) for text in self.menu]


def default_menu(num_layers: int, size: int = DEFAULT_MENU) -> list[Chain]:
    """Single layers of the middle and later half, skipped and run twice in turn: the mildest edits, where most is known
    to be redundant; they share the identity's first half."""
    every, found = tuple(range(num_layers)), []
    for step in range(size):
        layer = num_layers // 3 + round(step * (num_layers * 2 // 3 - 2) / max(1, size - 1))
        layer = min(max(layer, 0), num_layers - 1)
        looped = step % 2 or num_layers == 1  # the only layer can't be skipped
        found.append(Chain(every[:layer] + (layer,) * (2 if looped else 0) + every[layer + 1 :], num_layers))
    return list(dict.fromkeys(found))
