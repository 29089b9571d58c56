"""One chain for all inputs of a task, chosen on a training split and reported on a test split.

    study = search_static("nano", "nano", budget=64)
    study.figures.chosen["search"].test, study.figures.chosen["identity"].test

No gold answer is needed when such a chain is used, so what is reported here is *accuracy*, not oracle accuracy. Beside
the search stand, each chosen on the same training inputs and reported on the same test inputs, as many uniform random
chains from the same space, and the chains of `skiploop.studies.static.references`.

Two journals more than other studies have lie in its folder: curve.jsonl, test inputs under the chains of the
cost/accuracy curve that nothing else chose, and swapped.jsonl, the search on other inputs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from skiploop.chains.chain import Chain
from skiploop.engine.request import Runner
from skiploop.errors import InvalidInput
from skiploop.spaces.space import Space
from skiploop.storage.files import Line
from skiploop.storage.journal import Journal, JsonlJournal
from skiploop.storage.records import as_json
from skiploop.studies.cache_policy import check_space_policy
from skiploop.studies.evaluation import check_lengths, request_under
from skiploop.studies.evaluations import Evaluations, line_key
from skiploop.studies.execution import Execution, References
from skiploop.studies.folder import StudyFolder, check_place, read_inputs, read_run, read_summary
from skiploop.studies.opening import StudyModel, open_model, open_task
from skiploop.studies.progress import Interrupted
from skiploop.studies.prompt_example import prompt_example
from skiploop.studies.record import default_out, describe
from skiploop.studies.static.cached_chain import CachedChain
from skiploop.studies.static.calibration import Calibration, calibration, calibration_task
from skiploop.studies.static.figures import StaticFigures
from skiploop.studies.static.html import static_html
from skiploop.studies.static.references import of_model
from skiploop.studies.static.settings import StaticSettings, StaticStudySettings
from skiploop.studies.static.split import Splits, split
from skiploop.studies.static.tables import TABLES
from skiploop.studies.static.wall_clock import WallClock, read_wall_clock, time_chains, write_wall_clock
from skiploop.studies.static.work import Evaluators, Work, static_figures
from skiploop.studies.tables import named_frame, require_data, write_parquet
from skiploop.studies.warm_start import resolved
from skiploop.tasks import Task


@dataclass(frozen=True, slots=True)
class StaticStudy:
    """A finished study of static chains.

    Attributes:
        out: its folder.
        run: what was asked for, and of what: run.json.
        figures: of all chosen chains.
        wall_clock: seconds of the chosen chains; None where nothing was timed.
    """

    out: Path
    run: dict[str, Any]
    figures: StaticFigures
    wall_clock: WallClock | None = None

    def to_pandas(self, rows: str = "evaluations") -> Any:
        """A `pandas.DataFrame` with a row for each of the `evaluations`, or of the `chains` that were chosen.

        Its columns are in docs/tables.md.

        Raises:
            InvalidInput: other rows, or pandas isn't installed (the extra `data`).
        """
        return named_frame(TABLES, rows, self.out, self.figures)

    def _repr_html_(self) -> str:
        return static_html(self.figures, self.out)

    def to_json(self) -> Line:
        """What `skiploop search --static --json` prints: the figures, the times, and where the study is."""
        return self.figures.to_json() | {"wall_clock": as_json(self.wall_clock), "out": str(self.out)}


def search_static(
    model: str | StudyModel = "nano",
    task: str | Task = "nano",
    *,
    out: str | Path | None = None,
    settings: StaticStudySettings | None = None,
    execution: Execution | None = None,
    **changes: Any,
) -> StaticStudy:
    """Looks for one chain for all inputs; what `skiploop search --static` calls.

    Args:
        model: `nano`, the name or folder of a Hugging Face model, or a `LayeredModel`.
        task: a specification, or a task; its questions are de-duplicated, then split.
        out: the study's folder; the same call resumes it.
        settings: those of the search, and of the split (`StaticSettings`, the section `static`).
        execution: what evaluates and looks into the model, by default this model, and what shows the progress.
        **changes: single fields of `StudySettings`, or whole sections, such as `static=StaticSettings(train=64)`; and,
            where `task` is a specification, of `TaskOptions`.

    Raises:
        InvalidInput: for everything that is wrong with the arguments, before any work starts.
        UnsupportedModel: the model can't run chains exactly.
        Interrupted: on Ctrl-C; what was evaluated is kept.
    """
    pool = open_task(task, changes)
    settings = (settings or StaticStudySettings()).changed(**changes)
    if settings.search.parquet:
        require_data("pandas", "pyarrow")  # refused before any work
    execution = execution or Execution()
    if out is not None:
        check_place(Path(out), "static")
    other = calibration_task(settings.static.swap, pool)
    _inputs(pool, other, settings.static)  # refused before a model is loaded
    opened = open_model(model, settings.engine) if isinstance(model, str) else model
    work = _work(pool, other, opened, settings)
    runner, engine = execution.open_runner(opened, settings.engine)
    run = describe(opened, work.task, work.space, kind="static", settings=work.settings.to_json(), engine=engine)
    run["prompt_example"] = prompt_example(work.task, opened)
    place = default_out(run) if out is None else Path(out)
    with StudyFolder(place, run, _lines(work)) as folder:
        if not folder.complete:
            _run(work, folder, runner, opened, execution)
    study = load_static(place)
    if settings.search.parquet:
        write_parquet(place, TABLES, study.out, study.figures)
    return study


def _work(pool: Task, other: Task | None, model: StudyModel, settings: StaticStudySettings) -> Work:
    """What is to be done with an opened model; InvalidInput where an input is too long for it, or no chain is left."""
    pool = pool.for_model(model.chat)
    splits, swapped = _inputs(pool, None if other is None else other.for_model(model.chat), settings.static)
    space = settings.space.make(model.num_layers)
    check_space_policy(settings.engine.cache_policy, space, pool)
    check_policies(settings, space, pool)
    check_lengths(pool, [*splits[0], *splits[1]], model)
    if swapped is not None:
        check_lengths(swapped.task, swapped.examples, model)
    asked = [*splits[0], *splits[1], *(() if swapped is None else swapped.examples)]
    work = Work(pool, model.name, splits, swapped, space, resolved(settings, space, asked))
    work.check_depth()
    return work


def check_policies(settings: StaticStudySettings, space: Space, task: Task) -> None:
    """Raises InvalidInput where it makes no difference between which cache policies is chosen."""
    policies = settings.static.policies
    if policies == ("own",):
        return
    if settings.engine.cache_policy != "own":
        raise InvalidInput(
            f"--cache-policy {settings.engine.cache_policy} has no effect with --policies, which are tried in its "
            "place; leave one of them out"
        )
    for policy in policies:
        check_space_policy(policy, space, task, flag="--policies")


def _run(work: Work, folder: StudyFolder, runner: Runner, model: StudyModel, execution: Execution) -> None:
    """Does what isn't done yet, and writes the figures."""
    evaluators, progress = _evaluators(work, runner, folder), execution.progress("best on training inputs")
    try:
        with progress:
            references = _references(execution, model, work.task, work.settings)
            figures = static_figures(work, evaluators, references, progress)
            _time(work, figures, runner, folder.path)
            folder.write_summary(figures.to_json())
    except KeyboardInterrupt:
        raise Interrupted(folder.path, "static", len(evaluators), work.total) from None


