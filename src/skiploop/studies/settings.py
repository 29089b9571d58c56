"""The settings of a study: one frozen value, checked where it is made. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers import SEARCHERS, Searcher, WarmStart, make_searcher, resolved_name
from skiploop.spaces.named import make_space
from skiploop.spaces.space import Space
from skiploop.validate import whole_number

ENGINES = ("auto", "compiled", "plain")


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySettings:
    """What a study does, apart from model and task.

    Attributes:
        searcher: how chains are looked for, one of `skiploop.searchers.SEARCHERS`; `auto` is the best of them, and
            becomes its name here.
        searcher_settings: fields of the searcher's settings; those left out are filled with its defaults.
        space: which chains there are, one of `skiploop.spaces.named.SPACES`.
        max_block: most slots that one edit skips, and most layers in a loop; None: as `make_space` has it.
        max_repeats: most extra runs of a loop.
        max_length: most slots of a chain; twice the model's layers unless set.
        budget: distinct evaluations per input and arm, the identity included.
        seed: of the searchers. The sample of inputs is the same for every seed.
        limit: size of a sample of the task's inputs, balanced over levels and families; None: all.
        per_round: most chains that one searcher is asked for before its rewards are told.
        per_call: about how many requests go into one call of the engine, and are lost when it is killed.
        random_peer: also run uniform random search at the same budget.
        nearby_peer: also run random chains a few edits from the identity, at the same budget.
        control: also run the same search for a wrong answer, on the inputs that the model gets wrong.
        verify: run every claimed success again, alone.
        stop_early: stop an input when nothing better can come: right, at the least depth of the space.
        engine: `auto` shares work between chains; `compiled` does so with layers through `torch.compile`, which pays
            on long runs; `plain` runs one chain after another.
        batch_tokens: bound on the tokens of one batch; None: the engine's choice.
        dtype: for a model that is given by name; None: the checkpoint's own.
        device: for a model that is given by name; None: a GPU where there is one.
        trust_remote_code: for a model that is given by name: may it bring its own Python code?
        warm_start: chains that the search and its control try first on every input, each a sequence of layers; or
            the file or the study to read them from, see `skiploop.studies.warm_start`.
    """

    searcher: str = "auto"
    searcher_settings: Mapping[str, float] = field(default_factory=dict)
    space: str = "cola"
    max_block: int | None = None
    max_repeats: int = 4
    max_length: int | None = None
    budget: int = 100
    seed: int = 0
    limit: int | None = None
    per_round: int = 4
    per_call: int = 1024
    random_peer: bool = True
    nearby_peer: bool = True
    control: bool = True
    verify: bool = True
    stop_early: bool = False
    engine: str = "auto"
    batch_tokens: int | None = None
    dtype: str | None = None
    device: str | None = None
    trust_remote_code: bool = False
    warm_start: str | Path | Sequence[Iterable[int]] = ()

    def __post_init__(self) -> None:
        for name in ("budget", "per_round", "per_call"):
            whole_number(name, getattr(self, name), 1)
        for name in ("limit", "max_length", "batch_tokens"):
            if getattr(self, name) is not None:
                whole_number(name, getattr(self, name), 1)
        whole_number("seed", self.seed, 0)
        if self.engine not in ENGINES:
            raise InvalidInput(f"unknown engine {self.engine!r}; use one of {', '.join(ENGINES)}")
        object.__setattr__(self, "searcher", resolved_name(self.searcher))
        smallest = make_space(self.space, 1, max_block=self.max_block, max_repeats=self.max_repeats)
        make_searcher(self.searcher, smallest, seed=0, **self.searcher_settings)
        complete = asdict(SEARCHERS[self.searcher].settings_type(**self.searcher_settings))
        object.__setattr__(self, "searcher_settings", complete)
        if not isinstance(self.warm_start, (str, Path)):
            object.__setattr__(self, "warm_start", _sequences(self.warm_start))

    def changed(self, **changes: Any) -> StudySettings:
        """These settings with some fields replaced; InvalidInput for a field that doesn't exist."""
        known = [each.name for each in fields(self)]
        unknown = sorted(set(changes).difference(known))
        if unknown:
            raise InvalidInput(f"unknown setting {unknown[0]!r} of a study; there are {', '.join(known)}")
        if resolved_name(changes.get("searcher", self.searcher)) != self.searcher:
            changes.setdefault("searcher_settings", {})  # another searcher has other constants
        return replace(self, **changes)

    def make_space(self, num_layers: int) -> Space:
        """The space of chains over a model of so many layers."""
        return make_space(
            self.space,
            num_layers,
            max_block=self.max_block,
            max_repeats=self.max_repeats,
            max_length=self.max_length,
        )

    def make_searcher(self, space: Space, seed: int) -> Searcher:
        """The searcher of an arm other than the random one, with the chains to try first in front of it."""
        made: Any = make_searcher(self.searcher, space, seed=seed, **self.searcher_settings)
        if isinstance(self.warm_start, (str, Path)):
            raise InvalidInput(
                f"the warm start {str(self.warm_start)!r} wasn't read; see skiploop.studies.warm_start.resolved"
            )
        first = [Chain(layers, space.num_layers) for layers in self.warm_start]
        found: Searcher = WarmStart(made, first) if first else made
        return found

    @property
    def peers(self) -> tuple[str, ...]:
        """The arms that learn nothing, each with the searcher of its name: not beside a search that is the same."""
        wanted = {"random": self.random_peer, "nearby": self.nearby_peer}
        return tuple(name for name, wished in wanted.items() if wished and self.searcher != name)


def _sequences(value: Sequence[Iterable[int]]) -> tuple[tuple[int, ...], ...]:
    """Chains as plain sequences of layers; the layers are checked once the model's number of them is known."""
    try:
        return tuple([tuple(layers) for layers in value])
    except TypeError:
        raise InvalidInput(
            f"warm_start={value!r} doesn't work; give a list of chains, each a list of layers, or a file or folder"
        ) from None
