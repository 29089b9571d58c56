"""What the analyses say, in a few plain lines each. No torch."""

from __future__ import annotations

from dataclasses import fields

from skiploop.analysis.figures import (
    AnalysisFigures,
    DifficultyFigures,
    EditFigures,
    LensFigures,
    RobustnessFigures,
    SimilarityFigures,
)
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
    corrected, shorter, counted = figures.corrected, figures.shorter, figures.counted
    return [
        f"corrected: {corrected.n} inputs, {corrected.one_edit} by one edit; "
        f"edits {number(corrected.edits, 1)}, in a minimal sufficient set {number(corrected.minimal, 1)}",
        f"  of chains with several edits: necessary {number(corrected.necessity)}, sufficient alone "
        f"{number(corrected.sufficiency)} (chains were found on the same inputs: no evidence of an effect)",
        f"shorter and right: {shorter.n} inputs, {shorter.one_edit} by one edit; of the others right with the "
        f"edit alone {number(shorter.alone)}, wrong without it {number(shorter.needed)}",
        f"over all {figures.n} inputs, {len(figures.effects)} single edits, corrected for their number: "
        f"help {', '.join(counted.helps) or 'none'}; hurt {', '.join(counted.hurts) or 'none'}",
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
        f"Block Influence and the drop when a layer is skipped: {prior.verdict} ({prior.reason})",
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
