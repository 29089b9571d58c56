"""Plain accuracy of a model on a task, and of a chain beside it.

    found = evaluate("nano", "nano", chain="0-5 4-7")
    found.figures.metrics["accuracy"].difference

An evaluation that was interrupted goes on when the same call is made again.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from skiploop.chains.chain import Chain
from skiploop.engine.request import Runner
from skiploop.errors import InvalidInput
from skiploop.storage.files import Line
from skiploop.storage.journal import JsonlJournal
from skiploop.studies.cache_policy import check_policy
from skiploop.studies.evaluate.figures import EvaluateFigures, metric_figures, spent
from skiploop.studies.evaluate.html import evaluate_html
from skiploop.studies.evaluate.items import HarnessItems, HarnessTask, OwnItems, timed
from skiploop.studies.evaluate.settings import EvaluateSettings
from skiploop.studies.evaluation import check_lengths
from skiploop.studies.execution import Execution
from skiploop.studies.folder import StudyFolder, check_place, read_run, read_summary
from skiploop.studies.opening import open_model, open_task
from skiploop.studies.progress import Interrupted, Progress
from skiploop.studies.prompt_example import prompt_example
from skiploop.studies.record import default_out, run_record, task_record
from skiploop.studies.tables import make_frame
from skiploop.tasks import Task

HARNESS = "lm:"
"""How the specification of a task of lm-evaluation-harness begins."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A finished evaluation.

    Attributes:
        out: its folder.
        run: what was asked for, and of what: run.json.
        figures: of every metric.
    """

    out: Path
    run: dict[str, Any]
    figures: EvaluateFigures

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame` with one row for each input under each chain, and a column for each metric.

        Raises:
            InvalidInput: pandas isn't installed (the extra `data`).
        """
        lines = [line for line in JsonlJournal(self.out / "journal.jsonl").lines() if "metrics" in line]
        layers = self.figures.num_layers
        return make_frame(
            {"input": line["input"], "chain": str(Chain(line["chain"], layers)), **line["metrics"]} for line in lines
        )

    def _repr_html_(self) -> str:
        return evaluate_html(self.figures, self.out)

    def to_json(self) -> Line:
        """What `skiploop evaluate --json` prints."""
        return self.figures.to_json() | {"out": str(self.out)}


def evaluate(
    model: Any = "nano",
    task: str | Task = "nano",
    *,
    out: str | Path | None = None,
    settings: EvaluateSettings | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> Evaluated:
    """Evaluates the identity, and a chain beside it, on a task; what `skiploop evaluate` calls.

    Args:
        model: a name or a folder, or a `LayeredModel`.
        task: a specification, `lm:TASK` for one of lm-evaluation-harness, or a task.
        out: the folder; the same call resumes it.
        settings: prepared settings.
        progress: receives progress updates.
        **changes: single fields of `EvaluateSettings`, such as `chain="0-9 12-15x2"`, which win over `settings`; and,
            where `task` is a specification of ours, of `TaskOptions`, such as `prompt="cola"`. `shots=5` is for both.

    Raises:
        InvalidInput: for everything that is wrong with the arguments, before any work starts.
        UnsupportedModel: the model can't run chains exactly.
        Interrupted: on Ctrl-C; what was evaluated is kept.
    """
    own = task if isinstance(task, str) and task.startswith(HARNESS) else open_task(task, changes)
    settings, progress = _changed(settings or EvaluateSettings(), changes), progress or Progress()
    if out is not None:
        check_place(Path(out), "evaluate")
    opened = open_model(model, settings.engine) if isinstance(model, str) else model
    own = own if isinstance(own, str) else own.for_model(opened.chat)
    chain = None if settings.chain is None else Chain.parse(settings.chain, opened.num_layers)
    _check_policy(settings.engine.cache_policy, own, chain or opened.identity)
    runner, engine = Execution().open_runner(opened, settings.engine)
    items = _items(own, opened, runner, settings)
    run = _describe(opened, items, settings, engine)
    place = default_out(run) if out is None else Path(out)
    inputs = [{"id": example.id} for example in items.task.examples] if isinstance(items, OwnItems) else []
    with StudyFolder(place, run, inputs) as folder:
        if not folder.complete:
            chains = [opened.identity, *([] if chain is None else [chain])]
            _work(folder, items, chains, progress)
            folder.write_summary(_figures(folder, run, chains).to_json())
    return load_evaluated(place)


def load_evaluated(path: str | Path) -> Evaluated:
    """A finished evaluation from its folder."""
    out = Path(path)
    run = read_run(out, "evaluate")
    if not (out / "summary.json").exists():
        raise InvalidInput(f"the evaluation in {out} isn't finished; give its command again to go on")
    return Evaluated(out, run, read_summary(EvaluateFigures, out))


def _changed(settings: EvaluateSettings, changes: dict[str, Any]) -> EvaluateSettings:
    known = [field.name for field in fields(settings)]
    if unknown := sorted(set(changes).difference(known)):
        raise InvalidInput(f"unknown setting {unknown[0]!r} of an evaluation; there are {', '.join(known)}")
    return replace(settings, **changes)


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


def _work(folder: StudyFolder, items: OwnItems | HarnessItems, chains: list[Chain], progress: Progress) -> None:
    lines = folder.journal.lines()
    total = items.count * len(chains)
    # An engine tries its paths out on first use; that isn't what the chains cost.
    getattr(items.runner, "batched_paths", dict)()
    try:
        with progress:
            for chain in chains:
                getattr(items.runner, "forget", tuple)()  # or a chain would begin with the identity's states
                own = [line for line in lines if line["chain"] == chain.to_json()]
                for part in items.run(chain, frozenset(line["input"] for line in own if "input" in line)):
                    found = timed(part, chain, items.runner)
                    folder.journal.append(found)
                    lines += found
                    done = [line for line in lines if "metrics" in line]
                    right = sum(next(iter(line["metrics"].values()), 0.0) for line in done)
                    progress.update(len(done), max(total, len(done)), right / len(done))
    except KeyboardInterrupt:
        raise Interrupted(folder.path, "evaluate", sum("metrics" in line for line in lines), total) from None


def _figures(folder: StudyFolder, run: dict[str, Any], chains: list[Chain]) -> EvaluateFigures:
    lines = folder.journal.lines()
    identity, chain = chains[0].to_json(), chains[1].to_json() if len(chains) > 1 else None
    return EvaluateFigures(
        model=run["model"]["name"],
        task=run["task"]["name"],
        num_layers=run["model"]["num_layers"],
        notation=None if chain is None else str(chains[1]),
        depth=None if chain is None else len(chain),
        inputs=sum("metrics" in line and line["chain"] == identity for line in lines),
        metrics=metric_figures(lines, identity, chain),
        identity_spent=spent(lines, identity),
        chain_spent=None if chain is None else spent(lines, chain),
    )
