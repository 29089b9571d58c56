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
from skiploop.errors import InvalidInput
from skiploop.storage.files import Line
from skiploop.storage.journal import JsonlJournal
from skiploop.studies.evaluate.figures import EvaluateFigures, Spent, spent
from skiploop.studies.evaluate.html import evaluate_html
from skiploop.studies.evaluate.settings import EvaluateSettings
from skiploop.studies.evaluate.work import HARNESS, EvaluateJob, finish, prepare
from skiploop.studies.execution import Execution
from skiploop.studies.folder import check_place, read_run, read_summary
from skiploop.studies.opening import open_model, open_task
from skiploop.studies.record import default_out
from skiploop.studies.spread import work_alone
from skiploop.studies.tables import make_frame
from skiploop.tasks import Task


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

    @property
    def identity_spent(self) -> Spent:
        """Layer calls and seconds of the identity, over all attempts."""
        return self._spent(Chain.identity(self.figures.num_layers))

    @property
    def chain_spent(self) -> Spent | None:
        """The same of the chain."""
        notation = self.figures.notation
        return None if notation is None else self._spent(Chain.parse(notation, self.figures.num_layers))

    def _spent(self, chain: Chain) -> Spent:
        return spent(JsonlJournal(self.out / "spent.jsonl").lines(), chain.to_json())

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame` with one row for each input under each chain, and a column for each metric.

        Raises:
            InvalidInput: pandas isn't installed (the extra `data`).
        """
        lines = JsonlJournal(self.out / "journal.jsonl").lines()
        layers = self.figures.num_layers
        return make_frame(
            {"input": line["input"], "chain": str(Chain(line["chain"], layers)), **line["metrics"]} for line in lines
        )

    def _repr_html_(self) -> str:
        return evaluate_html(self.figures, self.out)

    def to_json(self) -> Line:
        """What `skiploop evaluate --json` prints."""
        chain = self.chain_spent
        cost = {"identity_spent": asdict(self.identity_spent), "chain_spent": None if chain is None else asdict(chain)}
        return self.figures.to_json() | cost | {"out": str(self.out)}


def evaluate(
    model: Any = "nano",
    task: str | Task = "nano",
    *,
    out: str | Path | None = None,
    settings: EvaluateSettings | None = None,
    execution: Execution | None = None,
    **changes: Any,
) -> Evaluated:
    """Evaluates the identity, and a chain beside it, on a task; what `skiploop evaluate` calls.

    Args:
        model: a name or a folder, or a `LayeredModel`.
        task: a specification, `lm:TASK` for one of lm-evaluation-harness, or a task.
        out: the folder; the same call resumes it.
        settings: prepared settings.
        execution: what evaluates, by default what `settings.engine` says, and what shows the progress.
        **changes: single fields of `EvaluateSettings`, such as `chain="0-9 12-15x2"`, which win over `settings`; and,
            where `task` is a specification of ours, of `TaskOptions`, such as `prompt="cola"`. `shots=5` is for both.

    Raises:
        InvalidInput: for everything that is wrong with the arguments, before any work starts.
        UnsupportedModel: the model can't run chains exactly.
        Interrupted: on Ctrl-C; what was evaluated is kept.
    """
    own = task if isinstance(task, str) and task.startswith(HARNESS) else open_task(task, changes)
    settings, execution = _changed(settings or EvaluateSettings(), changes), execution or Execution()
    if out is not None:
        check_place(Path(out), "evaluate")
    if execution.spread is not None:
        job = EvaluateJob(model if isinstance(model, str) else model.name, own, settings)
        return load_evaluated(execution.spread(job, None if out is None else Path(out)))
    opened = open_model(model, settings.engine) if isinstance(model, str) else model
    work = prepare(opened, own, settings, execution)
    place = default_out(work.run) if out is None else Path(out)
    work_alone(work, place, execution.progress(EvaluateJob.share), finish)
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
