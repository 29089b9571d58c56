"""Skip-only, loop-only and both: the same search in three spaces, compared input by input (CoLa, arXiv 2507.07996).

    found = ablate("nano", "nano", out="runs/ablation", budget=100)
    found.table["comparisons"]

Three studies in `OUT/skip`, `OUT/loop` and `OUT/cola` with the same inputs, seeds and budget. Each is a study like any
other: it can be shown, analysed, and is resumed when the same call is made again. The spaces differ in size and in
depth, so that equal budgets aren't equal cost; `layer_calls` has that.

`ablation.json`:

    version, name, settings (of the studies, without the space), model, task, n (inputs)
    base_differs   inputs on which the identities of the three studies disagree (0, unless rounding flips a verdict)
    spaces         {skip, loop, cola: {out, base_accuracy, oracle_accuracy, shorter_share, corrected_share,
                   mean_best_depth, excess, random_oracle_accuracy, layer_calls}}: each {n, value, interval} but
                   mean_best_depth and layer_calls; random_oracle_accuracy null without random chains
    comparisons    [{first, second, measure, n, both, only_first, only_second, difference, interval, p, p_holm}] for
                   the measures oracle_accuracy (all inputs), corrected (inputs that the identity gets wrong), shorter
                   (those that it gets right): Newcombe's interval, McNemar's exact test, Holm over the three
                   pairs of a measure; shorter without loop, whose chains never are. And excess {n, difference,
                   interval, p, p_holm}: a paired bootstrap with a sign-flip test, which is the better guide where
                   inputs are few

All of these but base_accuracy need the gold answer. None is an accuracy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from skiploop.errors import InvalidInput
from skiploop.stats.bootstrap import sign_flip_test
from skiploop.stats.measured import measured_mean
from skiploop.stats.shares import holm, mcnemar, newcombe_paired, paired_counts
from skiploop.storage.files import Line, write_json
from skiploop.storage.records import as_json
from skiploop.studies.execution import Execution
from skiploop.studies.figures import SearchFigures
from skiploop.studies.folder import check_place
from skiploop.studies.opening import StudyModel, open_model, open_task
from skiploop.studies.record import default_out, describe
from skiploop.studies.results import InputResult
from skiploop.studies.search import Study, search
from skiploop.studies.settings import StudySettings
from skiploop.tasks import Task

VERSION = 1
SPACES = ("skip", "loop", "cola")


@dataclass(frozen=True, slots=True)
class Ablation:
    """Three studies and their comparison.

    Attributes:
        out: the folder.
        studies: by space.
        table: what ablation.json has.
    """

    out: Path
    studies: dict[str, Study]
    table: dict[str, Any]


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
    place = Path(out) if out is not None else _place(opened, pool, settings)
    _check(place)
    studies = {}
    for space in SPACES:
        execution.progress("oracle accuracy").note(f"space {space} ...")
        own = settings.changed(space=space)
        studies[space] = search(opened, pool, out=place / space, settings=own, execution=execution)
    table = compare(studies)
    write_json(place / "ablation.json", table)
    return Ablation(place, studies, table)


def _check(place: Path) -> None:
    if (place / "run.json").exists():
        raise InvalidInput(f"--out {place} holds a study; an ablation has three, in a folder of its own")
    for space in SPACES:
        check_place(place / space)


def _place(model: StudyModel, pool: Task, settings: StudySettings) -> Path:
    both = settings.changed(space="cola")
    space = both.space.make(model.num_layers)
    run = describe(model, pool, space, kind="ablation", settings=both.to_json(), engine="")
    found = default_out(run)
    return found.with_name(f"ablation-{found.name}")


def compare(studies: dict[str, Study]) -> dict[str, Any]:
    """The comparison of finished studies over the same inputs, by space."""
    results = {space: study.inputs for space, study in studies.items()}
    first = next(iter(studies.values()))
    names = [[result.example["id"] for result in each] for each in results.values()]
    if any(each != names[0] for each in names):
        raise InvalidInput("the studies have different inputs; make them with the same task, limit and seed")
    rows = list(zip(*results.values(), strict=True))
    comparisons = [line for measure in _MEASURES for line in _comparisons(measure, results)]
    return {
        "version": VERSION,
        "name": "ablation",
        "settings": {name: value for name, value in first.run["settings"].items() if name != "space"},
        "model": first.figures.model,
        "task": first.figures.task,
        "n": len(rows),
        "base_differs": sum(len({result.base_right for result in row}) > 1 for row in rows),
        "spaces": {space: {"out": str(study.out)} | _of_space(study.figures) for space, study in studies.items()},
        "comparisons": [*comparisons, *_excess(results)],
    }


def _of_space(figures: SearchFigures) -> Line:
    random = figures.peers.get("random")
    line: Line = as_json(
        {
            "base_accuracy": figures.base_accuracy,
            "oracle_accuracy": figures.oracle_accuracy,
            "shorter_share": figures.shorter_share,
            "corrected_share": figures.corrected_share,
            "mean_best_depth": figures.mean_best_depth,
            "excess": figures.control.excess,
            "random_oracle_accuracy": None if random is None else random.oracle_accuracy,
            "layer_calls": figures.layer_calls,
        }
    )
    return line


# What is compared: of which inputs, and whether it holds for one.
_MEASURES: dict[str, tuple[Callable[[InputResult], bool], Callable[[InputResult], bool]]] = {
    "oracle_accuracy": (lambda result: True, lambda result: result.search.right),
    "corrected": (lambda result: not result.base_right, lambda result: result.search.right),
    "shorter": (lambda result: result.base_right, lambda result: result.transition() == "right_shorter"),
}


def _comparisons(measure: str, results: dict[str, tuple[InputResult, ...]]) -> list[dict[str, Any]]:
    of, holds = _MEASURES[measure]
    lines: list[dict[str, Any]] = []
    p_values = []
    for first, second in combinations([space for space in results if (measure, space) != ("shorter", "loop")], 2):
        pairs = [(a, b) for a, b in zip(results[first], results[second], strict=True) if of(a) and of(b)]
        counts = paired_counts([holds(a) for a, _ in pairs], [holds(b) for _, b in pairs])
        interval = newcombe_paired(*counts)
        p_values.append(mcnemar(counts.first, counts.second))
        lines.append(
            {
                "first": first,
                "second": second,
                "measure": measure,
                "n": len(pairs),
                "both": counts.both,
                "only_first": counts.first,
                "only_second": counts.second,
                "difference": (counts.first - counts.second) / len(pairs) if pairs else None,
                "interval": None if interval is None else list(interval),
                "p": p_values[-1] if pairs else None,
            }
        )
    adjusted = holm(p_values)
    return [line | {"p_holm": p if line["n"] else None} for line, p in zip(lines, adjusted, strict=True)]


def _excess(results: dict[str, tuple[InputResult, ...]]) -> list[dict[str, Any]]:
    """Differences of the excess over the lottery control, on the inputs that have one in both studies."""
    lines: list[dict[str, Any]] = []
    p_values = []
    for first, second in combinations(results, 2):
        pairs = [
            _surplus(a) - _surplus(b)
            for a, b in zip(results[first], results[second], strict=True)
            if "control" in a.arms and "control" in b.arms
        ]
        excess = measured_mean(pairs).to_json()
        p_values.append(sign_flip_test(pairs) if pairs else 1.0)
        about: dict[str, Any] = {"first": first, "second": second, "measure": "excess", "n": len(pairs)}
        lines.append(about | {"difference": excess["value"], "interval": excess["interval"], "p": p_values[-1]})
    return [line | {"p_holm": p} for line, p in zip(lines, holm(p_values), strict=True)]


def _surplus(result: InputResult) -> int:
    return int(result.search.right) - int(result.arms["control"].right)


def reading(table: dict[str, Any]) -> Sequence[str]:
    """The comparison in plain lines."""
    lines = []
    for space, row in table["spaces"].items():
        low, high = row["oracle_accuracy"]["interval"]
        excess = "-" if row["excess"]["value"] is None else f"{100 * row['excess']['value']:+.1f}"
        lines.append(
            f"{space:<5} oracle accuracy {100 * row['oracle_accuracy']['value']:.1f} % "
            f"(95 %: {100 * low:.0f} to {100 * high:.0f}), excess over the control {excess} points, "
            f"mean best depth {row['mean_best_depth']:.1f}, {row['layer_calls']:,} layer calls"
        )
    for line in table["comparisons"]:
        if line["difference"] is None:
            continue
        interval = line["interval"]
        text = "" if interval is None else f" (95 %: {100 * interval[0]:+.1f} to {100 * interval[1]:+.1f})"
        p = "" if line["p_holm"] is None else f", p {line['p']:.3f}, Holm {line['p_holm']:.3f}"
        lines.append(
            f"{line['first']} less {line['second']}, {line['measure'].replace('_', ' ')}, {line['n']} inputs: "
            f"{100 * line['difference']:+.1f} points{text}{p}"
        )
    if table["base_differs"]:
        lines.append(
            f"The identity's verdict differs between the studies on {table['base_differs']} inputs (rounding)."
        )
    return lines
