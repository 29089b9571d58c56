"""Skip-only, loop-only and both: the same search in several spaces, compared input by input (CoLa, arXiv 2507.07996).

    found = ablate("nano", "nano", out="runs/ablation", budget=100)
    found.figures.spaces["skip"].oracle_accuracy, found.figures.shares

Studies in `OUT/skip`, `OUT/loop` and `OUT/cola` with the same inputs, seeds and budget; with a damping, one in
`OUT/damped`, too, which has damped loops where `loop` has plain ones. Each is a study like any
other: it can be shown, analysed, and is resumed when the same call is made again. `OUT/run.json` says what was asked
for, `OUT/ablation.json` has `AblationFigures`. The spaces differ in size and in depth, so that equal budgets aren't
equal cost; `layer_calls` has that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar

from skiploop.analysis.figures.ablation import AblationFigures, ShareDifference, SpaceDifference, SpaceFigures
from skiploop.errors import InvalidInput
from skiploop.stats.bootstrap import sign_flip_test
from skiploop.stats.measured import measured_difference, measured_mean
from skiploop.stats.shares import holm, mcnemar, paired_counts
from skiploop.storage.files import Line, write_json
from skiploop.storage.records import read_record
from skiploop.studies.execution import Execution
from skiploop.studies.figures import SearchFigures
from skiploop.studies.folder import check_place, read_run, write_run
from skiploop.studies.opening import StudyModel, open_model, open_task
from skiploop.studies.record import default_out, describe
from skiploop.studies.results import InputResult
from skiploop.studies.search import Study, load_study, search
from skiploop.studies.settings import StudySettings
from skiploop.tasks import Task

KIND = "ablation"
FILE = "ablation.json"
SPACES = ("skip", "loop", "damped", "cola")
"""What chains may do; `damped` is there where the settings have a damping other than 1."""
_NEVER_SHORTER = ("loop", "damped")


@dataclass(frozen=True, slots=True)
class Ablation:
    """Studies of several spaces and their comparison.

    Attributes:
        out: the folder.
        run: what was asked for, and of what: run.json.
        studies: by space.
        figures: the comparison.
    """

    out: Path
    run: dict[str, Any]
    studies: dict[str, Study]
    figures: AblationFigures

    def to_json(self) -> Line:
        """What `skiploop ablate --json` prints: the figures, and where the studies are."""
        return self.figures.to_json() | {"out": str(self.out)}


def ablate(
    model: str | StudyModel = "nano",
    task: str | Task = "nano",
    *,
    out: str | Path | None = None,
    settings: StudySettings | None = None,
    execution: Execution | None = None,
    **changes: Any,
) -> Ablation:
    """Searches skip-only, loop-only, and with both, and compares what is found; what `skiploop ablate` calls.

    With a damping (`damping=(1, .5)`), damped loops alone are searched beside plain loops alone.

    Args:
        model: `nano`, the name or folder of a Hugging Face model, or a `LayeredModel`.
        task: a specification, or a task.
        out: the folder; by default one below `runs/`.
        settings: of each study; its space is ignored.
        execution: what evaluates, by default what `settings.engine` says, and what shows the progress.
        **changes: single fields of `settings`; and, where `task` is a specification, of `TaskOptions`.

    Raises:
        InvalidInput: for everything that is wrong with the arguments, before any work starts.
        UnsupportedModel: the model can't run chains exactly.
        Interrupted: on Ctrl-C; what was evaluated is kept.
    """
    pool = open_task(task, changes)
    settings, execution = (settings or StudySettings()).changed(**changes), execution or Execution()
    if out is not None:
        _check(Path(out))
    opened = open_model(model, settings.engine) if isinstance(model, str) else model
    pool = pool.for_model(opened.chat)
    run = _describe(opened, pool, settings, execution)
    place = _default_out(run) if out is None else Path(out)
    _check(place)
    write_run(place, run)
    studies = {}
    for space, own in by_space(settings).items():
        execution.progress("oracle accuracy").note(f"space {space} ...")
        studies[space] = search(opened, pool, out=place / space, settings=own, execution=execution)
    write_json(place / FILE, compare(studies).to_json())
    return load_ablation(place)


def by_space(settings: StudySettings) -> dict[str, StudySettings]:
    """The settings of each space's study."""
    dampings = tuple(each for each in settings.space.damping if each != 1)
    found = {
        "skip": settings.changed(space="skip", damping=(), cache_policy="own"),  # has no loops
        "loop": settings.changed(space="loop", damping=()),
        "damped": settings.changed(space="loop", damping=dampings),
        "cola": settings.changed(space="cola"),
    }
    return {name: each for name, each in found.items() if name != "damped" or dampings}


