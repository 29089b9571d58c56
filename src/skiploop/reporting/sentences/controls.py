"""What the controls show: the search for a wrong answer, sampling at equal layer calls, and options moved."""

from __future__ import annotations

from collections.abc import Iterator

from skiploop.reporting.sentences.static import compared
from skiploop.stats import numbers
from skiploop.studies.controls.rotation_figures import RotationFigures, Survival
from skiploop.studies.controls.sampling_figures import SamplingFigures
from skiploop.studies.figures import ControlFigures

# The search for a wrong answer


def beyond_chance(control: ControlFigures) -> bool:
    """Whether the right answer is shown to be reached more often than a wrong one."""
    return control.excess.interval is not None and control.excess.interval[0] > 0


def excess(control: ControlFigures) -> Iterator[str]:
    """The excess, and what its interval means."""
    if control.excess.interval is None:
        return
    if beyond_chance(control):
        means = "the interval is above 0, so chains favour the right answer over a wrong one"
    elif control.excess.excludes():
        means = "the interval is below 0, so chains don't favour the right answer"
    else:
        means = "the interval includes 0, so chance alone may explain it"
    yield (
        f"The excess over the control is {numbers.points_of(control.excess)} on "
        f"{numbers.plural(control.inputs, 'input')}: {means}."
    )


def reached(control: ControlFigures) -> Iterator[str]:
    """How often the control hits."""
    if control.inputs:
        yield (
            f"The control, the same search rewarded for one wrong answer, hits it on "
            f"{numbers.share(control.reached.value)} of the {numbers.plural(control.inputs, 'input')} that the "
            "identity gets wrong."
        )


def near_misses(control: ControlFigures) -> Iterator[str]:
    """What the control can't tell apart."""
    if beyond_chance(control):
        yield (
            "The control's wrong answer is another option, or another input's answer. Where the model narrowly misses, "
            "the right answer is closer to its own than that one, and arbitrary changes favour it without any better "
            "reasoning. This control can't tell the two apart."
        )


# Sampling


def beside_samples(figures: SamplingFigures) -> int:
    """The number of samples that stand beside the search."""
    own = figures.budgets["search"].any
    return 0 if own is None else own.samples


def votes(figures: SamplingFigures) -> Iterator[str]:
    """The vote of samples, which needs no gold answer, against the identity and the static chain."""
    vote = figures.budgets["search"].vote
    if vote is not None:
        cost = f"at {(vote.samples + 1) * figures.num_layers:,} layer calls"
        name = f"A vote of {numbers.plural(vote.samples, 'sample')}"
        yield compared(name, "the identity", vote.minus_identity.difference, cost)
        if vote.minus_static is not None and vote.minus_static != vote.minus_identity:  # else it is the identity
            yield compared(name, "the static chain", vote.minus_static.difference, cost)


def any_sample(figures: SamplingFigures) -> Iterator[str]:
    """The search against any of as many samples as its layer calls pay for."""
    beside = figures.beside_search
    if beside is not None:
        gap = beside.search_minus_any.difference
        low, high = numbers.ends(gap)
        said = "finds right answers for more inputs than" if low > 0 else (
            "finds right answers for fewer inputs than" if high < 0 else "isn't shown to beat"
        )  # fmt: skip
        samples = numbers.plural(beside_samples(figures), "sample")
        yield f"The search {said} any of {samples} at equal layer calls: {numbers.points_of(gap)}."


def sampling_limits(figures: SamplingFigures) -> Iterator[str]:
    """What qualifies the samples."""
    if figures.single_pass:
        yield "Options are scored, so a sample is a draw from one softmax and any of them is a lottery."
    if figures.capped:
        yield (
            f"At most {numbers.plural(figures.samples, 'sample')} were drawn, fewer than the search's budget pays for."
        )
    static = figures.budgets.get("static")
    if static is not None and static.samples < 2:
        yield (
            f"The {static.layer_calls:g} layer calls of the static chain pay for no vote: at that budget, sampling is "
            "the identity."
        )


# Options moved


def options(figures: RotationFigures) -> Iterator[str]:
    """What becomes of answers when options are moved."""
    if not figures.seen_by_the_model:
        yield "Options moved: the prompt doesn't list them, so the model sees no difference and this shows nothing."
        return
    own = figures.chains["identity"]
    shares = ", ".join(numbers.share(each.value) for each in own.by_rotation)
    yield (
        f"Options moved, {numbers.plural(figures.test_inputs, 'input')}: the identity is right on {shares} by position "
        f"and in all positions on {numbers.share(own.right_at_all.value)}."
    )
    yield from _survival(figures.survival)


def _survival(survival: Survival) -> Iterator[str]:
    corrected, right, shorter = survival.corrected, survival.identity_right, survival.right_shorter
    if shorter.inputs:
        yield (
            f"Of {numbers.plural(shorter.inputs, 'shorter right chain')}, {numbers.share_of(shorter.at_all)} stay "
            "right in all positions."
        )
    if not corrected.inputs:
        yield "No input with options was corrected, so no correction could survive."
        return
    yield (
        f"Of {numbers.plural(corrected.inputs, 'correction')}, {numbers.share_of(corrected.at_all)} stay right in all "
        f"positions; of {numbers.plural(right.inputs, 'right answer')} of the identity, "
        f"{numbers.share_of(right.at_all)} do."
    )
    control, minus = survival.control_hit, survival.corrected_minus_control_hit
    if minus is not None:
        yield (
            f"Of {numbers.plural(control.inputs, 'hit')} of the control, {numbers.share(control.at_all.value)} stay "
            f"with their wrong option; corrections less those: {numbers.points_of(minus)}."
        )
