"""The parts of a full study, in the order in which they are run. A further part is one more entry of `PARTS`.

Each part has a folder or a file of its own below the study's folder, can be resumed by itself, and reads what it needs
of the parts before it from there. No torch until a model is run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from skiploop.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.journal import JsonlJournal, Line
from skiploop.notation import whole_number
from skiploop.opening import StudyModel, open_runner
from skiploop.options import claims, options_study, why_not
from skiploop.progress import Progress
from skiploop.request import Runner
from skiploop.sampling import Reference, SamplingSettings, sampling_study
from skiploop.settings import StudySettings
from skiploop.static import StaticSettings, load_static, rewards_on_test, search_static
from skiploop.store import read_json, write_json
from skiploop.study import load_study, search
from skiploop.tasks import Example, Task

MakeProgress = Callable[[str], Progress]
"""Progress for a part, given the name of the share that it shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FullSettings:
    """What the parts do.

    Attributes:
        study: searcher, space, budget, seed and model settings, of all parts; its `limit` must be None.
        inputs: inputs of the search: the first of the test split.
        static: the split, and the search for one chain for all inputs.
        static_budget: distinct chains of that search.
        sampling: how the identity is sampled.
    """

    study: StudySettings = field(default_factory=StudySettings)
    inputs: int = 50
    static: StaticSettings = field(default_factory=StaticSettings)
    static_budget: int = 64
    sampling: SamplingSettings = field(default_factory=SamplingSettings)

    def __post_init__(self) -> None:
        if whole_number("inputs", self.inputs, 1) > self.static.test:
            raise InvalidInput(
                f"inputs={self.inputs} of the search are to be among the test inputs, of which there are "
                f"{self.static.test}; use fewer, or a larger --test"
            )
        if self.study.limit is not None:
            raise InvalidInput(f"limit={self.study.limit} has no place in a full study; use --limit for its inputs")
        whole_number("static_budget", self.static_budget, 1)


@dataclass(slots=True)
class Context:
    """What a part works with.

    Attributes:
        out: the study's folder.
        pool: the task.
        train: inputs on which things are chosen.
        test: inputs on which they are reported; no question is in both.
        model: opened.
        settings: of all parts.
        progress: makes one for each part.
        given: a runner in place of the model's own, for tests.
    """

    out: Path
    pool: Task
    train: tuple[Example, ...]
    test: tuple[Example, ...]
    model: StudyModel
    settings: FullSettings
    progress: MakeProgress
    given: Runner | None = None
    _opened: Runner | None = None

    @property
    def runner(self) -> Runner:
        """What evaluates where a part doesn't open its own."""
        if self._opened is None:
            self._opened = self.given or open_runner(self.model, self.settings.study)[0]
        return self._opened

    @property
    def searched(self) -> tuple[Example, ...]:
        """The inputs of the search."""
        return self.test[: self.settings.inputs]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a full study.

    Attributes:
        name: in study.json.
        place: its folder or file, relative to the study's folder.
        title: for people.
        run: does it, or what is left of it, and returns its figures.
        why_not: why a study can't have it; None if it can.
    """

    name: str
    place: str
    title: str
    run: Callable[[Context], Line]
    why_not: Callable[[Context], str | None] = lambda context: None


def _search(context: Context) -> Line:
    found = search(
        context.model, context.pool, out=context.out / "search", settings=context.settings.study,
        inputs=context.searched, runner=context.given, progress=context.progress("oracle accuracy"),
    )  # fmt: skip
    return found.summary


def _static(context: Context) -> Line:
    found = search_static(
        context.model, context.pool, out=context.out / "static", static=context.settings.static,
        settings=context.settings.study.changed(budget=context.settings.static_budget),
        runner=context.given, progress=context.progress("best on training inputs"),
    )  # fmt: skip
    return found.summary


def _sampling(context: Context) -> Line:
    return _controlled(context, "sampling", _sample)


def _sample(context: Context, journal: JsonlJournal, progress: Progress) -> Line:
    found = load_study(context.out / "search")
    chosen = load_static(context.out / "static").summary["chosen"]["search"]
    spent = sum(len(chain) for each in found.inputs for chain, _ in each.search.evaluations)
    reference = Reference(
        {"search": spent / len(found.inputs), "static": float(chosen["depth"])},
        rewards_on_test(context.out / "static")["search"],
        {each.example["id"]: each.search.right for each in found.inputs},
    )
    return sampling_study(
        context.pool, context.train, context.test, reference,
        identity=Chain.identity(context.model.num_layers), settings=context.settings.sampling,
        runner=context.runner, journal=journal, progress=progress,
    )  # fmt: skip


def _options(context: Context) -> Line:
    return _controlled(context, "options", _rotate)


def _rotate(context: Context, journal: JsonlJournal, progress: Progress) -> Line:
    num_layers = context.model.num_layers
    chosen = Chain(load_static(context.out / "static").summary["chosen"]["search"]["chain"], num_layers)
    chains = {"identity": Chain.identity(num_layers)} | ({} if chosen.is_identity else {"static": chosen})
    test = [example for example in context.test if example.choices and example.gold is not None]
    found = load_study(context.out / "search")
    by_id = {example.id: example for example in test}
    results = [each for each in found.inputs if each.example["id"] in by_id]
    return options_study(
        context.pool, test, chains, claims(context.pool, results, by_id),
        runner=context.runner, journal=journal, progress=progress,
    )  # fmt: skip


def _no_options(context: Context) -> str | None:
    return why_not(context.pool, context.test)


def _controlled(
    context: Context, name: str, work: Callable[[Context, JsonlJournal, Progress], Line]
) -> Line:
    """A control: controls/NAME.jsonl is its journal, controls/NAME.json its figures, written at the end."""
    place = context.out / "controls" / f"{name}.json"
    if place.exists():
        return read_json(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    progress = context.progress("right")
    with progress:
        figures = work(context, JsonlJournal(place.with_suffix(".jsonl")), progress)
    write_json(place, figures)
    return read_json(place)


PARTS: tuple[Part, ...] = (
    Part("search", "search", "chains for each input, with peers and the control", _search),
    Part("static", "static", "one chain for all inputs", _static),
    Part("sampling", "controls/sampling.json", "sampling and voting at equal layer calls", _sampling),
    Part("options", "controls/options.json", "options moved", _options, _no_options),
)


def settings_line(settings: FullSettings) -> dict[str, Any]:
    """The settings, ready for JSON."""
    line = asdict(settings)
    line["sampling"]["temperatures"] = list(settings.sampling.temperatures)
    return line