def _inputs(pool: Task, other: Task | None, sizes: StaticSettings) -> tuple[Splits, Calibration | None]:
    """Training and test inputs, and the other inputs that the search is made on once more."""
    splits = split(pool, sizes.train, sizes.test)
    if other is None or sizes.swap is None:
        return splits, None
    return splits, calibration(sizes.swap, other, [*splits[0], *splits[1]], sizes.train)


def _evaluators(work: Work, runner: Runner, folder: StudyFolder) -> Evaluators:
    """Of the study's own inputs, with its journal; and of the curve and the control, each with one of its own."""

    def made(task: Task, journal: Journal) -> Evaluations:
        return Evaluations(task, runner, journal, per_call=work.settings.engine.per_call)

    curve = made(work.task, JsonlJournal(folder.path / "curve.jsonl"))
    swapped = None
    if work.swapped is not None:
        swapped = made(work.swapped.task, JsonlJournal(folder.path / "swapped.jsonl"))
    return Evaluators(made(work.task, folder.journal), curve, swapped)


def _time(work: Work, figures: StaticFigures, runner: Runner, out: Path) -> None:
    """Times the chosen chains, where that is wanted."""
    count = work.settings.static.timed
    if not count:
        return
    examples = work.splits[1][:count]
    chains = {
        name: CachedChain(Chain(row.chain, work.space.num_layers), row.policy) for name, row in figures.chosen.items()
    }

    def run(timed: CachedChain, number: int) -> object:
        return runner.run_alone(request_under(work.task, examples[number], timed.chain, timed.policy))

    write_wall_clock(out, time_chains(chains, len(examples), run))


def _references(execution: Execution, model: Any, task: Task, settings: StaticStudySettings) -> References:
    """What looks into the model: what is given, or the model itself, unless another runner stands for it."""
    if execution.references is not None:
        return execution.references
    if execution.runner is not None:
        return References()
    return of_model(model, task, gates=settings.static.gates, seed=settings.search.seed)


def load_static(path: str | Path) -> StaticStudy:
    """A finished study of static chains."""
    out = Path(path)
    run = read_run(out, "static")
    if not (out / "summary.json").exists():
        raise InvalidInput(f"the study in {out} isn't finished; give its command again to go on")
    return StaticStudy(out, run, read_summary(StaticFigures, out), read_wall_clock(out))


def rewards_on_test(path: str | Path) -> dict[str, dict[str, float]]:
    """The reward of each chosen chain on each test input, by what chose it and by the input's id."""
    study = load_static(path)
    alone = study.run["settings"]["controls"]["verify"]
    rewards = {
        line_key(line): line["reward"]
        for line in JsonlJournal(study.out / "journal.jsonl").lines()
        if line["alone"] == alone
    }
    tested = [line["id"] for line in read_inputs(study.out) if line["split"] == "test"]
    chosen = study.figures.chosen.items()
    return {name: {each: rewards[each, row.chain, row.policy] for each in tested} for name, row in chosen}


def _lines(work: Work) -> list[Line]:
    """What inputs.jsonl has."""
    parts = dict(zip(("train", "test"), work.splits, strict=True))
    if work.swapped is not None:
        parts["swapped"] = work.swapped.examples
    return [
        asdict(each) | {"choices": list(each.choices), "split": part} for part, own in parts.items() for each in own
    ]
