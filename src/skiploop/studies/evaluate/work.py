"""An evaluation in one process, and as it is sent to several of them. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from skiploop.chains.chain import Chain
from skiploop.engine.request import Runner
from skiploop.errors import InvalidInput
from skiploop.storage.files import Line
from skiploop.studies.cache_policy import check_policy
from skiploop.studies.clock import Clock
from skiploop.studies.evaluate.figures import evaluate_figures
from skiploop.studies.evaluate.items import HarnessItems, HarnessTask, OwnItems, timed
from skiploop.studies.evaluate.settings import EvaluateSettings
from skiploop.studies.evaluation import check_lengths
from skiploop.studies.execution import Execution
from skiploop.studies.folder import StudyFolder, read_run
from skiploop.studies.merge import merge_parts
from skiploop.studies.opening import open_replica
from skiploop.studies.prompt_example import prompt_example
from skiploop.studies.record import run_record, task_record
from skiploop.studies.spread import JobStep
from skiploop.tasks import Task

HARNESS = "lm:"
"""How the specification of a task of lm-evaluation-harness begins."""


@dataclass(frozen=True, slots=True)
class EvaluateWork:
    """An evaluation that can begin, see `skiploop.studies.spread.OpenedJob`.

    Attributes:
        items: what is evaluated, and by what.
        chains: one after another; the first is the identity.
        run: what goes into run.json.
    """

    items: OwnItems | HarnessItems
    chains: tuple[Chain, ...]
    run: dict[str, Any]

    @property
    def runner(self) -> Runner:
        """Evaluates."""
        return self.items.runner

    @property
    def inputs(self) -> list[Line]:
        """Ids; those of lm-evaluation-harness aren't known before it has run."""
        return [{"id": each.id} for each in self.items.task.examples] if isinstance(self.items, OwnItems) else []

    def steps(self, folder: StudyFolder, first: int, last: int, clock: Clock) -> Iterator[JobStep]:
        """One part of the inputs under one chain after another."""
        items, runner = self.items.between(first, last), self.runner
        lines, total = folder.journal.lines(), items.count * len(self.chains)
        # An engine tries its paths out on first use; that isn't what the chains cost.
        getattr(runner, "batched_paths", dict)()
        for chain in self.chains:
            getattr(runner, "forget", tuple)()  # or a chain would begin with the identity's states
            known = frozenset(line["input"] for line in lines if line["chain"] == chain.to_json())
            for part in items.run(chain, known):
                found, cost = timed(part, chain, runner)
                folder.journal.append(found)
                folder.spent.append([cost])
                lines += found
                clock.tick()
                right = sum(next(iter(line["metrics"].values()), 0.0) for line in lines)
                yield JobStep(len(lines), max(total, len(lines)), right / len(lines))


@dataclass(frozen=True, slots=True)
class EvaluateJob:
    """An evaluation, see `skiploop.studies.spread.Job`.

    Attributes:
        model: its name, or a folder that every process can read.
        task: as it was made.
        settings: of the evaluation.

    Raises:
        InvalidInput: a task of lm-evaluation-harness, which runs all items itself.
    """

    model: str
    task: str | Task
    settings: EvaluateSettings
    share: ClassVar[str] = "right so far"
    multiple: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if isinstance(self.task, str):
            raise InvalidInput(f"--ray isn't for tasks {HARNESS}TASK: the harness runs all items itself; leave it out")

    def open(self, *, several_gpus: bool = False) -> EvaluateWork:
        """See `skiploop.studies.spread.Job`."""
        return prepare(open_replica(self.model, self.settings.engine, several_gpus), self.task, self.settings)

    def evaluations(self, run: dict[str, Any]) -> int:
        """One for each chain."""
        return 1 + (self.settings.chain is not None)

    def finish(self, folder: StudyFolder, shards: Sequence[Path]) -> None:
        """See `skiploop.studies.spread.Job`."""
        merge_parts(folder.path, shards, self.settings.engine.per_call)
        finish(folder)


def prepare(
    model: Any, task: str | Task, settings: EvaluateSettings, execution: Execution | None = None
) -> EvaluateWork:
    """Prepares an evaluation.

    Args:
        model: opened.
        task: `lm:TASK`, or a task.
        settings: of the evaluation.
        execution: what evaluates.

    Raises:
        InvalidInput: task, settings and model don't go together.
    """
    own = task if isinstance(task, str) else task.for_model(model.chat)
    identity = Chain.identity(model.num_layers)
    chain = None if settings.chain is None else Chain.parse(settings.chain, model.num_layers)
    _check_policy(settings.engine.cache_policy, own, chain or identity)
    runner, engine = (execution or Execution()).open_runner(model, settings.engine)
    items = _items(own, model, runner, settings)
    chains = (identity, *([] if chain is None else [chain]))
    return EvaluateWork(items, chains, _describe(model, items, settings, engine))


def finish(folder: StudyFolder) -> None:
    """Writes the figures of an evaluation whose journal is complete."""
    folder.write_summary(evaluate_figures(read_run(folder.path), folder.journal.lines()).to_json())


def _check_policy(policy: str, task: str | Task, chain: Chain) -> None:
    if policy != "own" and isinstance(task, str):
        raise InvalidInput(f"--cache-policy {policy} isn't for tasks {HARNESS}TASK; leave it out, or use another task")
    check_policy(policy, [chain], f"the chain {chain}", task if isinstance(task, Task) else None)


def _items(task: str | Task, model: Any, runner: Runner, settings: EvaluateSettings) -> OwnItems | HarnessItems:
    if isinstance(task, str):
        from skiploop.lm_eval.extra import require_lm_eval

        require_lm_eval()
        wanted = HarnessTask(task.removeprefix(HARNESS), settings.include_path, settings.limit, settings.shots)
        return HarnessItems(wanted, model, runner)
    if settings.include_path is not None:
        raise InvalidInput(f"--include-path is for tasks lm:TASK, which {task.name!r} isn't; leave it out")
    if settings.shots is not None:
        raise InvalidInput(f"shots={settings.shots} is for tasks lm:TASK; of {task.name!r}, give them to make_task")
    chosen = task if settings.limit is None else task.limit(settings.limit)
    check_lengths(chosen, chosen.examples, model)
    return OwnItems(chosen, runner, settings.engine.per_call)


def _describe(model: Any, items: OwnItems | HarnessItems, settings: EvaluateSettings, engine: str) -> dict[str, Any]:
    place = settings.include_path
    sections = {
        "evaluate": {
            "chain": None if settings.chain is None else str(Chain.parse(settings.chain, model.num_layers)),
            "limit": settings.limit,
            "include_path": None if place is None else str(place),
            "shots": settings.shots,
        },
        "engine": asdict(settings.engine),
    }
    about: dict[str, Any] = {"task": {"name": HARNESS + items.task.name}} if isinstance(items, HarnessItems) else {
        "task": task_record(items.task), "prompt_example": prompt_example(items.task, model)
    }  # fmt: skip
    packages = ("lm-eval", "datasets") if isinstance(items, HarnessItems) else ()
    return run_record(model, about, kind="evaluate", settings=sections, engine=engine, packages=packages)
