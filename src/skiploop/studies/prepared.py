"""A search before its first evaluation: everything that was asked for, resolved, checked and on record. No torch.

`skiploop.studies.search` does one here and now; by a `SearchJob` several processes prepare the same search, and each
works on a part of its inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from skiploop.engine.request import Runner
from skiploop.errors import InvalidInput
from skiploop.spaces.space import Space
from skiploop.storage.files import Line
from skiploop.studies.arms import InputState, wrong_candidates
from skiploop.studies.cache_policy import check_space_policy
from skiploop.studies.clock import Clock
from skiploop.studies.evaluation import check_lengths
from skiploop.studies.execution import Execution
from skiploop.studies.folder import StudyFolder
from skiploop.studies.opening import StudyModel
from skiploop.studies.progress import Progress
from skiploop.studies.prompt_example import prompt_example
from skiploop.studies.recall import Recall
from skiploop.studies.record import describe
from skiploop.studies.rounds import Rounds, SearchPlan
from skiploop.studies.search_steps import search_steps
from skiploop.studies.settings import SearchSettings, StudySettings
from skiploop.studies.spread import JobStep
from skiploop.studies.total_budget import check_total
from skiploop.studies.warm_start import resolved
from skiploop.tasks import Example, Subset, Task


@dataclass(frozen=True, slots=True)
class PreparedSearch:
    """A search that can begin.

    Attributes:
        plan: what it is to find out.
        runner: evaluates.
        run: what goes into run.json.
    """

    plan: SearchPlan
    runner: Runner
    run: dict[str, Any]

    @property
    def inputs(self) -> list[Line]:
        """What goes into inputs.jsonl."""
        return input_lines(self.plan)

    def part(self, first: int, last: int) -> SearchPlan:
        """What is to be found out on the inputs from `first` up to `last`, which isn't among them.

        Their states are new ones, so that a part can be begun more than once.
        """
        states = [InputState(each.example, each.candidates) for each in self.plan.states[first:last]]
        return replace(self.plan, states=states)

    def steps(self, folder: StudyFolder, first: int, last: int, clock: Clock) -> Iterator[JobStep]:
        """See `skiploop.studies.spread.OpenedJob`."""
        whole = (first, last) == (0, len(self.plan.states))
        plan, seen = self.plan if whole else self.part(first, last), _Last()
        rounds = Rounds(
            plan, runner=self.runner, journal=folder.journal, progress=seen, clock=clock, metrics=folder.metrics
        )
        for _ in search_steps(folder, plan, rounds, self.runner, clock):
            yield seen.step


def prepare(
    model: StudyModel, pool: Task, given: tuple[Example, ...] | None, settings: StudySettings, execution: Execution
) -> PreparedSearch:
    """Prepares a search.

    Args:
        model: opened.
        pool: the task, whole.
        given: the examples of it that are searched; None: what the limit of the settings chooses.
        settings: of the study.
        execution: what evaluates.

    Raises:
        InvalidInput: inputs, settings and model don't go together.
    """
    pool = pool.for_model(model.chat)
    chosen = _chosen(pool, settings.search, given)
    space = settings.space.make(model.num_layers)
    check_lengths(chosen, chosen.examples, model)
    check_space_policy(settings.engine.cache_policy, space, chosen)
    settings = resolved(settings, space, chosen.examples)
    runner, engine = execution.open_runner(model, settings.engine)
    run = describe(model, pool, space, kind="search", settings=settings.to_json(), engine=engine)
    run["prompt_example"] = prompt_example(chosen, model)
    states = _states(pool, chosen, settings.search.seed)
    recall = _recall(states, settings.search, space, execution, model)
    return PreparedSearch(SearchPlan(chosen, states, space, settings, run["model"]["dtype"], recall), runner, run)


@dataclass
class _Last(Progress):
    """Keeps the last update."""

    step: JobStep = field(default_factory=JobStep)

    def update(self, done: int, total: int, figure: float, *, replayed: bool = False) -> None:
        self.step = JobStep(done, total, figure, replayed)


def input_lines(plan: SearchPlan) -> list[Line]:
    """What inputs.jsonl says of the inputs of a plan."""
    return [_input_line(state) for state in plan.states]


def whole_and_given(task: str | Task | Subset) -> tuple[str | Task, tuple[Example, ...] | None]:
    """The whole of a task, and those of its examples that were given alone; None where it was given whole."""
    return (task.whole, task.examples) if isinstance(task, Subset) else (task, None)


def _chosen(pool: Task, settings: SearchSettings, given: tuple[Example, ...] | None) -> Task:
    """What is searched of a task; examples that are given are taken as the model is asked them."""
    if given is not None and settings.limit is not None:
        raise InvalidInput(f"limit={settings.limit} and {len(given)} given inputs don't go together; leave one out")
    if given is not None:
        asked = {example.id: example for example in pool.examples}
        chosen = replace(pool, examples=tuple([asked[example.id] for example in given]))
    else:
        chosen = pool if settings.limit is None else pool.limit(settings.limit)
    check_total(settings, len(chosen.examples))
    return chosen


def _states(pool: Task, chosen: Task, seed: int) -> list[InputState]:
    candidates = wrong_candidates(pool, chosen.examples, seed)
    return [InputState(*each) for each in zip(chosen.examples, candidates, strict=True)]


def _recall(
    states: Sequence[InputState], settings: SearchSettings, space: Space, execution: Execution, model: StudyModel
) -> Recall | None:
    """What earlier inputs teach later ones, where the settings want a memory."""
    if not settings.memory:
        return None
    return Recall(states, settings, space.identity, execution.open_embed(model))


def _input_line(state: InputState) -> Line:
    wrong = [candidate.answer for candidate in state.candidates]
    return asdict(state.example) | {"choices": list(state.example.choices), "wrong": wrong}
