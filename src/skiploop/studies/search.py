"""A study: a task's inputs, a searcher for each, the controls beside it, and everything kept on disk.

    study = search("nano", "nano", budget=100)
    study.figures.oracle_accuracy, study.figures.peers["random"].oracle_accuracy, study.figures.control.excess

A study that was interrupted goes on when the same call is made again; one that is complete is only read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skiploop.storage.files import Line
from skiploop.studies.execution import Execution
from skiploop.studies.figures import SearchFigures, search_figures
from skiploop.studies.folder import check_place, read_inputs, read_run, read_summary, read_timing
from skiploop.studies.html import search_html
from skiploop.studies.lines import read_evaluations, read_metrics, read_reruns
from skiploop.studies.opening import StudyModel, open_model, open_task
from skiploop.studies.prepared import prepare, whole_and_given
from skiploop.studies.record import default_out
from skiploop.studies.results import InputResult, collect
from skiploop.studies.search_job import SearchJob
from skiploop.studies.search_steps import finish
from skiploop.studies.settings import StudySettings
from skiploop.studies.shards import shard_folders
from skiploop.studies.spread import work_alone
from skiploop.studies.tables import TABLES, named_frame, require_data, write_parquet
from skiploop.tasks import Subset, Task


@dataclass(frozen=True, slots=True)
class Study:
    """A study, loaded from its folder.

    Attributes:
        out: the folder.
        run: what was asked for, and of what: run.json.
        inputs: what was found for each input.
        figures: of all inputs.
        seconds: that it took, over all attempts.
    """

    out: Path
    run: dict[str, Any]
    inputs: tuple[InputResult, ...]
    figures: SearchFigures
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether it was finished."""
        return self.figures.complete

    def to_pandas(self, rows: str = "evaluations") -> Any:
        """A `pandas.DataFrame` with a row for each of the `evaluations` of every arm, or of the `inputs`.

        Its columns are in docs/tables.md.

        Raises:
            InvalidInput: other rows, or pandas isn't installed (the extra `data`).
        """
        return named_frame(TABLES, rows, self.inputs)

    def _repr_html_(self) -> str:
        return search_html(self.figures, self.out)

    def to_json(self) -> Line:
        """What `skiploop search --json` prints: the figures, where the study is, and how long it took."""
        return self.figures.to_json() | {"seconds": self.seconds, "out": str(self.out)}


def search(
    model: str | StudyModel = "nano",
    task: str | Task | Subset = "nano",
    *,
    out: str | Path | None = None,
    settings: StudySettings | None = None,
    execution: Execution | None = None,
    **changes: Any,
) -> Study:
    """Looks for chains on every input of a task; what `skiploop search` calls.

    Args:
        model: `nano`, the name or folder of a Hugging Face model, or a `LayeredModel`.
        task: a specification for `skiploop.tasks.make_task`, a task, or some examples of one, where `limit` isn't
            to choose them. The control takes its wrong answers from the whole task, also where a part is searched.
        out: the study's folder; by default one below `runs/` that is named after the settings. One that holds
            the same study is resumed.
        settings: a prepared set of settings.
        execution: what evaluates, by default what `settings.engine` says, and what shows the progress.
        **changes: single fields of `StudySettings`, as its `changed` takes them, which win over `settings`; and, where
            `task` is a specification, of `TaskOptions`, such as `shots=5`.

    Returns:
        The finished study.

    Raises:
        InvalidInput: for everything that is wrong with the arguments, before any work starts.
        UnsupportedModel: the model can't run chains exactly.
        Interrupted: on Ctrl-C.
    """
    whole, given = whole_and_given(task)
    pool = open_task(whole, changes)
    settings = (settings or StudySettings()).changed(**changes)
    if settings.search.parquet:
        require_data("pandas", "pyarrow")  # refused before any work
    execution = execution or Execution()
    if out is not None:
        check_place(Path(out), "search")
    if execution.spread is not None:
        job = SearchJob(model if isinstance(model, str) else model.name, pool, given, settings)
        place = execution.spread(job, None if out is None else Path(out))
    else:
        opened = open_model(model, settings.engine) if isinstance(model, str) else model
        prepared = prepare(opened, pool, given, settings, execution)
        place = default_out(prepared.run) if out is None else Path(out)
        work_alone(prepared, place, execution.progress(SearchJob.share), finish)
    study = load_study(place)
    if settings.search.parquet:
        write_parquet(place, TABLES, study.inputs)
    return study


def load_study(path: str | Path) -> Study:
    """A study from its folder; one that is still running is read as far as it has come."""
    out = Path(path)
    run = read_run(out, "search")
    # A finished study's checksums first: they say more of what is damaged than any line.
    figures = read_summary(SearchFigures, out) if (out / "summary.json").exists() else None
    inputs = read_inputs(out)
    places = [out] if figures is not None else [out, *shard_folders(out)]
    lines = [line for place in places for line in read_evaluations(place, run, inputs)]
    reruns = [line for place in places for line in read_reruns(place, run, inputs)]
    results = collect(run, inputs, lines, reruns)
    if figures is None:
        metrics = {name: each for place in places for name, each in read_metrics(place, inputs).items()}
        figures = search_figures(run, results, lines, complete=False, metrics=metrics)
    return Study(out, run, tuple(results), figures, read_timing(out).get("seconds", 0.0))
