"""What a report begins with: one conclusion, at most four sentences, and two pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from skiploop.analysis.usage import LayerRates, layer_rates
from skiploop.reporting.charts import Series, arms, skips_and_loops
from skiploop.reporting.parts import Figure
from skiploop.reporting.run_folder import RunFolder
from skiploop.reporting.sections.arms import arm_series, baselines, having, share
from skiploop.reporting.sections.static import accuracy_figure
from skiploop.reporting.sentences.controls import excess, options
from skiploop.reporting.sentences.reading import Conclusion, Reading
from skiploop.reporting.sentences.search import accuracies, lead
from skiploop.stats import numbers
from skiploop.stats.measured import measured_share
from skiploop.studies.search import Study

_SIZE = (4.7, 2.9)


@dataclass(frozen=True, slots=True)
class Answer:
    """The first half page.

    Attributes:
        conclusion: one sentence: was anything found beyond chance?
        sentences: at most four, with the figures behind it.
        limits: what the run doesn't show; folded on the page.
        figures: the accuracies, and which layers right chains skip or loop, where there is something to draw.
    """

    conclusion: str
    sentences: tuple[str, ...]
    limits: tuple[str, ...]
    figures: tuple[Figure, ...]


def answer(folder: RunFolder, reading: Reading) -> Answer:
    """The answer of a run, in short; `reading` has the conclusion and the limits."""
    conclusion = reading.conclusion
    if folder.static is not None:
        return Answer(conclusion.answer, reading.shows[:4], reading.limits, accuracy_figure(folder.static.figures))
    assert folder.study is not None, "a run is one or the other"
    if not folder.study.inputs:
        return Answer(conclusion.answer, (), reading.limits, ())
    sentences = _sentences(folder.study, conclusion)
    figures = (accuracy_dots(folder.study), *layer_figure(folder.study))
    return Answer(conclusion.answer, tuple(sentences)[:4], _limits(folder, reading), figures)


def _limits(folder: RunFolder, reading: Reading) -> tuple[str, ...]:
    """The limits without what the section of the moved options has as a table."""
    moved = folder.figures.options
    elsewhere = set() if moved is None else set(options(moved))
    return tuple(line for line in reading.limits if line not in elsewhere)


def _sentences(study: Study, conclusion: Conclusion) -> Iterator[str]:
    figures = study.figures
    yield accuracies(figures)
    if conclusion.against is None:
        yield from lead(figures)
    yield from excess(figures.control)
    yield from conclusion.rest


# Pictures


def accuracy_dots(study: Study) -> Figure:
    """The identity, the search, the baselines and the control, with their intervals."""
    inputs = study.inputs
    identity = measured_share(sum(each.base_right for each in inputs), len(inputs))
    shown = ("search", *baselines(inputs))
    panels = {
        f"all {len(inputs)} inputs": [
            Series("identity (accuracy)", "ink", (identity,)),
            *(arm_series(arm, (share(inputs, arm),)) for arm in shown),
        ]
    }
    control = having(inputs, "control")
    if control:
        title = f"{numbers.plural(len(control), 'input')} of the control: target hit"
        panels[title] = [arm_series(arm, (share(control, arm),)) for arm in (*shown, "control")]
    rows = sum(map(len, panels.values()))
    return Figure(
        "headline",
        "Accuracy of the identity, oracle accuracy of each arm. Only where the search lies clear of the control do "
        "chains find the right answer rather than any answer. All intervals in this report are of 95 %.",
        "Dots with intervals: accuracy of the identity, oracle accuracy of search and baselines, hits of the control.",
        arms(panels),
        (_SIZE[0], 0.75 + 0.24 * rows + 0.15 * len(panels)),
    )


def layer_figure(study: Study) -> tuple[Figure, ...]:
    """Which layers right chains skip and loop; nothing where no chain but the identity is right."""
    if not any(each.search.right_chains for each in study.inputs if each.search.right):
        return ()
    rates = layer_rates(study)
    return (
        Figure(
            "layers",
            f"Layers that right chains of the search loop (up) and skip (down), over "
            f"{numbers.plural(rates.skip[0].right.count, 'input')}, beside all chains that it tried.",
            "Bars over the layers: share of right chains that run each layer more than once, and that leave it out.",
            skips_and_loops(_pair(rates, "skip"), _pair(rates, "loop")),
            _SIZE,
        ),
    )


def _pair(rates: LayerRates, kind: str) -> tuple[Series, Series]:
    found = rates.skip if kind == "skip" else rates.loop
    name = "skipped" if kind == "skip" else "looped"
    return (
        Series(name, kind, tuple(each.right for each in found)),
        Series("all chains tried", "evaluated", tuple(each.evaluated for each in found)),
    )
