"""What the analyses say. `reading` has all sentences of one analysis, as `skiploop analyze` prints them; those of the
public functions also stand in the report of a study."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from skiploop.analysis.figures.analyses import Analyses, AnalysisFigures
from skiploop.analysis.figures.difficulty import DifficultyFigures
from skiploop.analysis.figures.edits import EditFigures
from skiploop.analysis.figures.lens import LensFigures
from skiploop.analysis.figures.robustness import RobustnessFigures
from skiploop.analysis.figures.similarity import SimilarityFigures
from skiploop.reporting import numbers
from skiploop.stats.measured import Measured


def reading(figures: AnalysisFigures) -> list[str]:
    """The lines for one result."""
    match figures:
        case DifficultyFigures():
            return _difficulty(figures)
        case EditFigures():
            return _edits(figures)
        case RobustnessFigures():
            return _robustness(figures)
        case SimilarityFigures():
            return _similarity(figures)
        case LensFigures():
            return _lens(figures)


def study_lines(analyses: Analyses) -> Iterator[str]:
    """What the analyses of a study say to somebody who reads nothing else."""
    if analyses.edits is not None:
        yield edit_effects(analyses.edits)
    if analyses.difficulty is not None:
        yield from difficulty_repeats(analyses.difficulty)
    if analyses.robustness is not None:
        yield from neighbours(analyses.robustness)
    if analyses.similarity is not None:
        if not analyses.similarity.phases.clear:
            yield "The layers' outputs show no phases beyond an uneven drift from layer to layer."
        yield influence_prior(analyses.similarity)


def edit_effects(figures: EditFigures) -> str:
    """Which single edits help or hurt over inputs."""
    helps, hurts = (", ".join(edits) for edits in (figures.counted.helps, figures.counted.hurts))
    tried = f"{len(figures.effects)} single edits, tried on all {numbers.plural(figures.n, 'input')}"
    helping = f"these are shown to help: {helps}" if helps else "none is shown to help"
    hurting = f"{len(figures.counted.hurts)} hurt ({hurts})" if hurts else "none is shown to hurt"
    return f"Of {tried}, {helping}; {hurting}."


def difficulty_repeats(figures: DifficultyFigures) -> Iterator[str]:
    """Whether the evaluations that an input needs measure the input."""
    group = figures.groups.found
    if group.retest.interval is not None:
        usable = "good enough" if group.retest.reliable else "too rough"
        yield (
            "The number of evaluations until some chain is right correlates between two seeds with rho "
            f"{numbers.figure_of(group.retest)}, over {numbers.plural(group.evaluations.count, 'input')} that the "
            f"identity gets wrong and some chain right: {usable} as a measure of one input."
        )


def neighbours(figures: RobustnessFigures) -> Iterator[str]:
    """Whether right chains have right neighbours."""
    own, minus = figures.found_corrected.reward, figures.differences.found_identity
    if own.value is not None:
        less = "" if minus.interval is None else f"; less those of the identity: {numbers.points_of(minus)}"
        yield f"Of the neighbours of a chain that corrects an input, {numbers.share_of(own)} are also right{less}."


def influence_prior(figures: SimilarityFigures) -> str:
    """Whether Block Influence may guide a search on this model and task."""
    may = "is refused" if figures.prior.verdict == "refused" else "may be used"
    return (
        f"Block Influence, how much a layer turns its input, {may} as a prior of which single layer can be skipped "
        f"({numbers.proper(figures.prior.reason)})."
    )


def number(figure: Measured, digits: int = 2) -> str:
    """A figure with its interval, for people."""
    if figure.value is None:
        return "- (undefined)"
    text = f"{figure.value:.{digits}f}"
    if figure.interval is None:
        return f"{text} (n {figure.count})"
    low, high = figure.interval
    return f"{text} (95 %: {low:.{digits}f} to {high:.{digits}f}, n {figure.count})"


def _difficulty(figures: DifficultyFigures) -> list[str]:
    groups = figures.groups
    lines = []
    for name, group in (
        ("all inputs", groups.all), ("identity wrong", groups.base_wrong), ("wrong, a chain found", groups.found)
    ):  # fmt: skip
        lines.append(
            f"{name}: mean evaluations to the first success {number(group.evaluations, 1)}, censored at "
            f"{figures.budget}: {number(group.censored)}"
        )
        if group is not groups.all:
            lines.append(
                f"  retest {number(group.retest)}, of the mean of {figures.settings.seeds} seeds "
                f"{number(group.spearman_brown)}; with the level {number(group.level)}"
            )
    return lines


def _edits(figures: EditFigures) -> list[str]:
    corrected, shorter = figures.corrected, figures.shorter
    return [
        f"corrected: {corrected.n} inputs, {corrected.one_edit} by one edit; "
        f"edits {number(corrected.edits, 1)}, in a minimal sufficient set {number(corrected.minimal, 1)}",
        f"  of chains with several edits: necessary {number(corrected.necessity)}, sufficient alone "
        f"{number(corrected.sufficiency)} (chains were found on the same inputs: no evidence of an effect)",
        f"shorter and right: {shorter.n} inputs, {shorter.one_edit} by one edit; of the others right with the "
        f"edit alone {number(shorter.alone)}, wrong without it {number(shorter.needed)}",
        edit_effects(figures),
    ]


def _robustness(figures: RobustnessFigures) -> list[str]:
    groups = (
        ("best chains, corrected inputs", figures.best_corrected),
        ("any right chain of the search, corrected inputs", figures.found_corrected),
        ("best chains, right inputs", figures.best_shorter),
        ("random right chains", figures.random),
        ("identity, right inputs", figures.identity_right),
        ("identity, corrected inputs", figures.identity_corrected),
    )
    differences = (
        ("best less random", figures.differences.best_random),
        ("found less random", figures.differences.found_random),
        ("found less identity", figures.differences.found_identity),
    )
    return [
        *(
            f"{text}: mean reward of neighbours {number(group.reward)}, of random chains "
            f"{number(group.chance)}, depth {group.depth:.1f}"
            for text, group in groups
            if group.depth is not None
        ),
        *(f"{text}, same inputs: {number(figure)}" for text, figure in differences),
    ]


def _similarity(figures: SimilarityFigures) -> list[str]:
    phases, prior = figures.phases, figures.prior
    listed = ", ".join(f"{first}-{last}" for first, last in phases.phases)
    return [
        f"phases {listed}: {'more' if phases.clear else 'no more'} than an uneven drift from layer to layer "
        f"(gain {number(phases.gain)}, drift reaches {phases.reference:.2f})",
        influence_prior(figures),
        f"  with the drop of the reward: {number(prior.reward)}",
    ]


def _lens(figures: LensFigures) -> list[str]:
    lines = []
    for field in fields(figures.groups):
        group = getattr(figures.groups, field.name)
        if group.n:
            lines.append(
                f"{field.name.replace('_', ' ')}: {group.n} inputs, turn at {number(group.turn)} of the chain; "
                f"at its end p(gold) {number(group.curves.gold_probability[-1])}, rank of gold "
                f"{number(group.curves.gold_rank[-1])}"
            )
    lines.append(f"turn of the best chain less that of the identity, corrected: {number(figures.turn_difference)}")
    for row in figures.letters or ():
        low, high = row.difference.interval or (0.0, 0.0)
        lines.append(
            f"option {row.letter}: chosen {row.predicted:.2f}, right {row.gold:.2f}, difference "
            f"{row.difference.value or 0:+.2f} (95 %: {low:+.2f} to {high:+.2f})"
        )
    return lines
