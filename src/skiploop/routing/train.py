"""From a model and a task to a router in a folder, and to its figures: what `skiploop route train` and `eval` call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skiploop.errors import InvalidInput
from skiploop.routing.ablate import LOOKING, ablate
from skiploop.routing.choosers.named import CHOOSERS, NETWORKS
from skiploop.routing.collect import CollectJob, collect, wanted_passes
from skiploop.routing.evaluate import evaluate, evaluate_elsewhere
from skiploop.routing.figures import RouteAblation, RouteFigures
from skiploop.routing.load import Collected, load
from skiploop.routing.router import Router
from skiploop.routing.settings import RouteSettings
from skiploop.routing.split import split
from skiploop.routing.work import Forms
from skiploop.storage.files import write_json
from skiploop.storage.records import as_json
from skiploop.studies.execution import Execution
from skiploop.studies.opening import open_model
from skiploop.studies.record import differing
from skiploop.tasks import Task

_QUICK = tuple(name for name in CHOOSERS if name not in NETWORKS)
RESULT, ELSEWHERE, ABLATION = "result.json", "result_elsewhere.json", "ablation.json"


@dataclass(frozen=True, slots=True)
class Routed:
    """An evaluation, and where it is.

    Attributes:
        file: with all of it, in the folder that was fitted on.
        model: its name.
        task: that of the test inputs.
        figures: of every rule.
    """

    file: Path
    model: str
    task: str
    figures: RouteFigures


def train(
    model: Any,
    make_form: Callable[[int], Task],
    *,
    out: Path,
    settings: RouteSettings | None = None,
    execution: Execution | None = None,
) -> Routed:
    """Runs the menu and its opponents on a task's inputs, fits the chooser on half of them, and keeps the router.

    Args:
        model: a name or a folder, or an opened model.
        make_form: the task with its i-th prompt; 0 is the task itself.
        out: the folder; the same call resumes it.
        settings: see `RouteSettings`.
        execution: what runs the passes, and what shows progress.

    Returns:
        Figures of the chooser and the opponents on the test inputs.

    Raises:
        InvalidInput: for everything that is wrong with the arguments, before any work starts.
        Interrupted: on Ctrl-C; what was run is kept.
    """
    settings = settings or RouteSettings()
    execution = execution or Execution()
    forms = Forms(tuple(_form(make_form(at), settings) for at in range(settings.prompts + 1)))
    if execution.spread is not None:
        execution.spread(CollectJob(model if isinstance(model, str) else model.name, forms, settings), out)
    else:
        opened = open_model(model, settings.engine) if isinstance(model, str) else model
        passes = wanted_passes(settings, opened.num_layers)
        collect(opened, forms, passes, out=out, execution=execution, engine=settings.engine)
    _keep_router(out, settings)
    return evaluate_folder(out, choosers=(settings.chooser,), folds=1, seed=settings.seed)


def _form(task: Task, settings: RouteSettings) -> Task:
    distinct = task.deduplicated()
    return distinct if settings.limit is None else distinct.limit(settings.limit)


def _keep_router(out: Path, settings: RouteSettings) -> None:
    """Fits the chooser on the training inputs of what was collected."""
    collected = load(out)
    passes, model = collected.data.table.passes, collected.run["model"]
    own = [index for index, each in enumerate(passes) if each.role in ("identity", "menu")]
    parts = split(collected.data, seed=settings.seed)
    rule = CHOOSERS[settings.chooser](parts.train.of_passes(own), parts.validation.of_passes(own))
    kept = tuple(passes[index] for index in own)
    Router(settings.chooser, rule, kept, model["fingerprint"], model["name"], collected.run["task"]["name"]).save(out)


def evaluate_folder(
    path: str | Path, *, choosers: Sequence[str] = (), folds: int = 5, seed: int = 0, partial: bool = False
) -> Routed:
    """All choosers but networks (or those named) on the passes in a folder, without a model; writes result.json there.

    Raises:
        InvalidInput: the folder isn't one of collected passes, or has too few inputs.
    """
    collected = load(path, partial=partial)
    figures = evaluate(
        collected.data,
        choosers=tuple(choosers) or _QUICK,
        folds=folds,
        seed=seed,
        seconds_per_layer_call=collected.seconds_per_layer_call,
    )
    return _kept(Path(path) / RESULT, collected, figures)


def evaluate_folder_elsewhere(
    path: str | Path, other: str | Path, *, choosers: Sequence[str] = (), seed: int = 0, partial: bool = False
) -> Routed:
    """The same, fitted on the passes in one folder and tested on those of another task in `other`.

    Writes result_elsewhere.json in the first.

    Raises:
        InvalidInput: as for `evaluate_folder`, another model, other passes, or an input that is in both.
    """
    own, there = load(path, partial=partial), load(other, partial=partial)
    if differing(own.run, own.run | {"model": there.run["model"]}):
        raise InvalidInput(f"{other} is of the model {there.run['model']['name']!r}, or of another checkpoint of it")
    figures = evaluate_elsewhere(
        own.data,
        there.data,
        choosers=tuple(choosers) or _QUICK,
        seed=seed,
        seconds_per_layer_call=there.seconds_per_layer_call,
    )
    return _kept(Path(path) / ELSEWHERE, there, figures)


def ablate_folder(
    path: str | Path, *, choosers: Sequence[str] = (), folds: int = 5, seed: int = 0, partial: bool = False
) -> RouteAblation:
    """Which of their inputs choosers need, on the passes in a folder, without a model; writes ablation.json there.

    Raises:
        InvalidInput: as for `evaluate_folder`.
    """
    collected = load(path, partial=partial)
    found = ablate(collected.data, choosers=tuple(choosers) or LOOKING, folds=folds, seed=seed)
    _write(Path(path) / ABLATION, collected, found)
    return found


def _kept(file: Path, tested: Collected, figures: RouteFigures) -> Routed:
    """Figures as they are written; `tested`: what they are of."""
    if not figures.rules:
        raise InvalidInput(f"no chooser suits the answers in {file.parent}")
    _write(file, tested, figures)
    run = tested.run
    return Routed(file, run["model"]["name"], run["task"]["name"], figures)


def _write(file: Path, tested: Collected, figures: RouteFigures | RouteAblation) -> None:
    run = tested.run
    write_json(file, {"model": run["model"], "task": run["task"], "figures": as_json(figures)})