def load_ablation(path: str | Path) -> Ablation:
    """A finished ablation from its folder."""
    out = Path(path)
    run = read_run(out, KIND)
    if not (out / FILE).exists():
        raise InvalidInput(f"the ablation in {out} isn't finished; give its `skiploop ablate` command again to go on")
    figures = read_record(AblationFigures, out / FILE)
    studies = {space: load_study(out / space) for space in figures.spaces}
    return Ablation(out, run, studies, figures)


def _check(place: Path) -> None:
    check_place(place, KIND)
    for space in SPACES:
        check_place(place / space)


def _describe(model: StudyModel, pool: Task, settings: StudySettings, execution: Execution) -> Line:
    whole = settings.changed(space="cola")
    return describe(
        model, pool, whole.space.make(model.num_layers),
        kind=KIND, settings=whole.to_json(), engine=execution.engine_name(settings.engine),
    )  # fmt: skip


def _default_out(run: Line) -> Path:
    found = default_out(run)  # named after the searcher, as its studies would be
    return found.with_name(f"{KIND}-{found.name}")


def compare(studies: Mapping[str, Study], places: Mapping[str, str] | None = None) -> AblationFigures:
    """The comparison of finished studies over the same inputs.

    Args:
        studies: by space.
        places: where each of them is said to be; by default its folder.
    """
    results = {space: study.inputs for space, study in studies.items()}
    first = next(iter(studies.values()))
    names = [[result.example["id"] for result in each] for each in results.values()]
    if any(each != names[0] for each in names):
        raise InvalidInput("the studies have different inputs; make them with the same task, limit and seed")
    rows = list(zip(*results.values(), strict=True))
    outs = {space: str(study.out) for space, study in studies.items()} | dict(places or {})
    return AblationFigures(
        settings={name: value for name, value in first.run["settings"].items() if name != "space"},
        model=first.figures.model,
        task=first.figures.task,
        n=len(rows),
        base_differs=sum(len({result.base_right for result in row}) > 1 for row in rows),
        spaces={space: _of_space(outs[space], study.figures) for space, study in studies.items()},
        shares=tuple(each for measure in _MEASURES for each in _share_differences(measure, results)),
        excess=_excess_differences(results),
    )


def _of_space(out: str, figures: SearchFigures) -> SpaceFigures:
    random = figures.peers.get("random")
    return SpaceFigures(
        out,
        base_accuracy=figures.base_accuracy,
        oracle_accuracy=figures.oracle_accuracy,
        shorter_share=figures.shorter_share,
        corrected_share=figures.corrected_share,
        mean_best_depth=figures.mean_best_depth,
        excess=figures.control.excess,
        random_oracle_accuracy=None if random is None else random.oracle_accuracy,
        layer_calls=figures.layer_calls,
    )


# What is compared: of which inputs, and whether it holds for one.
_MEASURES: dict[str, tuple[Callable[[InputResult], bool], Callable[[InputResult], bool]]] = {
    "oracle_accuracy": (lambda result: True, lambda result: result.search.right),
    "corrected": (lambda result: not result.base_right, lambda result: result.search.right),
    "shorter": (lambda result: result.base_right, lambda result: result.transition() == "right_shorter"),
}
_Difference = TypeVar("_Difference", bound=SpaceDifference)


def _share_differences(measure: str, results: Mapping[str, Sequence[InputResult]]) -> tuple[ShareDifference, ...]:
    of, holds = _MEASURES[measure]
    spaces = [space for space in results if measure != "shorter" or space not in _NEVER_SHORTER]
    found = []
    for first, second in combinations(spaces, 2):
        pairs = [(a, b) for a, b in zip(results[first], results[second], strict=True) if of(a) and of(b)]
        counts = paired_counts([holds(a) for a, _ in pairs], [holds(b) for _, b in pairs])
        p = mcnemar(counts.first, counts.second) if pairs else None
        found.append(ShareDifference(first, second, measured_difference(counts), p, None, measure, counts))
    return _corrected(found)


def _excess_differences(results: Mapping[str, Sequence[InputResult]]) -> tuple[SpaceDifference, ...]:
    """On the inputs on which the control was run in both studies."""
    found = []
    for first, second in combinations(results, 2):
        gaps = [
            _surplus(a) - _surplus(b)
            for a, b in zip(results[first], results[second], strict=True)
            if "control" in a.arms and "control" in b.arms
        ]
        p = sign_flip_test(gaps) if gaps else None
        found.append(SpaceDifference(first, second, measured_mean(gaps), p, None))
    return _corrected(found)


def _corrected(differences: Sequence[_Difference]) -> tuple[_Difference, ...]:
    """With Holm's p over the pairs; a pair without inputs counts as one that shows nothing."""
    adjusted = holm([1.0 if each.p is None else each.p for each in differences])
    return tuple(
        each if each.p is None else replace(each, p_holm=p) for each, p in zip(differences, adjusted, strict=True)
    )


def _surplus(result: InputResult) -> int:
    return int(result.search.right) - int(result.arms["control"].right)
