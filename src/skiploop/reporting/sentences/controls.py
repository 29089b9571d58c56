"""What a full study shows and what it doesn't, in sentences: for the terminal and for the report. No torch.

Each sentence says what an interval shows, or that it isn't shown. `full_reading` takes the figures of the parts by
name, as `skiploop.studies.full_record.FullStudy.parts` has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from skiploop.reporting.terminal import percent

Figures = dict[str, Any]


def full_reading(parts: dict[str, Figures]) -> list[str]:
    """What is shown, and what isn't."""
    return [
        *accuracy_lines(parts),
        *(_cost(parts["sampling"]) if "sampling" in parts else ()),
        *oracle_lines(parts),
        *(option_lines(parts["options"]) if "options" in parts else ()),
        *(ablation_lines(parts["ablation"]) if "ablation" in parts else ()),
        *analysis_lines(parts.get("analyses", {})),
        "No router was tested here: the oracle figures say what chains exist, not that one can be picked.",
    ]


def accuracy_lines(parts: dict[str, Figures]) -> Iterator[str]:
    """The static chain and the vote, which need no gold answer."""
    if "static" in parts:
        yield _static(parts["static"])
    if "sampling" in parts:
        yield from _sampling(parts["sampling"])


def oracle_lines(parts: dict[str, Figures]) -> Iterator[str]:
    """The search beside its peers, the control and as many samples."""
    search = parts.get("search")
    if search is not None:
        yield from peer_lines(search)
        yield from _excess(search)
        yield from _format(search)
    yield from any_lines(parts)


def any_lines(parts: dict[str, Figures]) -> Iterator[str]:
    """The search beside any of as many samples."""
    beside = beside_search(parts.get("sampling"))
    if beside is not None:
        found = beside["search_minus_any"]
        what = f"than any of as many sampled answers as the same layer calls pay for ({_points(found)})"
        yield _said(found["interval"], f"The search finds a right answer oftener {what}", what, "search")


def _static(figures: Figures) -> str:
    row = figures["chosen"]["search"]
    if row["difference_interval"] is None:
        return "Static chain: none of the chains tried was better than the identity on training inputs."
    found = {"difference": row["difference"], "interval": row["difference_interval"]}
    return _compared("The static chain", "the identity", found) + (
        f", at {row['depth']} layer calls instead of {figures['chosen']['identity']['depth']}."
    )


def _sampling(figures: Figures) -> Iterator[str]:
    if figures["single_pass"]:
        yield (
            "Options are scored here: samples are draws from one softmax, so their vote tends to the identity's own "
            "choice, and any of them is a lottery."
        )
    own = figures["budgets"]["search"]
    if "vote" in own:
        row = own["vote"]
        yield _compared(f"The vote of {row['samples']} samples", "the identity", row["minus_identity"]) + "."
        if "minus_static" in row and row["minus_static"] != row["minus_identity"]:  # else it is the identity
            yield _compared("That vote", "the static chain", row["minus_static"]) + (
                f"; it costs {(row['samples'] + 1) * figures['num_layers']} layer calls."
            )
    if figures["capped"]:
        yield f"At most {figures['samples']} samples were drawn, fewer than the budget of the search pays for."


def _cost(figures: Figures) -> Iterator[str]:
    static = figures["budgets"].get("static")
    if static is not None and static["samples"] < 2:
        yield (
            f"What the static chain costs ({static['layer_calls']:g} layer calls) pays for no vote: at that budget "
            "sampling is the identity."
        )


def peer_lines(figures: Figures) -> Iterator[str]:
    """The search beside chains that learn nothing."""
    for peer, name in (("random", "uniform random chains"), ("nearby", "random chains near the identity")):
        found = figures.get(f"{peer}_difference")
        if found is not None:
            one = {"difference": found["oracle_accuracy"], "interval": found["interval"]}
            what = f"than {name} at the same number of evaluations ({_points(one)})"
            yield _said(found["interval"], f"The search finds a right chain oftener {what}", what, "search")


def _excess(figures: Figures) -> Iterator[str]:
    if figures["excess"] is not None:
        one = {"difference": figures["excess"], "interval": figures["excess_interval"]}
        if figures["excess_interval"][0] > 0:
            yield f"Chains correct the model oftener than they hit one particular wrong answer ({_points(one)})."
        else:
            yield (
                "It isn't shown that chains correct the model oftener than they hit one particular wrong answer "
                f"({_points(one)})."
            )


def _format(figures: Figures) -> Iterator[str]:
    form = figures.get("format")
    if form is not None and form["corrected"]:
        yield (
            f"Of {form['corrected']} corrected inputs, {form['corrected_unparsable_before']} had an answer that can't "
            f"be read, and {form['corrected_echo_before']} one that echoes the prompt."
        )


def option_lines(figures: Figures) -> Iterator[str]:
    """What becomes of answers when options are moved."""
    if not figures["seen_by_the_model"]:
        yield "Options moved: the prompt doesn't list them, so the model sees no difference, and this shows nothing."
        return
    own = figures["chains"]["identity"]
    shares = ", ".join(percent(each["share"]) for each in own["by_rotation"])
    yield (
        f"Options moved, {figures['test_inputs']} inputs: the identity is right on {shares}, and at all places on "
        f"{percent(own['right_at_all']['share'])}."
    )
    survival = figures["survival"]
    corrected, right, shorter = (survival[name] for name in ("corrected", "identity_right", "right_shorter"))
    if shorter["inputs"]:
        yield (
            f"Of {shorter['inputs']} shorter chains that are right as the options stand, {percent(shorter['all'])} "
            f"stay right wherever they stand (95 %: {_range(shorter['all_interval'])})."
        )
    if not corrected["inputs"]:
        yield "No input with options was corrected, so there is nothing that could survive."
        return
    yield (
        f"Corrections ({corrected['inputs']}): {percent(corrected['all'])} stay right wherever the options stand "
        f"(95 %: {_range(corrected['all_interval'])}); of {right['inputs']} answers that the identity gets right, "
        f"{percent(right['all'])} do (95 %: {_range(right['all_interval'])})."
    )
    control, minus = survival["control_hit"], survival["corrected_minus_control_hit"]
    if minus is not None:
        one = {"difference": minus["all"], "interval": minus["interval"]}
        yield (
            f"Hits of the control stay with their wrong option in {percent(control['all'])} of {control['inputs']}; "
            f"corrections minus those: {_points(one)}."
        )


