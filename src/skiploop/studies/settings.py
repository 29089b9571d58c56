"""The settings of a study: frozen values, checked where they are made. No torch.

StudySettings(search=SearchSettings(budget=20), space=SpaceSettings(name="skip"))
StudySettings().changed(budget=20, space="skip")     the same: single fields, wherever they belong
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from skiploop.chains.chain import Chain
from skiploop.chains.policy import checked_policy
from skiploop.chains.weights import layers_to_json
from skiploop.errors import InvalidInput
from skiploop.settings.flag import MODEL, SEARCHER, STUDY, Flag
from skiploop.validate import whole_number

if TYPE_CHECKING:
    from skiploop.searchers import Searcher
    from skiploop.spaces.space import Space

# Searchers and spaces are imported where one is made: `skiploop --help` reads this module, and is to answer at once.

ENGINES = ("auto", "compiled", "plain")
GUIDES = ("auto", "none")


CONSTANTS = {
    "length_penalty": "Lambda of cola (5), puct, hybrid (0).",
    "exploration": "How much cola, puct, hybrid and gflownet explore.",
}
"""Constants of searchers that have a flag, and a keyword, of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """How chains are looked for, and on which inputs.

    Attributes:
        limit: size of a sample of the task's inputs, balanced over levels and families; None: all.
        budget: distinct evaluations per input and arm, the identity included.
        total_budget: evaluations per arm of all inputs together, none of them with more than `budget`; it goes where
            it pays, see `skiploop.studies.total_budget`. None: each input has its budget.
        searcher: how chains are looked for, one of `skiploop.searchers.SEARCHERS`; `auto` is the best of them, and
            becomes its name here.
        searcher_settings: fields of the searcher's settings; those left out are filled with its defaults.
        guide: `auto` tells the searcher of a wrong answer how near it came (`skiploop.studies.guide`); `none`, and
            the searcher `cola` in any case, 1 or 0 alone.
        seed: of the searchers. The sample of inputs is the same for every seed.
        per_round: most chains that one searcher is asked for before its rewards are told.
        stop_early: stop an input when nothing better can come: right, at the least depth of the space.
        memory: chains that the search and its control try first on an input because of earlier, similar inputs, see
            `skiploop.studies.recall`; 0: every input is searched for itself.
        wave: with a memory, inputs that are searched at a time; they recall what the waves before them found.
        parquet: also write what was found as Parquet tables when a search is done, see `skiploop.studies.tables`.
        warm_start: chains that the search and its control try first on every input, each a sequence of layers; or
            the file or the study to read them from, see `skiploop.studies.warm_start`.
    """

    limit: Annotated[int | None, Flag("Size of the sample of inputs; 0: all of them.", default=250, none=0)] = None
    budget: Annotated[int, Flag("Distinct evaluations per input and arm (20; static: 100).", default=20)] = 100
    total_budget: Annotated[
        int | None, Flag("Evaluations per arm of all inputs together, spent where it pays.", panel=STUDY)
    ] = None
    searcher: Annotated[str, Flag("How chains are looked for: auto (is gp), cola, random, ...")] = "auto"
    searcher_settings: Annotated[
        Mapping[str, float],
        Flag(
            "NAME=NUMBER: any constant of the searcher; repeatable.",
            panel=SEARCHER,
            name="--set",
            keys=CONSTANTS,
        ),
    ] = field(default_factory=dict)
    guide: Annotated[str, Flag("auto: say how near a wrong answer came; none: right or wrong.", panel=SEARCHER)] = (
        "auto"
    )
    seed: Annotated[int, Flag("Of the searchers; the sample of inputs stays.")] = 0
    per_round: Annotated[int, Flag("Chains asked of a searcher at a time (4; static: 8).", panel=STUDY)] = 4
    memory: Annotated[int, Flag("Chains to try first that helped on earlier, similar inputs.", panel=SEARCHER)] = 0
    wave: Annotated[int, Flag("With --memory: inputs searched at a time.", panel=SEARCHER)] = 16
    parquet: Annotated[bool, Flag("Also write Parquet tables when done (skiploop[data]).", panel=STUDY)] = False
    stop_early: Annotated[bool, Flag("Stop at a right chain of the least depth.", panel=STUDY)] = False
    warm_start: Annotated[
        str | Path | Sequence[Iterable[int]],
        Flag("Chains to try first: a JSON list, or a finished study of other inputs.", panel=SEARCHER, given_as=Path),
    ] = ()

    def __post_init__(self) -> None:
        from skiploop.searchers import resolved_name

        whole_number("budget", self.budget, 1)
        whole_number("per_round", self.per_round, 1)
        whole_number("wave", self.wave, 1)
        whole_number("seed", self.seed, 0)
        whole_number("memory", self.memory, 0)
        for name in ("limit", "total_budget"):
            if getattr(self, name) is not None:
                whole_number(name, getattr(self, name), 1)
        if self.guide not in GUIDES:
            raise InvalidInput(f"unknown guide {self.guide!r}; use one of {', '.join(GUIDES)}")
        object.__setattr__(self, "searcher", resolved_name(self.searcher))
        if not isinstance(self.warm_start, (str, Path)):
            object.__setattr__(self, "warm_start", _sequences(self.warm_start))

    @property
    def guided(self) -> bool:
        """Whether the searcher is told how near it came: not CoLa's, as in the paper; peers don't learn."""
        return self.guide == "auto" and self.searcher not in ("cola", "random", "nearby")

    def make_searcher(self, space: Space, seed: int) -> Searcher:
        """The searcher of an arm other than the random one, with the chains to try first in front of it."""
        from skiploop.searchers import WarmStart, make_searcher

        made: Any = make_searcher(self.searcher, space, seed=seed, **self.searcher_settings)
        if isinstance(self.warm_start, (str, Path)):
            raise InvalidInput(
                f"the warm start {str(self.warm_start)!r} wasn't read; see skiploop.studies.warm_start.resolved"
            )
        first = [Chain(layers, space.num_layers) for layers in self.warm_start]
        found: Searcher = WarmStart(made, first) if first else made
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceSettings:
    """Which chains there are.

    Attributes:
        name: one of `skiploop.spaces.named.SPACES`.
        max_block: most slots that one edit skips, and most layers in a loop; None: as `make_space` has it.
        max_repeats: most extra runs of a loop.
        max_length: most slots of a chain; twice the model's layers unless set.
        damping: of loops, 1 for plain ones; none given: as `make_space` has it.
    """

    name: Annotated[str, Flag("Which chains there are: cola, skip, loop, segments, ...", name="--space")] = "cola"
    max_block: Annotated[int | None, Flag("Most layers of an edit (4; space block: all).", panel=SEARCHER)] = None
    max_repeats: Annotated[int, Flag("Most extra runs of a loop.", panel=SEARCHER)] = 4
    max_length: Annotated[int | None, Flag("Longest chain (default: twice the layers).", panel=SEARCHER)] = None
    damping: Annotated[
        tuple[float, ...], Flag("Of loops, 1: plain; several: 1,.5 (default: plain; space damped: .5).", panel=SEARCHER)
    ] = ()

    def __post_init__(self) -> None:
        if self.max_length is not None:
            whole_number("max_length", self.max_length, 1)
        object.__setattr__(self, "damping", tuple(self.damping))
        self.make_smallest()

    def make(self, num_layers: int) -> Space:
        """The space of chains over a model of this many layers."""
        from skiploop.spaces.named import make_space

        return make_space(
            self.name,
            num_layers,
            max_block=self.max_block,
            max_repeats=self.max_repeats,
            max_length=self.max_length,
            damping=self.damping,
        )

    def make_smallest(self) -> Space:
        """Over a model of one layer, to try things on."""
        from skiploop.spaces.named import make_space

        return make_space(self.name, 1, max_block=self.max_block, max_repeats=self.max_repeats, damping=self.damping)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What evaluates: the engine, and how a model that is given by name is opened.

    Attributes:
        engine: `auto` shares work between chains; `compiled` does so with layers through `torch.compile`, which pays
            on long runs; `plain` runs one chain after another.
        batch_tokens: bound on the tokens of one batch; None: the engine's choice.
        per_call: about how many requests go into one call of the engine, and are lost when it is killed.
        dtype: of the weights; None: the checkpoint's own.
        device: None: a GPU where there is one; `auto`: layers spread over all GPUs of the process.
        trust_remote_code: may the model bring its own Python code?
        allow_missing: run a checkpoint that lacks weights, with random numbers in their place?
        cache_policy: which keys and values a loop leaves for later tokens where text is generated, see
            `skiploop.chains.policy`.
    """

    engine: Annotated[str, Flag("auto; compiled: for long runs; plain: one chain after another.", panel=MODEL)] = "auto"
    batch_tokens: Annotated[int | None, Flag("Most tokens of a batch.", panel=MODEL)] = None
    per_call: int = 1024
    dtype: Annotated[
        str | None, Flag("Of the weights: float32, bfloat16 (default: the checkpoint's).", panel=MODEL)
    ] = None
    device: Annotated[str | None, Flag("cpu, cuda, cuda:1, auto: over all GPUs (default: one).", panel=MODEL)] = None
    trust_remote_code: Annotated[bool, Flag("Run Python code that the model brings.", panel=MODEL)] = False
    allow_missing: Annotated[bool, Flag("Run a checkpoint that lacks weights: they are random.", panel=MODEL)] = False
    cache_policy: Annotated[
        str, Flag("What loops leave in the cache: own, first, last, prefill (loops in the prompt).", panel=MODEL)
    ] = "own"

    @property
    def opening(self) -> dict[str, Any]:
        """How a model that is given by name is opened, for `LayeredModel.from_pretrained`."""
        names = ("dtype", "device", "trust_remote_code", "allow_missing")
        return {name: getattr(self, name) for name in names}

    def __post_init__(self) -> None:
        whole_number("per_call", self.per_call, 1)
        if self.batch_tokens is not None:
            whole_number("batch_tokens", self.batch_tokens, 1)
        if self.engine not in ENGINES:
            raise InvalidInput(f"unknown engine {self.engine!r}; use one of {', '.join(ENGINES)}")
        checked_policy(self.cache_policy)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSettings:
    """What stands beside the search of each input.

    Attributes:
        random_peer: also run uniform random search at the same budget.
        nearby_peer: also run random chains a few edits from the identity, at the same budget.
        control: also run the same search for a wrong answer, on the inputs that the model gets wrong.
        verify: run every claimed success again, alone.
    """

    random_peer: Annotated[bool, Flag("Without uniform random chains.", panel=STUDY)] = True
    nearby_peer: Annotated[bool, Flag("Without random chains near the identity.", panel=STUDY)] = True
    control: Annotated[bool, Flag("Without a search for wrong answers.", panel=STUDY)] = True
    verify: Annotated[bool, Flag("Don't run successes again, alone.", panel=STUDY)] = True

    def peers(self, searcher: str) -> tuple[str, ...]:
        """The baselines, which ignore rewards, each with the searcher of its name; none that equals the search."""
        wanted = {"random": self.random_peer, "nearby": self.nearby_peer}
        return tuple(name for name, wished in wanted.items() if wished and searcher != name)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySettings:
    """What a study does, apart from model and task.

    Attributes:
        search: how chains are looked for, and on which inputs.
        space: which chains there are.
        engine: what evaluates.
        controls: what stands beside the search.
    """

    search: SearchSettings = field(default_factory=SearchSettings)
    space: SpaceSettings = field(default_factory=SpaceSettings)
    engine: EngineSettings = field(default_factory=EngineSettings)
    controls: ControlSettings = field(default_factory=ControlSettings)

    def __post_init__(self) -> None:
        """Tries the searcher in a small space, and completes its settings."""
        from skiploop.searchers import SEARCHERS, make_searcher

        name, given = self.search.searcher, self.search.searcher_settings
        make_searcher(name, self.space.make_smallest(), seed=0, **given)
        complete = asdict(SEARCHERS[name].settings_type(**given))
        if complete != given:
            object.__setattr__(self, "search", replace(self.search, searcher_settings=complete))

    def changed(self, **changes: Any) -> Self:
        """These settings with some replaced: single fields of any section (`space="skip"`), single constants of the
        searcher that are in `CONSTANTS` (`length_penalty=1`), or whole sections.

        Raises:
            InvalidInput: a field that no section has, or a value that doesn't work.
        """
        from skiploop.searchers import resolved_name

        kinds: dict[str, Any] = {each.name: type(getattr(self, each.name)) for each in fields(self)}
        whole: dict[str, Any] = {
            name: value for name, value in changes.items() if isinstance(value, kinds.get(name, ()))
        }
        single: dict[str, dict[str, Any]] = {}
        for name, value in changes.items():
            if name in whole or name in CONSTANTS:
                continue
            if name not in _HOMES:
                raise InvalidInput(
                    f"unknown setting {name!r} of a study; there are {', '.join(sorted({*_HOMES, *CONSTANTS}))}"
                )
            section, own = _HOMES[name]
            single.setdefault(section, {})[own] = value
        before = replace(self, **whole)
        search = single.get("search", {})
        if resolved_name(search.get("searcher", before.search.searcher)) != before.search.searcher:
            search.setdefault("searcher_settings", {})  # another searcher has other constants
        if constants := {name: changes[name] for name in CONSTANTS if changes.get(name) is not None}:
            given = search.get("searcher_settings", before.search.searcher_settings)
            single["search"] = search | {"searcher_settings": {**given, **constants}}
        return replace(before, **{name: replace(getattr(before, name), **each) for name, each in single.items()})

    @property
    def peers(self) -> tuple[str, ...]:
        """The baselines, which ignore rewards."""
        return self.controls.peers(self.search.searcher)

    def to_json(self) -> dict[str, Any]:
        """The sections, as run.json has them."""
        line = asdict(self)
        first = self.search.warm_start
        chains = str(first) if isinstance(first, (str, Path)) else [layers_to_json(tuple(each)) for each in first]
        line["search"]["warm_start"] = chains
        return line

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> StudySettings:
        """The settings in a run.json."""
        return cls(**{name: section(**line[name]) for name, section in SECTIONS.items()})


SECTIONS: dict[str, Any] = {
    "search": SearchSettings, "space": SpaceSettings, "engine": EngineSettings, "controls": ControlSettings,
}  # fmt: skip
"""The sections of `StudySettings`, by name."""

# Under which name a keyword changes which field of which section: the field's own, but for the space's.
_HOMES = {
    "space" if (section, each.name) == ("space", "name") else each.name: (section, each.name)
    for section, kind in SECTIONS.items()
    for each in fields(kind)
}


def _sequences(value: Sequence[Iterable[int]]) -> tuple[tuple[int, ...], ...]:
    """Chains as plain sequences of layers; the layers are checked once the model's number of them is known."""
    try:
        return tuple([tuple(layers) for layers in value])
    except TypeError:
        raise InvalidInput(
            f"warm_start={value!r} doesn't work; give a list of chains, each a list of layers, or a file or folder"
        ) from None
