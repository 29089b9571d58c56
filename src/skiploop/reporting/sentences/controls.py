"""What a full study shows and what it doesn't, in sentences: for the terminal and for the report. No torch.

Each sentence says what an interval shows, or that it isn't shown. `full_reading` takes the figures of the
parts, as `skiploop.studies.full_record.FullStudy.parts` has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from skiploop.reporting.terminal import ends, percent
from skiploop.stats.measured import Measured
from skiploop.storage.files import Line
from skiploop.studies.controls.rotation_figures import RotationFigures
from skiploop.studies.controls.sampling_figures import SamplingFigures
from skiploop.studies.figures import SearchFigures
from skiploop.studies.full_record import PartFigures
from skiploop.studies.static.figures import StaticFigures


def full_reading(parts: PartFigures) -> list[str]:
    """What is shown, and what isn't."""
    return [
        *accuracy_lines(parts),
        *(() if parts.sampling is None else _cost(parts.sampling)),
        *oracle_lines(parts),
        *(() if parts.options is None else option_lines(parts.options)),
        *(() if parts.ablation is None else ablation_lines(parts.ablation)),
        *analysis_lines(parts.analyses or {}),
        "No router was tested here: the oracle figures say what chains exist, not that one can be picked.",
    ]


def accuracy_lines(parts: PartFigures) -> Iterator[str]:
    """The static chain and the vote, which need no gold answer."""
    if parts.static is not None:
        yield _static(parts.static)
    if parts.sampling is not None:
        yield from _sampling(parts.sampling)


def oracle_lines(parts: PartFigures) -> Iterator[str]:
    """The search beside its peers, the control and as many samples."""
    if parts.search is not None:
        yield from peer_lines(parts.search)
        yield from _excess(parts.search)
        yield from _format(parts.search)
    yield from any_lines(parts)


def any_lines(parts: PartFigures) -> Iterator[str]:
    """The search beside any of as many samples."""
    beside = None if parts.sampling is None else parts.sampling.beside_search
    if beside is not None:
        figure = beside.search_minus_any.difference
        what = f"than any of as many sampled answers as the same layer calls pay for ({_points(figure)})"
        yield _said(figure, f"The search finds a right answer oftener {what}", what, "search")


def beside_samples(figures: SamplingFigures) -> int:
    """The number of samples that stand beside the search."""
    own = figures.budgets["search"].any
    return 0 if own is None else own.samples


def _static(figures: StaticFigures) -> str:
    row = figures.chosen["search"]
    if row.minus_identity is None:
        return "Static chain: none of the chains tried was better than the identity on training inputs."
    return _compared("The static chain", "the identity", row.minus_identity.difference) + (
        f", at {row.depth} layer calls instead of {figures.chosen['identity'].depth}."
    )


def _sampling(figures: SamplingFigures) -> Iterator[str]:
    if figures.single_pass:
        yield (
            "Options are scored here: samples are draws from one softmax, so their vote tends to the identity's own "
            "choice, and any of them is a lottery."
        )
    vote = figures.budgets["search"].vote
    if vote is not None:
        yield _compared(f"The vote of {vote.samples} samples", "the identity", vote.minus_identity.difference) + "."
        if vote.minus_static is not None and vote.minus_static != vote.minus_identity:  # else it is the identity
            yield _compared("That vote", "the static chain", vote.minus_static.difference) + (
                f"; it costs {(vote.samples + 1) * figures.num_layers} layer calls."
            )
    if figures.capped:
        yield f"At most {figures.samples} samples were drawn, fewer than the budget of the search pays for."


def _cost(figures: SamplingFigures) -> Iterator[str]:
    static = figures.budgets.get("static")
    if static is not None and static.samples < 2:
        yield (
            f"What the static chain costs ({static.layer_calls:g} layer calls) pays for no vote: at that budget "
            "sampling is the identity."
        )


def peer_lines(figures: SearchFigures) -> Iterator[str]:
    """The search beside chains that learn nothing."""
    names = {"random": "uniform random chains", "nearby": "random chains near the identity"}
    for peer, found in figures.peers.items():
        figure = found.difference.difference
        what = f"than {names[peer]} at the same number of evaluations ({_points(figure)})"
        yield _said(figure, f"The search finds a right chain oftener {what}", what, "search")


def _excess(figures: SearchFigures) -> Iterator[str]:
    excess = figures.control.excess
    if excess.interval is not None:
        if excess.interval[0] > 0:
            yield f"Chains correct the model oftener than they hit one particular wrong answer ({_points(excess)})."
        else:
            yield (
                "It isn't shown that chains correct the model oftener than they hit one particular wrong answer "
                f"({_points(excess)})."
            )


def _format(figures: SearchFigures) -> Iterator[str]:
    form = figures.format
    if form is not None and form.corrected:
        yield (
            f"Of {form.corrected} corrected inputs, {form.corrected_unparsable_before} had an answer that can't "
            f"be read, and {form.corrected_echo_before} one that echoes the prompt."
        )


