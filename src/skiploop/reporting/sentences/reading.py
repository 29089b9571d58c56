"""Which sentences sum up a run, for its report, and a study, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from skiploop.folders.full import PartFigures, PartState
from skiploop.reporting.run_folder import RunFolder
from skiploop.reporting.sentences import ablation, analyses, controls, search, static
from skiploop.storage.files import Line
from skiploop.studies.figures import SearchFigures
from skiploop.studies.search import Study

NOTHING = "Nothing has been evaluated yet."
MOST = 6  # sentences below a table


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a run comes to.

    Attributes:
        answer: was anything found beyond chance? For static chains: is one more accurate than the identity?
        against: what finds right answers without a search, and isn't shown to find fewer; None where nothing does.
        static: what the static chain beside the search is worth; None without one.
    """

    answer: str
    against: str | None = None
    static: str | None = None

    @property
    def rest(self) -> tuple[str, ...]:
        """What qualifies the answer."""
        return tuple(line for line in (self.against, self.static) if line is not None)

    def __str__(self) -> str:
        return " ".join((self.answer, *self.rest))


@dataclass(frozen=True, slots=True)
class Reading:
    """The plain-language summary of a run.

    Attributes:
        conclusion: what it comes to.
        shows: what the figures say.
        limits: what they don't say.
    """

    conclusion: Conclusion
    shows: tuple[str, ...]
    limits: tuple[str, ...]

    def to_json(self) -> Line:
        """Ready for JSON; the conclusion as one text."""
        return {"verdict": str(self.conclusion), "shows": list(self.shows), "limits": list(self.limits)}


# For a terminal


def search_reading(figures: SearchFigures) -> list[str]:
    """A search in at most six sentences."""
    if not figures.inputs:
        return [NOTHING]
    lines = (
        search.accuracies(figures),
        search.oracle(figures),
        *search.lead(figures),
        *controls.excess(figures.control),
        *search.repaired(figures.format),
        search.reruns(figures),
    )
    return list(lines[:MOST])


def full_reading(parts: PartFigures) -> list[str]:
    """A full study in at most six sentences; its report has the others."""
    return list(islice(_of_parts(parts), MOST))


def _of_parts(parts: PartFigures) -> Iterator[str]:
    if parts.static is not None:
        yield static.conclusion(parts.static)
        yield from static.equal_accuracy(parts.static)
        yield from static.on_other_inputs(parts.static)
    if parts.sampling is not None:
        yield from islice(controls.votes(parts.sampling), 1)
    if parts.search is not None:
        yield from controls.excess(parts.search.control)
        yield from search.lead(parts.search)
    if parts.sampling is not None:
        yield from controls.any_sample(parts.sampling)
    if parts.search is not None:
        yield search.oracle(parts.search)


# For a report


def read_run_out(folder: RunFolder) -> Reading:
    """The reading of either kind of run."""
    if folder.static is not None:
        figures = folder.static.figures
        return Reading(Conclusion(static.conclusion(figures)), tuple(static.shows(figures)), static.limits(figures))
    assert folder.study is not None, "a run is one or the other"
    if not folder.study.figures.inputs:
        return Reading(Conclusion(NOTHING), (), ())
    return Reading(_conclusion(folder), tuple(_shows(folder)), tuple(_limits(folder, folder.study)))


def _conclusion(folder: RunFolder) -> Conclusion:
    """The conclusion of the search, what stands against it, and the static chain."""
    parts, figures = folder.figures, _search(folder)
    return Conclusion(
        search.conclusion(figures),
        _against(parts) if controls.beyond_chance(figures.control) else None,
        None if parts.static is None else static.conclusion(parts.static),
    )


def _against(parts: PartFigures) -> str | None:
    """What finds right answers without a search, and isn't shown to find fewer."""
    beside = None if parts.sampling is None else parts.sampling.beside_search
    nearby = None if parts.search is None else parts.search.peers.get("nearby")
    gaps = {
        "samples of the identity": None if beside is None else beside.search_minus_any.difference,
        "nearby chains": None if nearby is None else nearby.difference.difference,
    }
    intervals = {name: gap.interval for name, gap in gaps.items() if gap is not None and gap.interval is not None}
    better = [name for name, (_, high) in intervals.items() if high < 0]
    equal = [name for name, (low, high) in intervals.items() if low <= 0 <= high]
    said = [
        *([f"{' and '.join(better)} are right on more inputs"] if better else []),
        *([f"{' and '.join(equal)} are not shown to do worse"] if equal else []),
    ]
    return f"But at the same cost, {', and '.join(said)}." if said else None


def _shows(folder: RunFolder) -> Iterator[str]:
    parts, figures = folder.figures, _search(folder)
    yield from controls.excess(figures.control)
    yield from controls.reached(figures.control)
    yield search.accuracies(figures)
    yield from search.by_metric(figures)
    yield from search.lead(figures)
    yield from search.at_equal_evaluations(figures)
    if parts.static is not None:
        yield static.conclusion(parts.static)
        yield from static.equal_accuracy(parts.static)
        yield from static.on_other_inputs(parts.static)
    if parts.sampling is not None:
        yield from controls.any_sample(parts.sampling)
        yield from controls.votes(parts.sampling)
    if parts.ablation is not None:
        yield from ablation.oracle_accuracy(parts.ablation)
    yield from analyses.study_lines(parts.analyses)
    yield from search.shorter(figures)


def _limits(folder: RunFolder, study: Study) -> Iterator[str]:
    parts, figures = folder.figures, study.figures
    if not study.complete:
        yield "The study isn't complete: all figures are of what was evaluated so far."
    yield f"{search.oracle(figures)} This study doesn't say which chain to run on a new input."
    if parts.options is not None:
        yield from controls.options(parts.options)
    if parts.sampling is not None:
        yield from controls.sampling_limits(parts.sampling)
    if missing := [_missing(state) for name, state in folder.states.items() if _is_missing(name, state)]:
        yield f"Not in this study: {'; '.join(missing)}."
    yield from controls.near_misses(figures.control)
    yield from search.weak_baseline(figures)
    yield from search.prior(figures)
    yield search.reruns(figures)
    yield search.unreadable(figures, options_moved=parts.options is not None)
    yield from search.few(figures)
    yield search.budget()


def _search(folder: RunFolder) -> SearchFigures:
    assert folder.study is not None, "the run has chains for each input"
    return folder.study.figures


def _is_missing(name: str, state: PartState) -> bool:
    return state.status != "complete" and name != "report"


def _missing(state: PartState) -> str:
    return f"{state.title} ({state.status}{'' if state.reason is None else f': {state.reason}'})"
