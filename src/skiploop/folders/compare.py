"""Two runs compared input by input, where that makes sense: `skiploop compare RUN RUN`. No torch.

    found = compare("runs/cola", "runs/gp")
    found.figures["oracle accuracy"].difference       the second run less the first

Runs that can't be compared are refused, with the reason: of different kinds, judged differently, with other questions
under the same names, or, of oracle accuracies, which grow with what is spent, with other budgets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skiploop.analysis.ablation import Ablation
from skiploop.errors import InvalidInput
from skiploop.folders.full import FullStudy
from skiploop.folders.open import open_folder
from skiploop.stats.measured import Measured, measured_mean, measured_share
from skiploop.storage.files import Line
from skiploop.storage.records import as_json
from skiploop.studies.evaluate.study import Evaluated
from skiploop.studies.evaluate.work import HARNESS
from skiploop.studies.outcomes import Run, outcomes, questions
from skiploop.studies.paired import paired
from skiploop.studies.record import differing
from skiploop.studies.search import Study, load_study

_JUDGED = ("scoring", "metric", "max_new_tokens", "stop")  # of the task, in run.json


@dataclass(frozen=True, slots=True)
class ComparedFigure:
    """One figure of both runs, over the inputs that both have.

    Attributes:
        first, second: of the runs; shares have Wilson's interval, means of other numbers a bootstrap interval.
        difference: second less first, over the same inputs: of shares with Newcombe's paired interval, of other numbers
            with a bootstrap interval.
        mcnemar_p: of McNemar's exact test; None for what isn't right or wrong.
    """

    first: Measured
    second: Measured
    difference: Measured
    mcnemar_p: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs, paired.

    Attributes:
        first, second: their folders.
        kind: of both.
        inputs: in both runs.
        only_first, only_second: inputs that only one of them has, which are left out.
        settings: what is different in their run.json, as it is in the first and in the second.
        figures: by name.
    """

    first: str
    second: str
    kind: str
    inputs: int
    only_first: int
    only_second: int
    settings: dict[str, tuple[Any, Any]]
    figures: dict[str, ComparedFigure]

    def to_json(self) -> Line:
        """What `skiploop compare --json` prints."""
        line: Line = as_json(self)
        return line


def compare(first: str | Path, second: str | Path) -> Comparison:
    """Compares two finished runs of one kind, the second with the first.

    Args:
        first: folder of a search, of a search for a static chain, of an evaluation, or of a full study, whose search is
            taken.
        second: the same.

    Raises:
        InvalidInput: the runs can't be compared; the message says why.
    """
    runs = _opened(Path(first)), _opened(Path(second))
    reasons = list(_reasons(*runs))
    if reasons:
        raise InvalidInput(f"{first} and {second} can't be compared: {'; '.join(reasons)}")
    asked = [questions(run) for run in runs]
    shared = [name for name in asked[0] if name in asked[1]]
    return Comparison(
        str(first), str(second), runs[0].run["kind"], len(shared),
        only_first=len(asked[0]) - len(shared), only_second=len(asked[1]) - len(shared),
        settings=differing(runs[0].run, runs[1].run), figures=dict(_figures(*runs, shared)),
    )  # fmt: skip


def _opened(place: Path) -> Run:
    study = open_folder(place)
    if isinstance(study, FullStudy):
        study = load_study(place / "search")
    if isinstance(study, Ablation):
        raise InvalidInput(
            f"{place} holds an ablation, which is a comparison itself; give one of its studies, below it"
        )
    if isinstance(study, Study) and not study.complete:
        raise InvalidInput(f"the study in {study.out} isn't finished; give its command again to go on with it")
    return study


def _reasons(first: Run, second: Run) -> Iterator[str]:
    """Why they can't be compared; nothing where they can."""
    one, two = first.run, second.run
    if one["kind"] != two["kind"]:
        yield f"the first is of the kind {one['kind']}, the second {two['kind']}"
        return
    yield from _different(one["task"], two["task"], _JUDGED, "answers are judged differently")
    if isinstance(first, Study):
        yield from _different(
            one["settings"]["search"], two["settings"]["search"], ("budget",),
            "oracle accuracies grow with the evaluations per input",
        )  # fmt: skip
    if not isinstance(first, Evaluated):
        yield from _different(
            one["settings"]["controls"], two["settings"]["controls"], ("verify",),
            "in one of them right answers were run again, alone",
        )  # fmt: skip
    elif one["task"]["name"].startswith(HARNESS) or two["task"]["name"].startswith(HARNESS):
        yield from _different(one["task"], two["task"], ("name",), "the tasks are different")
        shots = ("shots", "include_path")
        yield from _different(one["settings"]["evaluate"], two["settings"]["evaluate"], shots, "prompts are different")
        yield from _different(one["versions"], two["versions"], ("lm-eval",), "the versions of the harness differ")
    else:
        yield from _different(one["task"], two["task"], ("fingerprint",), "the tasks aren't the same, prompts included")
    yield from _other_questions(questions(first), questions(second))


def _different(one: Mapping[str, Any], two: Mapping[str, Any], names: Sequence[str], why: str) -> Iterator[str]:
    found = [f"{name} {one.get(name)!r} and {two.get(name)!r}" for name in names if one.get(name) != two.get(name)]
    if found:
        yield f"{why} ({', '.join(found)})"


def _other_questions(one: Mapping[str, object], two: Mapping[str, object]) -> Iterator[str]:
    shared = [name for name in one if name in two]
    if not shared:
        yield "they have no input in common"
    other = [name for name in shared if one[name] != two[name]]
    if other:
        yield (
            f"{len(other)} inputs of the same name, such as {other[0]!r}, have another prompt or gold answer: other "
            "data, shots, or a chat template"
        )


def _figures(first: Run, second: Run, shared: Sequence[str]) -> Iterator[tuple[str, ComparedFigure]]:
    one, two = outcomes(first), outcomes(second)
    for name in one:
        if name in two:
            ids = [each for each in shared if each in one[name] and each in two[name]]
            yield name, _compared([one[name][each] for each in ids], [two[name][each] for each in ids])
    if isinstance(first, Study) and isinstance(second, Study) and first.inputs[0].depth == second.inputs[0].depth:
        depths = [
            {each.example["id"]: float(len(each.search.best[0])) for each in run.inputs} for run in (first, second)
        ]
        yield "mean depth of the best chain", _means(*([own[each] for each in shared] for own in depths))


def _compared(first: Sequence[float], second: Sequence[float]) -> ComparedFigure:
    if any(value not in (0, 1) for value in (*first, *second)):
        return _means(first, second)
    gap = paired([value == 1 for value in second], [value == 1 for value in first])
    one, two = (measured_share(int(sum(values)), len(values)) for values in (first, second))
    return ComparedFigure(one, two, gap.difference, gap.mcnemar_p)


def _means(first: Sequence[float], second: Sequence[float]) -> ComparedFigure:
    gaps = [b - a for a, b in zip(first, second, strict=True)]
    return ComparedFigure(measured_mean(first), measured_mean(second), measured_mean(gaps), None)