def ablation_lines(table: Figures) -> Iterator[str]:
    """Skip-only, loop-only and both."""
    rows = [row for row in table["comparisons"] if row["measure"] == "oracle_accuracy" and row["interval"] is not None]
    apart = [row for row in rows if row["p_holm"] < 0.05 and not row["interval"][0] <= 0 <= row["interval"][1]]
    shares = ", ".join(f"{name} {percent(row['oracle_accuracy'])}" for name, row in table["spaces"].items())
    if not apart:
        yield f"No difference in oracle accuracy is shown between chains that skip, loop, or do both ({shares})."
    for row in apart:
        more, less = (row["first"], row["second"]) if row["difference"] > 0 else (row["second"], row["first"])
        yield (
            f"At the same number of evaluations a right chain is found oftener in the space {more!r} than in {less!r} "
            f"({_points(row)}, {row['first']} less {row['second']})."
        )


def analysis_lines(found: Figures) -> Iterator[str]:
    """What the analyses of the search say that matters to somebody who reads nothing else."""
    if "edits" in found:
        yield edit_line(found["edits"])
    if "difficulty" in found:
        yield from _difficulty(found["difficulty"])
    if "robustness" in found:
        yield from _robustness(found["robustness"])
    if "similarity" in found:
        yield from _similarity(found["similarity"])


def edit_line(figures: Figures) -> str:
    """Which single edits help or hurt over inputs."""
    counted, tried = figures["counted"], f"{len(figures['effects'])} single edits, tried on all {figures['n']} inputs"
    helps, hurts = (", ".join(counted[name]) for name in ("helps", "hurts"))
    tail = f" {len(counted['hurts'])} hurt ({hurts})." if hurts else " None is shown to hurt."
    if not helps:
        return f"Of {tried}, the set of those that are shown to help is empty.{tail}"
    return f"Of {tried}, these are shown to help: {helps}.{tail}"


def _difficulty(figures: Figures) -> Iterator[str]:
    group = figures["groups"]["found"]
    if group["retest"]["value"] is not None and group["retest"]["interval"] is not None:
        usable = "good enough" if group["retest"]["reliable"] else "too rough"
        yield (
            f"How many evaluations an input needs until some chain is right repeats with another seed to rho "
            f"{_figure(group['retest'])}, on the {group['evaluations']['n']} inputs where that says anything: {usable} "
            "as a measure of one input."
        )


def _robustness(figures: Figures) -> Iterator[str]:
    own, minus = figures["found_corrected"]["reward"], figures["differences"]["found_identity"]
    if own["value"] is not None:
        tail = "" if minus["interval"] is None else (
            f"; minus those of the identity on the same inputs: {_figure(minus)}"
        )  # fmt: skip
        yield f"Of the neighbours of a chain that corrects an input, {_figure(own)} are right, too (share){tail}."


def _similarity(figures: Figures) -> Iterator[str]:
    if not figures["phases"]["clear"]:
        yield "The layers' outputs don't show phases beyond an uneven drift from layer to layer."
    yield prior_line(figures)


def prior_line(figures: Figures) -> str:
    """Whether Block Influence may guide a search on this model and task."""
    prior = figures["prior"]
    may = "is refused" if prior["verdict"] == "refused" else "may be used"
    return (
        f"Block Influence, how much a layer turns its input, {may} as a prior of which single layer can be skipped "
        f"({prior['reason']})."
    )


def _figure(figure: Figures) -> str:
    value, ends = figure["value"], figure["interval"]
    return f"{value:.2f}" + ("" if ends is None else f" (95 %: {ends[0]:.2f} to {ends[1]:.2f})")


def beside_search(sampling: Mapping[str, Any] | None) -> Figures | None:
    """Any of the samples beside the search, on the inputs of the search; None where that wasn't done."""
    found = None if sampling is None else sampling["budgets"]["search"].get("any", {}).get("search_inputs")
    return found if isinstance(found, dict) else None


def _compared(first: str, second: str, found: Figures) -> str:
    low, high = found["interval"]
    if low > 0:
        return f"{first} is more accurate than {second} on inputs that nothing was chosen on ({_points(found)})"
    if high < 0:
        return f"{first} is less accurate than {second} on inputs that nothing was chosen on ({_points(found)})"
    return f"No difference is shown between {first[0].lower() + first[1:]} and {second} ({_points(found)})"


def _said(interval: Sequence[float], shown: str, what: str, who: str) -> str:
    if interval[0] > 0:
        return f"{shown}."
    if interval[1] < 0:
        return f"The {who} finds a right one less often {what}."
    return f"It isn't shown that the {who} finds a right one oftener {what}."


def _points(found: Figures) -> str:
    low, high = found["interval"]
    return f"{100 * found['difference']:+.1f} points, 95 %: {100 * low:+.1f} to {100 * high:+.1f}"


def _range(interval: Sequence[float] | None) -> str:
    return "-" if interval is None else f"{100 * interval[0]:.0f} to {100 * interval[1]:.0f}"
