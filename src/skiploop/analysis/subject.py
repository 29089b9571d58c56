"""A finished study, opened to be examined: its inputs, its model, and evaluations that are never done twice.

    with open_subject("runs/arc") as subject:
        subject.evaluate([("arc-17", chain)])       # rewards by the gold answer

What the study has evaluated is known from its journal. What an analysis evaluates on top goes to
`RUN/analysis/evaluations.jsonl`, is shared by all analyses, and so an analysis that was stopped goes on where it was.
No torch until the model is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from skiploop.engine.request import Runner
from skiploop.errors import InvalidInput
from skiploop.spaces.space import Space
from skiploop.storage.files import writing
from skiploop.storage.journal import JsonlJournal
from skiploop.storage.lock import lock_folder
from skiploop.studies.evaluations import Evaluations, Key, Pair
from skiploop.studies.execution import Execution
from skiploop.studies.folder import read_inputs
from skiploop.studies.opening import StudyModel, open_model
from skiploop.studies.progress import Progress
from skiploop.studies.results import InputResult
from skiploop.studies.search import Study, load_study
from skiploop.studies.settings import StudySettings
from skiploop.tasks import Example, Task

Evaluate = Callable[[Sequence[Pair]], Sequence[float]]  # rewards, in the order of the pairs
_EXAMPLE_FIELDS = tuple(field.name for field in fields(Example))


@dataclass(frozen=True, slots=True)
class Subject:
    """A study with everything that an analysis needs.

    Attributes:
        study: loaded from its folder.
        task: its inputs, and how answers are judged.
        space: its chains.
        settings: its settings.
        model: its model, or what stands for it.
        runner: runs requests.
        evaluate: rewards of pairs, each evaluated once.
        progress: for notes.
    """

    study: Study
    task: Task
    space: Space
    settings: StudySettings
    model: Any
    runner: Runner
    evaluate: Evaluations
    progress: Progress

    @property
    def folder(self) -> Path:
        """Where results of analyses are."""
        return self.study.out / "analysis"

    @property
    def inputs(self) -> tuple[InputResult, ...]:
        """What the study found."""
        return self.study.inputs

    def example(self, name: str) -> Example:
        """An input by its id."""
        return next(each for each in self.task.examples if each.id == name)


@contextmanager
def open_subject(
    path: str | Path,
    *,
    model: StudyModel | None = None,
    execution: Execution | None = None,
    **changes: Any,
) -> Iterator[Subject]:
    """Opens a finished study; nobody else can analyse it meanwhile.

    Args:
        path: the study's folder.
        model: the study's model, where it is loaded already.
        execution: what evaluates, by default what the study's settings say, and what shows the progress.
        **changes: settings of opening the model: `dtype`, `device`, `trust_remote_code`, `engine`, `batch_tokens`.

    Raises:
        InvalidInput: no study, an unfinished one, one of a static chain, or the model is another one.
    """
    study, execution = load_study(path), execution or Execution()
    if not study.complete:
        raise InvalidInput(f"the study in {study.out} isn't finished; give its search command again to go on with it")
    settings = study_settings(study.run).changed(**{"dtype": study.run["model"]["dtype"]} | changes)
    opened = model if model is not None else open_model(study.run["model"]["name"], settings.engine)
    _check_model(study.run["model"], opened)
    folder = study.out / "analysis"
    with writing(folder):
        folder.mkdir(exist_ok=True)
        lock = lock_folder(folder)
    try:
        task = study_task(study)
        runner, _ = execution.open_runner(opened, settings.engine)
        progress = execution.progress("right")
        evaluate = Evaluations(
            task, runner, JsonlJournal(folder / "evaluations.jsonl"),
            known=known_rewards(study), per_call=settings.engine.per_call, progress=progress,
        )  # fmt: skip
        space = settings.space.make(study.run["model"]["num_layers"])
        with progress:
            yield Subject(study, task, space, settings, opened, runner, evaluate, progress)
    finally:
        lock.release()


def study_settings(run: Mapping[str, Any]) -> StudySettings:
    """The settings in a run.json."""
    return StudySettings.from_json(run["settings"])


def study_task(study: Study) -> Task:
    """The study's own inputs as a task; its data set isn't needed for that."""
    examples = []
    for line in read_inputs(study.out):
        values = {name: line[name] for name in _EXAMPLE_FIELDS}
        examples.append(Example(**values | {"choices": tuple(line["choices"])}))
    about = study.run["task"]
    settings = {name: about[name] for name in ("scoring", "max_new_tokens", "prompt_template", "metric", "chat")}
    return Task(about["name"], tuple(examples), stop=tuple(about["stop"]), **settings)


def known_rewards(study: Study) -> dict[Key, float]:
    """What the study evaluated by the gold answer; successes that didn't hold when run alone count as wrong."""
    return {
        (result.example["id"], chain.layers): reward
        for result in study.inputs
        for name, arm in result.arms.items()
        if name != "control"  # rewarded by another answer
        for chain, reward in arm.evaluations
    }


def _check_model(recorded: Mapping[str, Any], opened: Any) -> None:
    if opened.fingerprint != recorded["fingerprint"]:
        raise InvalidInput(
            f"the model {opened.name} isn't the one of this study (fingerprint {opened.fingerprint[:12]}, recorded "
            f"{recorded['fingerprint'][:12]}); put the checkpoint of the study back under that name"
        )