def option_lines(figures: RotationFigures) -> Iterator[str]:
    """What becomes of answers when options are moved."""
    if not figures.seen_by_the_model:
        yield "Options moved: the prompt doesn't list them, so the model sees no difference, and this shows nothing."
        return
    own = figures.chains["identity"]
    shares = ", ".join(percent(each.value) for each in own.by_rotation)
    yield (
        f"Options moved, {figures.test_inputs} inputs: the identity is right on {shares}, and at all places on "
        f"{percent(own.right_at_all.value)}."
    )
    survival = figures.survival
    corrected, right, shorter = survival.corrected, survival.identity_right, survival.right_shorter
    if shorter.inputs:
        yield (
            f"Of {shorter.inputs} shorter chains that are right as the options stand, {percent(shorter.at_all.value)} "
            f"stay right wherever they stand (95 %: {_range(shorter.at_all)})."
        )
    if not corrected.inputs:
        yield "No input with options was corrected, so there is nothing that could survive."
        return
    yield (
        f"Corrections ({corrected.inputs}): {percent(corrected.at_all.value)} stay right wherever the options stand "
        f"(95 %: {_range(corrected.at_all)}); of {right.inputs} answers that the identity gets right, "
        f"{percent(right.at_all.value)} do (95 %: {_range(right.at_all)})."
    )
    control, minus = survival.control_hit, survival.corrected_minus_control_hit
    if minus is not None:
        yield (
            f"Hits of the control stay with their wrong option in {percent(control.at_all.value)} of "
            f"{control.inputs}; corrections minus those: {_points(minus)}."
        )


def ablation_lines(table: Line) -> Iterator[str]:
    """Skip-only, loop-only and both."""
    rows = [row for row in table["comparisons"] if row["measure"] == "oracle_accuracy" and row["interval"] is not None]
    apart = [row for row in rows if row["p_holm"] < 0.05 and not row["interval"][0] <= 0 <= row["interval"][1]]
    shares = ", ".join(f"{name} {percent(row['oracle_accuracy']['value'])}" for name, row in table["spaces"].items())
    if not apart:
        yield f"No difference in oracle accuracy is shown between chains that skip, loop, or do both ({shares})."
    for row in apart:
        more, less = (row["first"], row["second"]) if row["difference"] > 0 else (row["second"], row["first"])
        gap = Measured(row["difference"], (row["interval"][0], row["interval"][1]), row["n"])
        yield (
            f"At the same number of evaluations a right chain is found oftener in the space {more!r} than in {less!r} "
            f"({_points(gap)}, {row['first']} less {row['second']})."
        )


def analysis_lines(found: Mapping[str, Line]) -> Iterator[str]:
    """What the analyses of the search say that matters to somebody who reads nothing else."""
    if "edits" in found:
        yield edit_line(found["edits"])
    if "difficulty" in found:
        yield from _difficulty(found["difficulty"])
    if "robustness" in found:
        yield from _robustness(found["robustness"])
    if "similarity" in found:
        yield from _similarity(found["similarity"])


def edit_line(figures: Line) -> str:
    """Which single edits help or hurt over inputs."""
    counted, tried = figures["counted"], f"{len(figures['effects'])} single edits, tried on all {figures['n']} inputs"
    helps, hurts = (", ".join(counted[name]) for name in ("helps", "hurts"))
    tail = f" {len(counted['hurts'])} hurt ({hurts})." if hurts else " None is shown to hurt."
    if not helps:
        return f"Of {tried}, the set of those that are shown to help is empty.{tail}"
    return f"Of {tried}, these are shown to help: {helps}.{tail}"


def _difficulty(figures: Line) -> Iterator[str]:
    group = figures["groups"]["found"]
    if group["retest"]["value"] is not None and group["retest"]["interval"] is not None:
        usable = "good enough" if group["retest"]["reliable"] else "too rough"
        yield (
            f"How many evaluations an input needs until some chain is right repeats with another seed to rho "
            f"{_figure(group['retest'])}, on the {group['evaluations']['n']} inputs where that says anything: {usable} "
            "as a measure of one input."
        )


def _robustness(figures: Line) -> Iterator[str]:
    own, minus = figures["found_corrected"]["reward"], figures["differences"]["found_identity"]
    if own["value"] is not None:
        tail = "" if minus["interval"] is None else (
            f"; minus those of the identity on the same inputs: {_figure(minus)}"
        )  # fmt: skip
        yield f"Of the neighbours of a chain that corrects an input, {_figure(own)} are right, too (share){tail}."


def _similarity(figures: Line) -> Iterator[str]:
    if not figures["phases"]["clear"]:
        yield "The layers' outputs don't show phases beyond an uneven drift from layer to layer."
    yield prior_line(figures)


def prior_line(figures: Line) -> str:
    """Whether Block Influence may guide a search on this model and task."""
    prior = figures["prior"]
    may = "is refused" if prior["verdict"] == "refused" else "may be used"
    return (
        f"Block Influence, how much a layer turns its input, {may} as a prior of which single layer can be skipped "
        f"({prior['reason']})."
    )


def _figure(figure: Line) -> str:
    value, ends = figure["value"], figure["interval"]
    return f"{value:.2f}" + ("" if ends is None else f" (95 %: {ends[0]:.2f} to {ends[1]:.2f})")


def _compared(first: str, second: str, figure: Measured) -> str:
    low, high = ends(figure)
    if low > 0:
        return f"{first} is more accurate than {second} on inputs that nothing was chosen on ({_points(figure)})"
    if high < 0:
        return f"{first} is less accurate than {second} on inputs that nothing was chosen on ({_points(figure)})"
    return f"No difference is shown between {first[0].lower() + first[1:]} and {second} ({_points(figure)})"


def _said(figure: Measured, shown: str, what: str, who: str) -> str:
    low, high = ends(figure)
    if low > 0:
        return f"{shown}."
    if high < 0:
        return f"The {who} finds a right one less often {what}."
    return f"It isn't shown that the {who} finds a right one oftener {what}."


def _points(figure: Measured) -> str:
    low, high = ends(figure)
    return f"{100 * (figure.value or 0.0):+.1f} points, 95 %: {100 * low:+.1f} to {100 * high:+.1f}"


def _range(figure: Measured) -> str:
    return "-" if figure.interval is None else f"{100 * figure.interval[0]:.0f} to {100 * figure.interval[1]:.0f}"
