"""A task of lm-evaluation-harness run on a model, item by item.

Prompts, few-shot examples, filters and metrics are the harness's own; only the model is ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from lm_eval import simple_evaluate
from lm_eval.tasks import TaskManager
from skiploop.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class HarnessItem:
    """One item of a task.

    Attributes:
        name: of its task and where it is there, such as `arc_easy/17`.
        metrics: by name what the item contributes, where that is a number; a filter's name follows after a comma.
        responses: what the model said: pairs of log-likelihood and greediness, or texts.
    """

    name: str
    metrics: Mapping[str, float]
    responses: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class HarnessResult:
    """A task, or a group of tasks, on one model.

    Attributes:
        items: in the order of the tasks.
        aggregates: by task the harness's own figures, such as `acc,none`.
        versions: of the tasks.
        shots: few-shot examples before each item, by task.
    """

    items: tuple[HarnessItem, ...]
    aggregates: Mapping[str, Mapping[str, float]]
    versions: Mapping[str, Any] = field(default_factory=dict)
    shots: Mapping[str, int] = field(default_factory=dict)


def run_harness(
    lm: Any,
    task: str,
    *,
    include_path: Path | None = None,
    limit: int | None = None,
    shots: int | None = None,
    seed: int = 1234,
) -> HarnessResult:
    """Runs a task, or a group of tasks, by its name.

    Args:
        lm: a model of the harness.
        task: such as `arc_easy`.
        include_path: a folder with YAML files of further tasks.
        limit: only the first so many items of each task.
        shots: few-shot examples; None: what the task has.
        seed: of the choice of few-shot examples.

    Raises:
        InvalidInput: there is no such task, or its data can't be loaded.
    """
    manager = _task_manager(task, None if include_path is None else str(include_path.resolve()))
    if task not in manager.all_tasks:
        raise InvalidInput(
            f"lm-evaluation-harness has no task {task!r}; `python -m skiploop.lm_eval ls tasks` lists them, and "
            "--include-path FOLDER adds your own YAML files"
        )
    try:
        found = simple_evaluate(
            model=lm, tasks=[task], num_fewshot=shots, limit=limit, task_manager=manager,
            log_samples=True, bootstrap_iters=0, fewshot_random_seed=seed,
        )  # fmt: skip
    except (OSError, ImportError) as error:  # datasets raises these where a file or the hub isn't reachable
        raise InvalidInput(
            f"the data of the task {task!r} can't be loaded: {error}. Load it once with network access, or give a YAML "
            "file with local data (dataset_path: json, data_files) in --include-path"
        ) from error
    return HarnessResult(
        tuple(item for name, samples in found["samples"].items() for item in _items(name, samples)),
        {name: _numbers(values) for name, values in found["results"].items()},
        dict(found.get("versions", {})),
        dict(found.get("n-shot", {})),
    )


@cache
def _task_manager(task: str, include_path: str | None) -> TaskManager:
    """That of a folder alone where the task is in it; else the harness's own, whose thousands of files take long."""
    if include_path is not None:
        own = TaskManager(include_path=include_path, include_defaults=False)
        if task in own.all_subtasks:
            return own
    return TaskManager(include_path=include_path)


def _items(task: str, samples: Sequence[Mapping[str, Any]]) -> list[HarnessItem]:
    """One for each item; it has a sample for each filter of its task."""
    metrics: dict[int, dict[str, float]] = {}
    responses: dict[int, tuple[Any, ...]] = {}
    for sample in samples:
        kept = metrics.setdefault(sample["doc_id"], {})
        suffix = "" if sample["filter"] == "none" else f",{sample['filter']}"
        kept |= {f"{name}{suffix}": value for name, value in _numbers(sample, of=sample["metrics"]).items()}
        responses[sample["doc_id"]] = tuple(each[0] for each in sample["resps"])
    return [HarnessItem(f"{task}/{doc}", metrics[doc], responses[doc]) for doc in sorted(metrics)]


def _numbers(values: Mapping[str, Any], *, of: Sequence[str] | None = None) -> dict[str, float]:
    wanted = values if of is None else [name for name in of if name in values]
    return {
        name: float(values[name])
        for name in wanted
        if isinstance(values[name], (bool, int, float)) or type(values[name]).__module__ == "numpy"
    }
