"""What the analyses say. `reading` has all sentences of one analysis, as `skiploop analyze` prints them; those of the
public functions also stand in the report of a study."""

from __future__ import annotations

from collections.abc import Iterator

from skiploop.analysis.figures.analyses import Analyses, AnalysisFigures
from skiploop.analysis.figures.difficulty import DifficultyFigures
from skiploop.analysis.figures.edits import EditFigures
from skiploop.analysis.figures.lens import LensFigures
from skiploop.analysis.figures.robustness import RobustnessFigures
from skiploop.analysis.figures.similarity import SimilarityFigures
from skiploop.reporting.names import CHAIN_NAMES, LENS_NAMES, PAIR_NAMES
from skiploop.stats import numbers


def study_lines(analyses: Analyses) -> Iterator[str]:
    """What the analyses of a study say to somebody who reads nothing else."""
    if analyses.edits is not None:
        yield edit_effects(analyses.edits)
        yield from damped_loops(analyses.edits)
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


def damped_loops(figures: EditFigures) -> Iterator[str]:
    """Damped loops of one layer against plain ones."""
    for each in figures.damped:
        low, high = numbers.ends(each)
        said = "is right more often than" if low > 0 else (
            "is right less often than" if high < 0 else "isn't shown to differ from"
        )  # fmt: skip
        yield (
            f"A loop of one layer damped by {each.kind.partition('~')[2]} {said} the plain loop, over "
            f"{numbers.plural(each.layers, 'layer')} and {numbers.plural(each.count, 'input')}: "
            f"{numbers.points_of(each)}."
        )


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


def phases(figures: SimilarityFigures) -> str:
    """Whether layers fall into phases."""
    found = figures.phases
    blocks = ", ".join(f"{first}-{last}" if first != last else str(first) for first, last in found.phases)
    shown = "more than" if found.clear else "no more than"
    drift = numbers.value(found.reference, "fine")
    return (
        f"The best cut of the layers into phases is {blocks}, with a gain of {numbers.figure_of(found.gain, 3)}: "
        f"{shown} the {drift} that uneven drift alone reaches."
    )


def reading(figures: AnalysisFigures) -> list[str]:
    """All sentences of one analysis."""
    match figures:
        case DifficultyFigures():
            return list(_difficulty(figures))
        case EditFigures():
            return list(_edits(figures))
        case RobustnessFigures():
            return list(_robustness(figures))
        case SimilarityFigures():
            return list(_similarity(figures))
        case LensFigures():
            return list(_lens(figures))


def _difficulty(figures: DifficultyFigures) -> Iterator[str]:
    groups, seeds = figures.groups, figures.settings.seeds
    for which, group in (
        ("all inputs", groups.all),
        ("inputs that the identity gets wrong", groups.base_wrong),
        ("those for which some seed found a right chain", groups.found),
    ):
        yield (
            f"Over {which} ({group.evaluations.count}), it takes {numbers.figure_of(group.evaluations, 1)} evaluations "
            f"on average until some chain is right; {numbers.share_of(group.censored)} of the searches found none "
            f"within {figures.budget}."
        )
        if group is not groups.all and group.retest.value is not None:
            yield (
                f"There, two seeds agree with rho {numbers.figure_of(group.retest)}, and the mean of {seeds} seeds is "
                f"reliable to {numbers.figure_of(group.spearman_brown)}; rho with the task's level is "
                f"{numbers.figure_of(group.level)}."
            )


def _edits(figures: EditFigures) -> Iterator[str]:
    corrected, shorter = figures.corrected, figures.shorter
    yield edit_effects(figures)
    yield from damped_loops(figures)
    if corrected.n:
        inputs = f"{numbers.plural(corrected.n, 'input')} {'was' if corrected.n == 1 else 'were'} corrected"
        yield (
            f"{inputs}, {corrected.one_edit} by a single edit. A chain has {numbers.figure_of(corrected.edits, 1)} "
            f"edits on average, a minimal sufficient set {numbers.figure_of(corrected.minimal, 1)}."
        )
    if corrected.necessity.value is not None:
        yield (
            f"Of the edits of correcting chains that have several, {numbers.share_of(corrected.necessity)} are "
            f"necessary and {numbers.share_of(corrected.sufficiency)} are sufficient alone. The chains were chosen on "
            "the same inputs, so this is no evidence that an edit helps."
        )
    if shorter.n:
        yield (
            f"For {numbers.plural(shorter.n, 'input')} that the identity gets right a shorter chain is right, too, for "
            f"{shorter.one_edit} with a single edit."
        )
    if shorter.alone.value is not None:
        yield (
            f"Of the edits of such chains that have several, {numbers.share_of(shorter.alone)} are right alone, and "
            f"without {numbers.share_of(shorter.needed)} of them the answer is wrong."
        )


def _robustness(figures: RobustnessFigures) -> Iterator[str]:
    for name, title in CHAIN_NAMES.items():
        group = getattr(figures, name)
        if group.depth is not None:
            beside = "" if group.chance.value is None else f"; of random chains, {numbers.share_of(group.chance)}"
            yield (
                f"Of the neighbours of {title} ({group.reward.count}, mean depth {group.depth:.1f}), "
                f"{numbers.share_of(group.reward)} are right{beside}."
            )
    for name, title in PAIR_NAMES.items():
        gap = getattr(figures.differences, name)
        if gap.value is not None:
            yield f"Share of right neighbours on the same inputs, {title}: {numbers.points_of(gap)}."


def _similarity(figures: SimilarityFigures) -> Iterator[str]:
    yield phases(figures)
    yield influence_prior(figures)
    if figures.prior.reward.value is not None:
        yield (
            "With the drop of the reward when a layer is skipped, Block Influence correlates with rho "
            f"{numbers.figure_of(figures.prior.reward)}."
        )


def _lens(figures: LensFigures) -> Iterator[str]:
    for name, title in LENS_NAMES.items():
        group = getattr(figures.groups, name)
        if group.n:
            gold, rank = group.curves.gold_probability[-1], group.curves.gold_rank[-1]
            yield (
                f"Under {title} ({numbers.plural(group.n, 'input')}), the most likely token stays the same from "
                f"{numbers.figure_of(group.turn)} of the chain on; at its end the gold token has probability "
                f"{numbers.figure_of(gold)} and rank {numbers.figure_of(rank, 1)}."
            )
    if figures.turn_difference.value is not None:
        yield (
            "On corrected inputs, the turn of the best chain less that of the identity is "
            f"{numbers.figure_of(figures.turn_difference)}."
        )
    for row in figures.letters or ():
        yield (
            f"Option {row.letter} is chosen on {numbers.share(row.predicted)} of the inputs and right on "
            f"{numbers.share(row.gold)}: {numbers.points_of(row.difference)}."
        )
